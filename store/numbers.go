package store

import (
	"context"
	"database/sql"
)

// numbers reads rows that hold nothing but numbers, a row ahead. Its memory is used
// for each row again: Scan is as quick as that only where it need not convert.
type numbers struct {
	rows   *sql.Rows
	row    numberRow
	into   []any
	isRead bool // row holds one that is not done.
	err    error
}

// numberRow is valid until the next row is read.
type numberRow []any

// at is the number in a column, 0 for NULL.
func (r numberRow) at(column int) int64 {
	n, _ := r[column].(int64)
	return n
}

func (n *numbers) open(ctx context.Context, q queryer, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err != nil {
		return firstError(err, rows.Close())
	}
	n.rows, n.row, n.into = rows, make(numberRow, len(columns)), make([]any, len(columns))
	for i := range n.row {
		n.into[i] = &n.row[i]
	}
	return nil
}

// peek is the row that was not done yet, nil at the end and after an error.
func (n *numbers) peek() numberRow {
	if n.isRead {
		return n.row
	}
	if n.err != nil || !n.rows.Next() {
		n.err = firstError(n.err, n.rows.Err())
		return nil
	}
	if n.err = n.rows.Scan(n.into...); n.err != nil {
		return nil
	}
	n.isRead = true
	return n.row
}

// done goes on to the next row.
func (n *numbers) done() { n.isRead = false }
