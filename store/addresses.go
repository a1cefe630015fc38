package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// nullPath is the number of the null reverse-path.
const nullPath = 1

// addresses are the numbers of table addresses.
type addresses struct {
	seed  uint64
	next  int64 // The id of the next new address.
	cache *addressCache
	asked int64  // How many were looked up in the store since it was opened.
	used  bitmap // Notes what is named, while Prune looks for orphans; nil otherwise.
}

// hashed is a row of table address_hashes.
type hashed struct {
	hash uint32
	id   int64
}

var (
	insertAddress = newInsert("addresses", "id, domain_id, local", "")
	insertHash    = newInsert("address_hashes", "hash, address_id", "")
)

// addressWriter gives the paths of one batch their numbers.
type addressWriter struct {
	known *known
	rows  inserter
	added []hashed // New ones, whose hashes are still to be stored.
}

// hash mixes the seed in, which nobody outside knows.
func (a *addresses) hash(path mail.Path) uint32 {
	var d xxhash.Digest
	d.ResetWithSeed(a.seed)
	_, _ = d.WriteString(string(path)) // Never an error.
	return uint32(d.Sum64() >> 32)
}

// id is the number of path and whether it is outside, adding it if it is new. An
// unknown path has the number 0, which is no address.
//
// All addresses of the store that the batch names must be in the cache: see load.
func (w *addressWriter) id(ctx context.Context, path mail.Path) (int64, external, error) {
	switch {
	case !path.Known():
		return 0, unknown, nil
	case path == "":
		return nullPath, w.known.domains.external(""), nil
	}
	a := &w.known.addresses
	hash := a.hash(path)
	if id, e, ok := a.cache.find(hash, path); ok {
		a.used.set(id)
		return id, e, nil
	}
	local, name := split(path)
	d, err := w.known.domains.get(ctx, w.rows.tx, name)
	if err != nil {
		return 0, unknown, err
	}
	id := a.next
	a.next++
	if err := w.rows.add(ctx, id, d.id, local); err != nil {
		return 0, unknown, err
	}
	a.cache.add(hash, path, id, d.external)
	w.added = append(w.added, hashed{hash, id})
	return id, d.external, nil
}

// flush stores what is new, hashes in their order: neighbours share pages.
func (w *addressWriter) flush(ctx context.Context) error {
	if err := w.rows.flush(ctx); err != nil {
		return err
	}
	slices.SortFunc(w.added, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(int32(a.hash), int32(b.hash)), cmp.Compare(a.id, b.id))
	})
	rows := insertHash.on(w.rows.tx)
	for _, h := range w.added {
		if err := rows.add(ctx, int64(int32(h.hash)), h.id); err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}

// split is how table addresses keeps a path: as local and the name of its domain.
func split(path mail.Path) (local, domain string) {
	domain = path.Domain()
	if domain == "" {
		return string(path), ""
	}
	return string(path[:len(path)-len(domain)-1]), domain
}

// join is the path that split took apart.
func join(local, domain string) mail.Path {
	if domain == "" {
		return mail.Path(local)
	}
	return mail.Path(local + "@" + domain)
}

// load makes sure that every address of the store that b names is in the cache.
func (a *addresses) load(ctx context.Context, tx *sql.Tx, b *ingest.Batch) error {
	if len(a.cache.texts) > maxCacheBytes {
		a.cache = newAddressCache()
	}
	if a.cache.whole {
		return nil
	}
	missing := make(map[mail.Path]uint32)
	look := func(path mail.Path) {
		if path == "" || !path.Known() {
			return
		}
		hash := a.hash(path)
		if _, _, ok := a.cache.find(hash, path); !ok {
			missing[path] = hash
		}
	}
	for i := range b.Transactions {
		look(b.Transactions[i].ReversePath)
		for j := range b.Transactions[i].Recipients {
			look(b.Transactions[i].Recipients[j].Path)
		}
	}
	for i := range b.Deliveries {
		look(b.Deliveries[i].ReversePath)
		look(b.Deliveries[i].Recipient)
	}
	hashes := make([]int32, 0, len(missing))
	for _, hash := range missing {
		hashes = append(hashes, int32(hash))
	}
	a.asked += int64(len(hashes))
	if a.next <= maxAtOnce && a.asked > a.next/dearer {
		return a.loadAll(ctx, tx)
	}
	slices.Sort(hashes)
	return a.loadHashes(ctx, tx, slices.Compact(hashes))
}

// maxLookups is how many hashes one statement looks up.
const maxLookups = 100

var selectHashes = `SELECT a.id, a.local, d.name, coalesce(d.external, -1) FROM address_hashes h
	JOIN addresses a ON a.id = h.address_id JOIN domains d ON d.id = a.domain_id
	WHERE h.hash IN (?` + strings.Repeat(",?", maxLookups-1) + `)`

// loadHashes puts the addresses of these hashes into the cache.
func (a *addresses) loadHashes(ctx context.Context, tx *sql.Tx, hashes []int32) error {
	args := make([]any, maxLookups)
	for part := range slices.Chunk(hashes, maxLookups) {
		for i := range args {
			args[i] = int64(part[min(i, len(part)-1)]) // The last one again, to fill the statement.
		}
		rows, err := tx.QueryContext(ctx, selectHashes, args...)
		if err != nil {
			return err
		}
		if err := a.fill(rows); err != nil {
			return err
		}
	}
	return nil
}

// Addresses are looked up as batches name them, so that an agent that starts does not
// wait for those that nobody writes to, nor hold them. Looking up is some four times
// dearer than reading all: once it has cost as much, all are loaded, in half a second
// at the most. Larger stores are asked for ever.
const (
	maxAtOnce = 400_000
	dearer    = 4
)

const (
	selectNextAddress = `SELECT coalesce(max(id), 1) + 1 FROM addresses`
	selectAddresses   = `SELECT a.id, a.local, d.name, coalesce(d.external, -1) FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id > 1`
)

// open looks what the store holds.
func (a *addresses) open(ctx context.Context, tx *sql.Tx) error {
	a.cache = newAddressCache()
	if err := tx.QueryRowContext(ctx, selectNextAddress).Scan(&a.next); err != nil {
		return err
	}
	a.cache.whole = a.next == firstAddress
	return nil
}

// firstAddress is the number of the first address that is stored; nullPath is below.
const firstAddress = nullPath + 1

func (a *addresses) loadAll(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, selectAddresses)
	if err != nil {
		return err
	}
	if err := a.fill(rows); err != nil {
		return err
	}
	a.cache.whole = true
	return nil
}

// fill adds what rows tell to the cache: id, local, domain, external.
func (a *addresses) fill(rows *sql.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var (
			id            int64
			local, domain string
			e             external
		)
		if err := rows.Scan(&id, &local, &domain, &e); err != nil {
			return err
		}
		path := join(local, domain)
		hash := a.hash(path)
		if _, _, ok := a.cache.find(hash, path); !ok {
			a.cache.add(hash, path, id, e)
		}
	}
	return rows.Err()
}
