package store

import (
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
//
// Table address_hashes finds them by their text. Its entries come in random order: kept
// up with each batch they would cost more than all the rest. So the newest addresses
// have none yet. They are in the cache, always, and get their entries all at once, in
// order, when they are many: see settle.
type addresses struct {
	seed    uint64
	next    int64 // The id of the next new address.
	settled int64 // meta.settled: those above it are in the cache, those up to it in address_hashes.
	newer   unsettled
	most    unsettled     // So many are settled at once.
	cache   *addressCache // nil until a batch names an address: an agent at rest needs none.
	asked   int64         // How many were looked up in the store since it was opened.
	hashes  []uint32      // Memory of hashesOf.
	used    bitmap        // Notes what is named, while Prune looks for orphans; nil otherwise.
}

// unsettled is how many addresses are not settled, and what they take in the cache.
type unsettled struct {
	count int64
	bytes int
}

// mostUnsettled is some 9 MB of memory, which the writer reads back with its first
// batch, in half a second at the most. It must leave room for others in the cache.
var mostUnsettled = unsettled{1 << 18, maxCacheBytes / 4 * 3}

// hashed is a row of table address_hashes. They are in its order as numbers are: by hash,
// which has a sign there, then by id.
type hashed uint64

func newHashed(hash uint32, id int64) hashed { return hashed(hash^1<<31)<<32 | hashed(uint32(id)) }

func (h hashed) hash() int64 { return int64(int32(uint32(h>>32) ^ 1<<31)) }

func (h hashed) id() int64 { return int64(uint32(h)) }

var (
	insertAddress = newInsert("addresses", "id, domain_id, local", "")
	insertHash    = newInsert("address_hashes", "hash, address_id", "")
)

// addressWriter gives the paths of one batch their numbers.
type addressWriter struct {
	tx    *sql.Tx
	known *known
	rows  inserter
}

// hash mixes the seed in, which nobody outside knows.
func (a *addresses) hash(path mail.Path) uint32 {
	var d xxhash.Digest
	d.ResetWithSeed(a.seed)
	_, _ = d.WriteString(string(path)) // Never an error.
	return uint32(d.Sum64() >> 32)
}

// hashesOf are the hashes of recipients, valid until the next call. What the cache holds
// of them is on its way to the processor by then: their memory is waited for at once, not
// for each.
func (a *addresses) hashesOf(recipients []mail.Recipient) []uint32 {
	a.hashes = a.hashes[:0]
	for i := range recipients {
		a.hashes = append(a.hashes, a.hash(recipients[i].Path))
	}
	a.cache.touch(a.hashes)
	return a.hashes
}

// id is the number of path and its domain, adding them if they are new. An unknown path
// has the number 0, which is no address, and no domain.
func (w *addressWriter) id(ctx context.Context, path mail.Path) (int64, domain, error) {
	return w.idOf(ctx, path, w.known.addresses.hash(path))
}

// idOf is id of a path whose hash is known.
//
// All addresses of the store that the batch names must be in the cache: see load.
func (w *addressWriter) idOf(ctx context.Context, path mail.Path, hash uint32) (int64, domain, error) {
	if !path.Known() {
		return 0, domain{external: unknown}, nil
	}
	local, name := split(path)
	d, err := w.known.domains.get(ctx, w.tx, name)
	if err != nil || path == "" {
		return nullPath, d, err
	}
	a := &w.known.addresses
	if id, ok := a.cache.find(hash, d.id, local); ok {
		a.used.set(id)
		return id, d, nil
	}
	id := a.next
	a.next++
	if err := w.rows.add(ctx, id, d.id, local); err != nil {
		return 0, d, err
	}
	a.add(hash, d.id, local, id)
	return id, d, nil
}

// add adds an address that is not settled.
func (a *addresses) add(hash uint32, domain int64, local string, id int64) {
	a.newer.count++
	a.newer.bytes += a.cache.add(hash, domain, local, id)
}

const updateSettled = `UPDATE meta SET settled = ?`

// flush stores what is new.
func (w *addressWriter) flush(ctx context.Context) error {
	if err := w.rows.flush(ctx); err != nil {
		return err
	}
	a := &w.known.addresses
	if a.newer.count == 0 || a.newer.count < a.most.count && a.newer.bytes < a.most.bytes {
		return nil
	}
	return a.settle(ctx, w.tx, w.known)
}

// settle writes the hashes of the newer addresses, in their order: neighbours share pages.
func (a *addresses) settle(ctx context.Context, tx *sql.Tx, k *known) error {
	rows := insertHash.on(k)
	for _, h := range a.cache.above(a.settled, a.newer.count) {
		if err := rows.add(ctx, h.hash(), h.id()); err != nil {
			return err
		}
	}
	if err := rows.flush(ctx); err != nil {
		return err
	}
	a.settled, a.newer = a.next-1, unsettled{}
	_, err := tx.ExecContext(ctx, updateSettled, a.settled)
	return err
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
func (a *addresses) load(ctx context.Context, tx *sql.Tx, b *ingest.Batch, in *domains) error {
	switch {
	case a.cache == nil && len(b.Transactions)+len(b.Deliveries) == 0:
		return nil
	case a.cache == nil:
		a.cache = newAddressCache()
		if err := a.loadAbove(ctx, tx, a.settled); err != nil {
			return err
		}
		a.cache.whole = a.settled == nullPath
	case a.cache.bytes > maxCacheBytes:
		a.cache.drop(a.settled)
	}
	if a.cache.whole {
		return nil
	}
	missing := make(map[mail.Path]uint32)
	absent := make(map[string]bool) // Domains that the store has not: they are asked for once.
	var failed error
	look := func(path mail.Path) {
		if path == "" || !path.Known() {
			return
		}
		local, name := split(path)
		if failed != nil || absent[name] {
			return // Nor is there the address.
		}
		d, err := in.find(ctx, tx, name)
		if failed = err; d.id == 0 {
			absent[name] = true
			return
		}
		hash := a.hash(path)
		if _, ok := a.cache.find(hash, d.id, local); !ok {
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
	if failed != nil {
		return failed
	}
	hashes := make([]int32, 0, len(missing))
	for _, hash := range missing {
		hashes = append(hashes, int32(hash))
	}
	a.asked += int64(len(hashes))
	if a.next <= maxAtOnce && a.asked > a.next/dearer {
		a.cache.whole = true
		return a.loadAbove(ctx, tx, nullPath)
	}
	slices.Sort(hashes)
	return a.loadHashes(ctx, tx, slices.Compact(hashes))
}

// maxLookups is how many hashes one statement looks up.
const maxLookups = 100

var selectHashes = `SELECT a.id, a.local, d.id, d.name FROM address_hashes h
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
	// Prune may have removed the last of those that are settled.
	selectNextAddress = `SELECT max((SELECT max(id) FROM addresses), settled) + 1 FROM meta`
	selectAddresses   = `SELECT a.id, a.local, d.id, d.name FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id > ?`
)

// loadAbove puts the addresses with greater numbers into the cache.
func (a *addresses) loadAbove(ctx context.Context, tx *sql.Tx, id int64) error {
	rows, err := tx.QueryContext(ctx, selectAddresses, id)
	if err != nil {
		return err
	}
	return a.fill(rows)
}

// fill adds what rows tell to the cache: id, local, id and name of the domain.
func (a *addresses) fill(rows *sql.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var (
			id, domain  int64
			local, name string
		)
		if err := rows.Scan(&id, &local, &domain, &name); err != nil {
			return err
		}
		hash := a.hash(join(local, name))
		if _, ok := a.cache.find(hash, domain, local); ok {
			continue
		}
		if id > a.settled {
			a.add(hash, domain, local, id)
		} else {
			a.cache.add(hash, domain, local, id)
		}
	}
	return rows.Err()
}
