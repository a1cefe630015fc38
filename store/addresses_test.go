package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestCollisions gives all addresses the same hash.
func TestCollisions(t *testing.T) {
	c := newAddressCache()
	for i := range 3000 {
		c.add(7, int64(i%2), fmt.Sprintf("u%d", i/2), int64(i+2))
	}
	for i := range 3000 {
		id, ok := c.find(7, int64(i%2), fmt.Sprintf("u%d", i/2))
		if !ok || id != int64(i+2) {
			t.Fatalf("u%d: got %d, %t; want %d, true", i, id, ok, i+2)
		}
	}
	if id, ok := c.find(7, 1, "other"); ok {
		t.Errorf("an address that is not there: got %d", id)
	}
	if id, ok := c.find(7, 2, "u1"); ok {
		t.Errorf("an address of another domain: got %d", id)
	}
}

func TestCollisionInStore(t *testing.T) {
	db := newStore(t)
	db.most = atOnce
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", "a@example.net", "b@example.net")}, Logs: []ingest.Log{logAt(log1, 900)}})
	db.Close()
	// All hashes of the store are those of one address.
	execute(t, db.path, `UPDATE address_hashes SET hash = (SELECT h.hash FROM address_hashes h WHERE h.address_id = 2)`)
	db = open(t, db.path)
	forget(t, db)
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(500), t0, "", "a@example.net")}})
	if diff := cmp.Diff([]string{"a@example.net | 2", "b@example.net | 1"}, rows(t, db, `SELECT recipient, count(*) FROM v_recipients GROUP BY 1`)); diff != "" {
		t.Errorf("recipients: want -, got +\n%s", diff)
	}
	if got := rows(t, db, `SELECT count(*) FROM addresses`); got[0] != "3" {
		t.Errorf("addresses: got %s; want 3 with the null path", got[0])
	}
}

// A text of any length fits, and is found beside others; what takes their place in
// numbers is found no more when they are removed.
func TestCacheOfLongTexts(t *testing.T) {
	c := newAddressCache()
	a := &addresses{seed: 7, cache: c}
	var locals []string
	for i, n := range []int{1, 4000, blockSize - entryHead, blockSize - entryHead + 1, 3, 3 * blockSize, blockSize / 2, blockSize/2 + 1, 9} {
		local := fmt.Sprintf("%d%s", i, strings.Repeat("x", n-1))
		locals = append(locals, local)
		c.add(a.hash(mail.Path(local)), 1, local, int64(i+2))
	}
	for i, local := range locals {
		if id, ok := c.find(a.hash(mail.Path(local)), 1, local); !ok || id != int64(i+2) {
			t.Errorf("text %d: got %d, %t; want %d", i, id, ok, i+2)
		}
	}
	c.remove(a.hash(mail.Path(locals[5])), 1, locals[5])
	for range 2 { // Again, there is nothing to forget.
		c.drop(3)
		for i, local := range locals {
			if _, ok := c.find(a.hash(mail.Path(local)), 1, local); ok != (i > 1 && i != 5) {
				t.Errorf("text %d: kept %t; want those above 3 that were not removed", i, ok)
			}
		}
	}
	for i := range 20_000 { // Where what was forgotten stood, and behind.
		c.add(uint32(i), 2, fmt.Sprint(i), int64(i+11))
	}
	c.drop(6)
	for i := range 20_000 {
		if id, ok := c.find(uint32(i), 2, fmt.Sprint(i)); !ok || id != int64(i+11) {
			t.Fatalf("%d: got %d, %t; want %d", i, id, ok, i+11)
		}
	}
	for i, local := range locals {
		if id, ok := c.find(a.hash(mail.Path(local)), 1, local); ok != (i > 5) || ok && id != int64(i+2) {
			t.Errorf("text %d: got %d, %t; want those above 6", i, id, ok)
		}
	}
}

// forget makes the writer ask the store for each address that is settled, as it does in
// a large one.
func forget(t *testing.T, db *DB) {
	t.Helper()
	write(t, db, &ingest.Batch{})
	if a := &db.known.addresses; a.cache != nil {
		a.cache.drop(a.settled)
	}
}

// atOnce settles addresses with the batch that brings them.
var atOnce = unsettled{count: 1, bytes: 1}

