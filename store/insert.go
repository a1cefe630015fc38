package store

import (
	"context"
	"database/sql"
	"strings"
)

// A statement with many rows costs less for each: 400 rows a seventh less than 100.
// What is left at the end of a batch goes by twenties and by ones, so that a table
// needs three prepared statements.
var insertSizes = [...]int{400, 20, 1}

// insert is an INSERT statement of one table, for several numbers of rows.
type insert struct {
	columns int
	texts   [len(insertSizes)]string
}

// newInsert makes INSERT INTO table (columns) VALUES … and what follows.
func newInsert(table, columns, then string) insert {
	in := insert{columns: 1 + strings.Count(columns, ",")}
	row := "(?" + strings.Repeat(",?", in.columns-1) + ")"
	for i, n := range insertSizes {
		in.texts[i] = "INSERT INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(","+row, n-1) + then
	}
	return in
}

// inserter collects rows for an insert and sends them when a statement is full.
type inserter struct {
	insert
	tx   *sql.Tx
	args []any
}

func (in *insert) on(tx *sql.Tx) inserter {
	return inserter{insert: *in, tx: tx}
}

// add adds a row. Room is made for few of them at first: batches of an agent are
// small, and many.
func (in *inserter) add(ctx context.Context, row ...any) error {
	if len(in.args)+len(row) > cap(in.args) {
		size := insertSizes[1]
		if len(in.args) > 0 {
			size = insertSizes[0]
		}
		in.args = append(make([]any, 0, size*in.columns), in.args...)
	}
	in.args = append(in.args, row...)
	if len(in.args) < insertSizes[0]*in.columns {
		return nil
	}
	return in.flush(ctx)
}

// flush sends the rows that wait.
func (in *inserter) flush(ctx context.Context) error {
	args := in.args
	for i, n := range insertSizes {
		for width := n * in.columns; len(args) >= width; args = args[width:] {
			if _, err := in.tx.ExecContext(ctx, in.texts[i], args[:width]...); err != nil {
				return err
			}
		}
	}
	in.args = in.args[:0]
	return nil
}
