package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		do   func(path string) error
		want error
		text string
	}{
		{"nothing happened", func(string) error { return nil }, nil, ""},
		{"cut off", func(path string) error { return os.Truncate(path, 5*4096) }, ErrDamaged, "malformed"},
		{"empty", func(path string) error { return os.Truncate(path, 0) }, ErrDamaged, "it is empty"},
		{"NUL bytes", func(path string) error { return os.WriteFile(path, make([]byte, 9000), 0o600) }, ErrDamaged, "it begins with NUL bytes"},
		{"text", func(path string) error { return os.WriteFile(path, []byte("hello\n"), 0o600) }, ErrNotDatabase, "choose another file"},
		{"gone", os.Remove, os.ErrNotExist, "does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := newStore(t)
			write(t, db, everything())
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := tt.do(db.path); err != nil {
				t.Fatal(err)
			}
			err := Check(t.Context(), db.path)
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v; want %v, with %q", err, tt.want, tt.text)
			}
		})
	}
}

// An index that lacks rows is damage that reading need not meet.
func TestCheckIndex(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	execute(t, db.path, `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'logins (time)', 'logins (time) WHERE time < 0') WHERE name = 'logins_time'`)
	execute(t, db.path, `REINDEX logins_time`)
	execute(t, db.path, `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX logins_time ON logins (time)' WHERE name = 'logins_time'`)
	if err := Check(t.Context(), db.path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "logins_time") {
		t.Errorf("got %v; want ErrDamaged that names the index", err)
	}
}

func TestSetAside(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	want := rows(t, db, `SELECT * FROM v_transactions`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(db.path), "relaywatch.db.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The log holds all rows, as after a kill.
	killed := filepath.Join(t.TempDir(), "relaywatch.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(db.path + suffix)
		if err == nil {
			err = os.WriteFile(killed+suffix, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	aside, err := SetAside(killed, "x")
	if err != nil || aside != killed+".corrupt-x" {
		t.Fatalf("got %q, %v", aside, err)
	}
	if got := rows(t, open(t, killed), `SELECT count(*) FROM v_transactions`); got[0] != "0" {
		t.Errorf("got %s transactions in the new store; want none", got[0])
	}
	if got := rows(t, open(t, aside), `SELECT * FROM v_transactions`); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q aside; want %q", got, want)
	}
	if got, err := Aside(killed); err != nil || len(got) != 1 || got[0] != aside {
		t.Errorf("got %q, %v aside; want %s", got, err, aside)
	}
	if _, err := SetAside(killed, "x"); err == nil || !strings.Contains(err.Error(), "there is") {
		t.Errorf("over another: got %v; want it refused", err)
	}
}
