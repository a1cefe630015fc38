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
// statement that would write is refused with ErrReadOnly. cols and values are valid
// until row returns. If there is no row, row is called once with nil values, so that
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
		if !ok {
			return fmt.Errorf("query: statement is a %T", prepared)
		}
		if !s.Readonly() || !reads(query) {
			return problemf(ErrReadOnly, "query reads only: write a SELECT over the views, as SELECT * FROM v_suspects")
		}
		return nil
	})
}

// reads tells whether the statement is one that gives rows and changes nothing
// beyond the store either.
func reads(query string) bool {
	word := query[skipBlanks(query, 0):]
	end := strings.IndexFunc(word, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end >= 0 {
		word = word[:end]
	}
	switch strings.ToUpper(word) {
	case "SELECT", "WITH", "VALUES", "EXPLAIN":
		return true
	}
	return false
}

// oneStatement is the only statement of a query, without a semicolon.
func oneStatement(query string) (string, error) {
	if skipBlanks(query, 0) == len(query) {
		return "", fmt.Errorf("query: no statement: write one, as SELECT * FROM v_suspects")
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
			return "", fmt.Errorf("query: several statements: write one")
		}
		if skipBlanks(query[:at], 0) == at {
			return "", fmt.Errorf("query: no statement: write one, as SELECT * FROM v_suspects")
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
	if errors.As(err, &code) && code.Code == sqlite3.ErrReadonly {
		return problemf(ErrReadOnly, "query reads only: %v", err)
	}
	return fmt.Errorf("query: %w", err)
}
