package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"relaywatch/mail"
)

const (
	selectHashSeed = `SELECT hash_seed FROM meta`

	selectAddressesOfHash = `SELECT a.id, a.local, d.name FROM address_hashes h
		JOIN addresses a ON a.id = h.address_id JOIN domains d ON d.id = a.domain_id WHERE h.hash = ?`
	// Those that have no hash yet, of some local parts.
	selectNewerAddresses = `SELECT a.id, a.local, d.name FROM addresses a JOIN domains d ON d.id = a.domain_id
		WHERE a.id > (SELECT settled FROM meta) AND a.local IN (SELECT value FROM json_each(?))`
)

// addressNumbers are the numbers of paths in table addresses, of those that are there.
// It looks through the newer ones once, in some 20 ms.
func addressNumbers(ctx context.Context, q queryer, paths []mail.Path) (map[mail.Path]int64, error) {
	numbers := make(map[mail.Path]int64)
	var seed int64
	if err := each(ctx, q, func(scan scanner) error { return scan(&seed) }, selectHashSeed); err != nil {
		return nil, err
	}
	note := func(scan scanner) error {
		var id int64
		var local, domain string
		err := scan(&id, &local, &domain)
		if path := join(local, domain); slices.Contains(paths, path) {
			numbers[path] = id
		}
		return err
	}
	var locals []string
	for _, path := range paths {
		switch {
		case !path.Known():
			continue
		case path == "":
			numbers[path] = nullPath
			continue
		}
		hash := (&addresses{seed: uint64(seed)}).hash(path)
		if err := each(ctx, q, note, selectAddressesOfHash, int64(int32(hash))); err != nil {
			return nil, err
		}
		if numbers[path] == 0 {
			local, _ := split(path)
			locals = append(locals, local)
		}
	}
	if len(locals) == 0 {
		return numbers, nil
	}
	list, err := json.Marshal(locals)
	if err != nil {
		return nil, err
	}
	return numbers, each(ctx, q, note, selectNewerAddresses, string(list))
}

// addressNumber is the number of a path in table addresses; 0 if it is not there.
func addressNumber(ctx context.Context, q queryer, path mail.Path) (int64, error) {
	numbers, err := addressNumbers(ctx, q, []mail.Path{path})
	return numbers[path], err
}

// FirstMailed tells when anybody here first mailed each of a few recipients, as far
// back as the store reaches. No index leads from an address to its rows, as it would
// cost more than all of them: it reads the zones that may have an earlier one.
func (db *DB) FirstMailed(ctx context.Context, paths []mail.Path) (map[mail.Path]mail.Time, error) {
	first := map[mail.Path]mail.Time{}
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		byPath, err := addressNumbers(ctx, tx, paths)
		if err != nil {
			return err
		}
		all, err := zones(ctx, tx)
		if err != nil {
			return err
		}
		byNumber := map[int64]mail.Path{}
		for path, number := range byPath {
			byNumber[number] = path
		}
		for _, z := range all {
			var wanted []int64
			for number, path := range byNumber {
				if at, found := first[path]; number <= z.lastAddress && (!found || int64(at) > z.oldest) {
					wanted = append(wanted, number)
				}
			}
			if len(wanted) == 0 {
				continue
			}
			err := firstIn(ctx, tx, z, wanted, func(number int64, at mail.Time) {
				path := byNumber[number]
				if before, found := first[path]; !found || at < before {
					first[path] = at
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return first, err
}

// firstIn calls f with the first time of each of the numbers that a zone has.
func firstIn(ctx context.Context, q queryer, z zone, numbers []int64, f func(number int64, at mail.Time)) error {
	// CROSS JOIN keeps SQLite from reading the transactions first. Most rows are told
	// apart by the least and the greatest number, at half the cost of the list.
	query := `SELECT r.address_id, min(t.time + r.time_delta) FROM recipients r CROSS JOIN transactions t ON t.id = r.id >> 16
		CROSS JOIN origins o ON o.id = t.origin_id
		WHERE r.id >= ? << 16 AND r.id < ? << 16 AND r.address_id BETWEEN ? AND ? AND r.address_id IN (?` + strings.Repeat(",?", len(numbers)-1) + `)
		AND o.direction = 0 AND o.hop = 0 GROUP BY 1`
	args := []any{z.first, z.next, slices.Min(numbers), slices.Max(numbers)}
	for _, number := range numbers {
		args = append(args, number)
	}
	return each(ctx, q, func(scan scanner) error {
		var number int64
		var at mail.Time
		err := scan(&number, &at)
		f(number, at)
		return err
	}, query, args...)
}
