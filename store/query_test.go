package store

import (
	"errors"
	"strings"
	"testing"
)

func TestQueryRefuses(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	for _, tc := range []struct {
		query string
		is    error
		says  string
	}{
		{"DELETE FROM transactions", ErrReadOnly, "query reads only"},
		{"WITH x AS (SELECT 1) DELETE FROM transactions", ErrReadOnly, "query reads only"},
		{"INSERT INTO names (text) VALUES ('x') RETURNING id", ErrReadOnly, "query reads only"},
		{"CREATE TABLE x (y)", ErrReadOnly, "query reads only"},
		{"ATTACH 'x.db' AS x", ErrReadOnly, "query reads only"},
		{"VACUUM INTO 'x.db'", ErrReadOnly, "query reads only"},
		{"PRAGMA query_only = 0", ErrReadOnly, "query reads only"},
		{"BEGIN IMMEDIATE", ErrReadOnly, "query reads only"},
		{"DROP TABLE nope", ErrReadOnly, "query reads only"}, // SQLite would say that there is none.
		{"/* */ update nope SET x = 1", ErrReadOnly, "query reads only"},
		{"", ErrSQL, "no statement"},
		{" -- nothing\n ;", ErrSQL, "no statement"},
		{"SELECT 1; SELECT 2", ErrSQL, "several statements"},
		{"SELECT 1;;DELETE FROM transactions", ErrSQL, "several statements"},
		{"SELEC 1", ErrSQL, `syntax error`},
		{"SELECT nope FROM v_logs", ErrSQL, "no such column: nope: relaywatch schema lists the columns"},
		{"SELECT * FROM nope", ErrSQL, "no such table: nope: the views are v_transactions, v_recipients, "},
		{"SELECT nope(1)", ErrSQL, "no such function: nope"},
		{"SELECT abs(-9223372036854775807 - 1)", ErrSQL, "integer overflow"}, // Found when it runs.
		{"SELECT ?", ErrSQL, "a parameter has no value"},
	} {
		err := db.Query(t.Context(), tc.query, func([]string, []any) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tc.says) || !errors.Is(err, tc.is) {
			t.Errorf("%q: got %v; want %v: %q", tc.query, err, tc.is, tc.says)
		}
	}
	if got := rows(t, db, "SELECT count(*) FROM v_transactions"); got[0] != "3" {
		t.Errorf("transactions afterwards: got %s; want 3", got[0])
	}
}

func TestQueryReads(t *testing.T) {
	db := newStore(t)
	for query, want := range map[string]string{
		"SELECT 1;":                             "1",
		"select ';' -- ; no end\n ; /* ; */":    ";",
		`SELECT "a;b" FROM (SELECT 2 AS "a;b")`: "2",
		"/* first */ WITH x AS (SELECT 3 AS n) SELECT n, NULL, 'a', x'62', 1.5 FROM x": "3 | - | a | [98] | 1.5",
		"VALUES (4)":        "4",
		"SELECT 'it''s; 5'": "it's; 5",
	} {
		if got := strings.Join(rows(t, db, query), "\n"); got != want {
			t.Errorf("%q: got %q; want %q", query, got, want)
		}
	}
}

func TestQueryStops(t *testing.T) {
	db := newStore(t)
	stop := errors.New("enough")
	n := 0
	err := db.Query(t.Context(), "VALUES (1), (2), (3)", func([]string, []any) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d rows; want %v after 1", err, n, stop)
	}
}
