package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
func newInsert(table, columns, then string) *insert {
	in := &insert{columns: 1 + strings.Count(columns, ",")}
	row := "(?" + strings.Repeat(",?", in.columns-1) + ")"
	for i, n := range insertSizes {
		in.texts[i] = "INSERT INTO " + table + " (" + columns + ") VALUES " + row + strings.Repeat(","+row, n-1) + then
	}
	return in
}

// inserter collects rows for an insert and sends them when a statement is full.
type inserter struct {
	*insert
	known *known
	args  []driver.NamedValue // Names and numbers are set when they are sent.
}

// on collects rows for the change that is going on. There is one inserter of an insert
// at a time: the next one takes over its memory.
func (in *insert) on(k *known) inserter {
	return inserter{in, k, k.args[in]}
}

// add adds a row of driver.Values: nobody converts others. Room is made for few of them
// at first: batches of an agent are small, and many.
func (in *inserter) add(ctx context.Context, row ...driver.Value) error {
	if len(in.args)+len(row) > cap(in.args) {
		size := insertSizes[1]
		if len(in.args) > 0 {
			size = insertSizes[0]
		}
		in.args = append(make([]driver.NamedValue, 0, size*in.columns), in.args...)
	}
	for _, value := range row {
		in.args = append(in.args, driver.NamedValue{Value: value})
	}
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
			if err := send(ctx, in.known.conn, in.texts[i], args[:width]); err != nil {
				return err
			}
		}
	}
	clear(in.args) // They hold on to texts.
	in.args = in.args[:0]
	in.known.args[in.insert] = in.args
	return nil
}

// send runs a statement past database/sql, which would look at each value and copy it.
// It runs as a query, though there are no rows to read: go-sqlite3 hands the values of
// a query to C in one call, and those of an Exec in one call each.
func send(ctx context.Context, conn *sql.Conn, text string, args []driver.NamedValue) error {
	for i := range args {
		args[i].Ordinal = i + 1
	}
	return conn.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, text, args)
		if err != nil {
			return err
		}
		return rows.Close()
	})
}
