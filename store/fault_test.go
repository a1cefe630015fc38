package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// The store's file can be removed or replaced under an open store.
func TestSameFile(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, path string)
		gone bool
	}{
		{"nothing happened", func(*testing.T, string) {}, false},
		{"removed", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"replaced", func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "other.db")
			open(t, other).Close()
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.gone && runtime.GOOS == "windows" {
				t.Skip("Windows lets nobody remove an open store")
			}
			path := filepath.Join(t.TempDir(), "relaywatch.db")
			db := open(t, path)
			tt.do(t, path)
			if err := db.SameFile(); errors.Is(err, ErrGone) != tt.gone {
				t.Errorf("got %v; want gone: %v", err, tt.gone)
			}
		})
	}
}

// A write that another writer holds up is temporary, and stores nothing.
func TestTemporary(t *testing.T) {
	db := newStore(t)
	execute(t, db.path, `PRAGMA user_version`)
	held, err := open(t, db.path).write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.ExecContext(t.Context(), `PRAGMA busy_timeout = 20`); err != nil {
		t.Fatal(err)
	}
	b := &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0, "a@corp.example", "b@example.org")}, Logs: []ingest.Log{logAt(log1, 500)}}
	err = db.Write(t.Context(), b)
	if !Temporary(err) || !strings.Contains(err.Error(), "another program holds") {
		t.Fatalf("got %v; want a temporary error that names another program", err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), b); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	if Temporary(ErrGone) || Temporary(context.Canceled) || Temporary(nil) {
		t.Error("what SQLite did not say is temporary")
	}
}

// A backup taken while a writer writes opens, and holds whole batches.
func TestBackup(t *testing.T) {
	db := newStore(t)
	write := func(i int64) {
		tx := sent(at(1000*i), t0+mail.Time(i), "a@corp.example", "b@example.org", "c@example.org")
		if err := db.Write(t.Context(), &ingest.Batch{Transactions: []mail.Transaction{tx}, Logs: []ingest.Log{logAt(log1, 1000*(i+1))}}); err != nil {
			t.Error(err)
		}
	}
	for i := range int64(50) {
		write(i)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := int64(50); i < 150; i++ {
			write(i)
		}
	}()
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := db.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	<-done
	s, err := open(t, path).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Transactions < 50 || s.Recipients != 2*s.Transactions || s.Logs[0].ReadBytes != 1000*s.Transactions {
		t.Errorf("got %d transactions, %d recipients, cursor %d; want whole batches", s.Transactions, s.Recipients, s.Logs[0].ReadBytes)
	}
	if err := db.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "name a new one") {
		t.Errorf("over a file: got %v; want it refused", err)
	}
}
