package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"relaywatch/mail"
)

const (
	selectHashSeed = `SELECT hash_seed FROM meta`

	selectAddressesOfHash = `SELECT a.id, a.local, d.name FROM address_hashes h
		JOIN addresses a ON a.id = h.address_id JOIN domains d ON d.id = a.domain_id WHERE h.hash = ?`
)

// addressNumber is the number of a path in table addresses; 0 if it is not there.
func addressNumber(ctx context.Context, q queryer, path mail.Path) (int64, error) {
	switch {
	case !path.Known():
		return 0, nil
	case path == "":
		return nullPath, nil
	}
	var seed, number int64
	if err := each(ctx, q, func(scan scanner) error { return scan(&seed) }, selectHashSeed); err != nil {
		return 0, err
	}
	hash := (&addresses{seed: uint64(seed)}).hash(path)
	err := each(ctx, q, func(scan scanner) error {
		var id int64
		var local, domain string
		err := scan(&id, &local, &domain)
		if err == nil && join(local, domain) == path {
			number = id
		}
		return err
	}, selectAddressesOfHash, int64(int32(hash)))
	return number, err
}

// FirstMailed tells when anybody here first mailed each of a few recipients, as far
// back as the store reaches. It reads all recipients once: no index leads from an
// address to its rows, as it would cost more than all of them.
func (db *DB) FirstMailed(ctx context.Context, paths []mail.Path) (map[mail.Path]mail.Time, error) {
	first := map[mail.Path]mail.Time{}
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		byNumber := map[int64]mail.Path{}
		var numbers []any
		for _, path := range paths {
			number, err := addressNumber(ctx, tx, path)
			if err != nil {
				return err
			}
			if _, again := byNumber[number]; number != 0 && !again {
				byNumber[number] = path
				numbers = append(numbers, number)
			}
		}
		if len(numbers) == 0 {
			return nil
		}
		// CROSS JOIN keeps SQLite from reading the transactions first. Most rows are told
		// apart by the least and the greatest number, at half the cost of the list.
		slices.SortFunc(numbers, func(a, b any) int { return cmp.Compare(a.(int64), b.(int64)) })
		query := `SELECT r.address_id, min(t.time + r.time_delta) FROM recipients r CROSS JOIN transactions t ON t.id = r.id >> 16
			CROSS JOIN origins o ON o.id = t.origin_id
			WHERE r.address_id BETWEEN ? AND ? AND r.address_id IN (?` + strings.Repeat(",?", len(numbers)-1) + `) AND o.direction = 0 AND o.hop = 0 GROUP BY 1`
		return each(ctx, tx, func(scan scanner) error {
			var number int64
			var at mail.Time
			err := scan(&number, &at)
			first[byNumber[number]] = at
			return err
		}, query, append([]any{numbers[0], numbers[len(numbers)-1]}, numbers...)...)
	})
	return first, err
}
