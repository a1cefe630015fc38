//go:build unix

package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// Neither the store nor what lies beside it can be read by others, whatever the
// umask lets through.
func TestRights(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	path := filepath.Join(dir, "relaywatch.db")
	db := open(t, path)
	write(t, db, &ingest.Batch{
		Logs:         []ingest.Log{logAt(log1, 1000)},
		Transactions: []mail.Transaction{sent(at(1), t0, "ann@corp.example", "bob@example.org")},
	})
	if err := db.Backup(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"relaywatch.db", "relaywatch.db-wal", "relaywatch.db-shm", "copy.db"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if mode := info.Mode().Perm(); mode&^0o640 != 0 {
			t.Errorf("%s: got mode %o; want 640 at the most", name, mode)
		}
	}
}
