package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// Query runs one statement that reads, and calls row for each of its rows with the
// names of the columns; the values are nil, int64, float64, string or []byte. A
// statement that would write is refused with ErrReadOnly, and one with a mistake in it
// with ErrSQL. cols and values are valid until row returns. If there is no row, row is called once with nil values, so that
// a table has its head.
func (db *DB) Query(ctx context.Context, query string, row func(cols []string, values []any) error) error {
	query, err := oneStatement(query)
	if err != nil {
		return err
	}
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return explain(db.path, err)
	}
	err = queryOn(ctx, conn, query, row)
	return errors.Join(err, conn.Close())
}

func queryOn(ctx context.Context, conn *sql.Conn, query string, row func(cols []string, values []any) error) error {
	if err := checkReads(conn, query); err != nil {
		if errors.Is(err, ErrSQL) {
			err = hint(ctx, conn, err)
		}
		return err
	}
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return queryError(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return queryError(err)
	}
	values := make([]any, len(cols))
	into := make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	some := false
	for rows.Next() {
		some = true
		if err := rows.Scan(into...); err != nil {
			return queryError(err)
		}
		if err := row(cols, values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return queryError(err)
	}
	if !some {
		return row(cols, nil)
	}
	return nil
}

// checkReads refuses statements that write, and those that give no rows, like
// ATTACH: SQLite takes some of them for reading.
func checkReads(conn *sql.Conn, query string) error {
	refused := problemf(ErrReadOnly, "query reads only: write a SELECT over the views, as SELECT * FROM v_suspects")
	if writes(query) { // Even if SQLite would find another mistake in it first.
		return refused
	}
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("query: connection is a %T", driverConn)
		}
		prepared, err := c.Prepare(query)
		if err != nil {
			return queryError(err)
		}
		defer prepared.Close()
		s, ok := prepared.(*sqlite3.SQLiteStmt)
		switch {
		case !ok:
			return fmt.Errorf("query: statement is a %T", prepared)
		case !s.Readonly() || !reads(query):
			return refused
		case s.NumInput() > 0:
			return problemf(ErrSQL, "query: a parameter has no value: write the value in its place, texts in single quotes")
		}
		return nil
	})
}

// reads tells whether the statement is one that gives rows and changes nothing
// beyond the store either.
func reads(query string) bool {
	switch firstWord(query) {
	case "SELECT", "WITH", "VALUES", "EXPLAIN":
		return true
	}
	return false
}

// writes tells whether the statement begins as one of SQLite's others
// (sqlite.org/lang.html). What begins otherwise is a syntax error.
func writes(query string) bool {
	switch firstWord(query) {
	case "ALTER", "ANALYZE", "ATTACH", "BEGIN", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP", "END", "INSERT",
		"PRAGMA", "REINDEX", "RELEASE", "REPLACE", "ROLLBACK", "SAVEPOINT", "UPDATE", "VACUUM":
		return true
	}
	return false
}

// firstWord is the word that a statement begins with, in upper case.
func firstWord(query string) string {
	word := query[skipBlanks(query, 0):]
	end := strings.IndexFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end >= 0 {
		word = word[:end]
	}
	return strings.ToUpper(word)
}

// oneStatement is the only statement of a query, without a semicolon.
func oneStatement(query string) (string, error) {
	if skipBlanks(query, 0) == len(query) {
		return "", problemf(ErrSQL, "query: no statement: write one, as SELECT * FROM v_suspects")
	}
	for at := 0; at < len(query); {
		if query[at] != ';' {
			at = skipToken(query, at)
			continue
		}
		rest := at
		for rest < len(query) && query[rest] == ';' {
			rest = skipBlanks(query, rest+1)
		}
		if rest < len(query) {
			return "", problemf(ErrSQL, "query: several statements: write one")
		}
		if skipBlanks(query[:at], 0) == at {
			return "", problemf(ErrSQL, "query: no statement: write one, as SELECT * FROM v_suspects")
		}
		return query[:at], nil
	}
	return query, nil
}

// skipToken is the index behind a quoted text, a comment or a byte at i.
func skipToken(query string, i int) int {
	if end := skipBlanks(query, i); end > i {
		return end
	}
	closing, ok := map[byte]string{'\'': "'", '"': `"`, '`': "`", '[': "]"}[query[i]]
	if !ok {
		return i + 1
	}
	return behind(query, i+1, closing)
}

// skipBlanks is the index of the first byte from i on that is neither blank nor in a
// comment.
func skipBlanks(query string, i int) int {
	for i < len(query) {
		switch {
		case strings.IndexByte(" \t\r\n\f", query[i]) >= 0:
			i++
		case strings.HasPrefix(query[i:], "--"):
			i = behind(query, i, "\n")
		case strings.HasPrefix(query[i:], "/*"):
			i = behind(query, i+2, "*/")
		default:
			return i
		}
	}
	return i
}

// behind is the index after the next text from i on, or the end.
func behind(query string, i int, text string) int {
	if n := strings.Index(query[i:], text); n >= 0 {
		return i + n + len(text)
	}
	return len(query)
}

// queryError says what SQLite says, without the number.
func queryError(err error) error {
	var code sqlite3.Error
	if errors.As(err, &code) {
		switch code.Code {
		case sqlite3.ErrReadonly:
			return problemf(ErrReadOnly, "query reads only: %v", err)
		case sqlite3.ErrError, sqlite3.ErrMismatch, sqlite3.ErrTooBig, sqlite3.ErrRange:
			return problemf(ErrSQL, "query: %v", err)
		}
	}
	return fmt.Errorf("query: %w", sayFault(err))
}

// viewOrder is that in which the views are told: the mail first.
const viewOrder = ` ORDER BY name <> 'v_transactions', name <> 'v_recipients', name <> 'v_sources', rowid`

const selectViews = `SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_schema WHERE type = 'view'` + viewOrder + `)`

// hint says what there is where a statement names what is not there. SQLite has no
// code to tell that by, only its text.
func hint(ctx context.Context, conn *sql.Conn, mistake error) error {
	text := mistake.Error()
	switch {
	case strings.Contains(text, "no such table"):
		var views string
		if err := conn.QueryRowContext(ctx, selectViews).Scan(&views); err != nil {
			return mistake // It is the one to tell.
		}
		return problemf(ErrSQL, "%s: the views are %s", text, views)
	case strings.Contains(text, "no such column"):
		return problemf(ErrSQL, "%s: relaywatch schema lists the columns, and texts stand in single quotes", text)
	}
	return mistake
}
