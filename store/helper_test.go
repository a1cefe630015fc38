package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// t0 is 2026-11-02 09:00:00 UTC, a Monday.
const t0 = mail.Time(1793610000)

// farAhead is a clock that no row is ahead of.
const farAhead = mail.Time(1 << 40)

const (
	log1 mail.LogID = 0x1111111111111111
	log2 mail.LogID = 0xfffffffffffffff0 // Negative as a signed number.
)

func open(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newStore(t testing.TB) *DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "relaywatch.db"))
}

// logAt is a log read up to an offset.
func logAt(id mail.LogID, read int64) ingest.Log {
	return ingest.Log{
		ID: id, Path: fmt.Sprintf("/logs/ex%x.log", uint64(id)&0xff), Format: ingest.FormatIISW3C, Server: "MX1",
		Head: ingest.Head{{End: 100, Hash: uint64(id)}}, SizeBytes: 1 << 20, ReadBytes: read, Rows: read / 100,
		FirstTime: t0, LastTime: t0 + 60, State: ingest.LogRead,
	}
}

// at is a row of log1.
func at(offset int64) mail.LogPos { return mail.LogPos{Log: log1, Offset: offset} }

// sent is a transaction of 10.1.4.7 that was accepted, one second and 100 bytes for
// each recipient.
func sent(pos mail.LogPos, when mail.Time, from mail.Path, to ...mail.Path) mail.Transaction {
	tx := mail.Transaction{
		Pos: pos, At: when, Server: "MX1", ServerIP: "10.0.0.25", ClientIP: "10.1.4.7", HELO: "PC-47", Exact: true,
		ReversePath: from, SizeBytes: 2048, EndAt: when + mail.Time(len(to)) + 1, Outcome: mail.Accepted,
	}
	for i, path := range to {
		tx.Recipients = append(tx.Recipients, mail.Recipient{
			Pos: mail.LogPos{Log: pos.Log, Offset: pos.Offset + 100*int64(i+1)}, At: when + mail.Time(i) + 1, Path: path, Reply: 250,
		})
	}
	return tx
}

func write(t testing.TB, db *DB, b *ingest.Batch) {
	t.Helper()
	if err := db.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// rows are the rows of a query as text, NULL as a dash.
func rows(t testing.TB, db *DB, query string) []string {
	t.Helper()
	var out []string
	err := db.Query(t.Context(), query, func(_ []string, values []any) error {
		if values == nil {
			return nil
		}
		line := ""
		for i, v := range values {
			if i > 0 {
				line += " | "
			}
			if v == nil {
				v = "-"
			}
			line += fmt.Sprint(v)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// replayAll is what Replay hands over, but for deliveries.
func replayAll(t testing.TB, db *DB, after mail.Time) (txs []mail.Transaction, logins []mail.Login) {
	t.Helper()
	err := db.Replay(t.Context(), after,
		func(tx mail.Transaction) { txs = append(txs, tx) },
		func(l mail.Login) { logins = append(logins, l) }, func(mail.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	return txs, logins
}

// execute changes the store behind its back.
func execute(t testing.TB, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

const day = 24 * time.Hour
