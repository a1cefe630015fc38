package main

import (
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// hold keeps other programs from writing to a store until release is called.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	return begin(t, path, "_txlock=immediate")
}

// holdReading has a reader look at a store as it is now, until release is called.
func holdReading(t *testing.T, path string) (release func()) {
	t.Helper()
	return begin(t, path, "mode=ro")
}

// begin begins a transaction that has read something.
func begin(t *testing.T, path, how string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&"+how)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM transactions").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
