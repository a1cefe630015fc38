package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// TestCollisions gives all addresses the same hash.
func TestCollisions(t *testing.T) {
	c := newAddressCache()
	for i := range 3000 {
		c.add(7, mail.Path(fmt.Sprintf("u%d@example.net", i)), int64(i+2), external(i%3-1))
	}
	for i := range 3000 {
		id, e, ok := c.find(7, mail.Path(fmt.Sprintf("u%d@example.net", i)))
		if !ok || id != int64(i+2) || e != external(i%3-1) {
			t.Fatalf("u%d: got %d, %d, %t; want %d, %d, true", i, id, e, ok, i+2, i%3-1)
		}
	}
	if id, _, ok := c.find(7, "other@example.net"); ok {
		t.Errorf("an address that is not there: got %d", id)
	}
}

func TestCollisionInStore(t *testing.T) {
	db := newStore(t)
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

// forget makes the writer ask the store for each address, as it does in a large one.
func forget(t *testing.T, db *DB) {
	t.Helper()
	write(t, db, &ingest.Batch{})
	db.known.addresses.cache = newAddressCache()
}

// TestLargeStore stores the same with a cache that never holds what it needs.
func TestLargeStore(t *testing.T) {
	small, large := newStore(t), newStore(t)
	for i := range 6 {
		write(t, small, numbered(i%3+10*(i/3)))
		forget(t, large)
		write(t, large, numbered(i%3+10*(i/3)))
	}
	for _, table := range []string{"addresses", "v_recipients", "domains"} {
		if diff := cmp.Diff(rows(t, small, "SELECT * FROM "+table), rows(t, large, "SELECT * FROM "+table)); diff != "" {
			t.Errorf("%s: with the cache -, without +\n%s", table, diff)
		}
	}
	if got := rows(t, large, `SELECT count(*), count(DISTINCT local || ' ' || domain_id) FROM addresses`); got[0] != rows(t, large, `SELECT count(*), count(*) FROM addresses`)[0] {
		t.Errorf("addresses, different ones: got %s", got[0])
	}
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