// TestLargeStore stores the same with a cache that never holds what it needs, with
// addresses settled at several moments, and by a program that ends after each batch.
func TestLargeStore(t *testing.T) {
	small := newStore(t)
	for i := range 6 {
		write(t, small, numbered(i%3+10*(i/3)))
	}
	for _, most := range []unsettled{atOnce, {900, maxCacheBytes}, {1 << 18, 9000}, mostUnsettled} {
		for _, ends := range []bool{false, true} {
			large := newStore(t)
			for i := range 6 {
				large.most = most
				forget(t, large)
				write(t, large, numbered(i%3+10*(i/3)))
				if ends {
					large.Close()
					large = open(t, large.path)
				}
			}
			for _, table := range []string{"addresses", "v_recipients", "domains"} {
				if diff := cmp.Diff(rows(t, small, "SELECT * FROM "+table), rows(t, large, "SELECT * FROM "+table)); diff != "" {
					t.Errorf("%+v, %s: with the cache -, without +\n%s", most, table, diff)
				}
			}
			if got := rows(t, large, `SELECT count(*), count(DISTINCT local || ' ' || domain_id) FROM addresses`); got[0] != rows(t, large, `SELECT count(*), count(*) FROM addresses`)[0] {
				t.Errorf("%+v: addresses, different ones: got %s", most, got[0])
			}
			checkSettled(t, large, most.count < mostUnsettled.count || most.bytes < mostUnsettled.bytes)
		}
	}
}

// checkSettled tells whether those up to meta.settled, and only those, have a hash.
func checkSettled(t *testing.T, db *DB, some bool) {
	t.Helper()
	const differing = `SELECT count(*) FROM addresses a LEFT JOIN address_hashes h ON h.address_id = a.id
		WHERE a.id > 1 AND (h.address_id IS NOT NULL) <> (a.id <= (SELECT settled FROM meta))`
	if got := rows(t, db, differing); got[0] != "0" {
		t.Errorf("addresses that have a hash before they are settled, or none after: got %s; want none", got[0])
	}
	if got := rows(t, db, `SELECT (SELECT count(*) FROM address_hashes), (SELECT count(*) FROM addresses WHERE id BETWEEN 2 AND (SELECT settled FROM meta))`); got[0] != rows(t, db, `SELECT count(*), count(*) FROM address_hashes`)[0] {
		t.Errorf("hashes, addresses that are settled: got %s; want as many", got[0])
	}
	if got := rows(t, db, `SELECT settled > 1 FROM meta`); got[0] != map[bool]string{false: "0", true: "1"}[some] {
		t.Errorf("some are settled: got %s; want %t", got[0], some)
	}
}

// Readers find addresses before and after they are settled.
func TestAddressNumbers(t *testing.T) {
	db := newStore(t)
	db.most = atOnce
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", "old@example.net")}, Logs: []ingest.Log{logAt(log1, 900)}})
	db.most, db.known = mostUnsettled, nil
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(500), t0, "", "new@example.net", "new@example.org", "o'brien")}})
	want := map[mail.Path]int64{"": 1, "old@example.net": 2, "new@example.net": 3, "new@example.org": 4, "o'brien": 5}
	got, err := addressNumbers(t.Context(), db.read, []mail.Path{"new@example.org", "", "old@example.net", "none@example.net", "new@example.net", "o'brien", mail.UnknownPath})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; want -, got +\n%s", err, diff)
	}
	checkSettled(t, db, true)
}

// Addresses that come after the last of those that were settled is pruned do not take
// its number: nobody would find them.
func TestSettledAndPruned(t *testing.T) {
	db := newStore(t)
	db.most = atOnce
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "", "a@example.net", "b@example.net")}, Logs: []ingest.Log{logAt(log1, 900)}})
	newest := sent(at(500), t0+2*86400, "", "a@example.net")
	log := logAt(log1, 1000)
	log.LastTime = newest.EndAt
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{newest}, Logs: []ingest.Log{log}})
	if p, err := db.Prune(t.Context(), KeepAll(day), farAhead); err != nil || p.Addresses != 1 {
		t.Fatalf("got %+v, %v; want one address removed", p, err)
	}
	db.Close()
	db = open(t, db.path)
	for i, offset := range []int64{600, 700} {
		forget(t, db)
		write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(offset), newest.At+mail.Time(i), "", "c@example.net")}})
		db.known = nil
	}
	if diff := cmp.Diff([]string{" | 1", "a | 2", "c | 4"}, rows(t, db, `SELECT local, id FROM addresses`)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	checkSettled(t, db, true)
}

// TestTwoWriters lets another program write in between.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relaywatch.db")
	one, two := open(t, path), open(t, path)
	tx := func(offset int64, to mail.Path) *ingest.Batch {
		return &ingest.Batch{Transactions: []mail.Transaction{sent(at(offset), t0, "ann@corp.example", to)}, Logs: []ingest.Log{logAt(log1, offset+1)}}
	}
	write(t, one, tx(0, "a@example.net"))
	write(t, two, tx(1000, "b@example.net"))
	write(t, one, tx(2000, "b@example.net"))
	write(t, two, tx(3000, "a@example.net"))
	want := []string{"1 | a@example.net", "2 | b@example.net", "3 | b@example.net", "4 | a@example.net"}
	if diff := cmp.Diff(want, rows(t, one, `SELECT transaction_id, recipient FROM v_recipients`)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := rows(t, one, `SELECT count(*) FROM addresses`); got[0] != "4" {
		t.Errorf("addresses: got %s; want 3 and the null path", got[0])
	}
}
