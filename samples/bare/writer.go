package main

import (
	"database/sql"
	"strings"
)

// Rows of one statement, and of one transaction.
const (
	rowsAStatement   = 100
	rowsATransaction = 100_000
)

// writer inserts recipients and the texts that they refer to. An error is kept,
// and told by close.
type writer struct {
	db         *sql.DB
	tx         *sql.Tx
	recipients table
	texts      table
	ids        map[string]int64
	inTx       int
	err        error
}

// table collects the rows of one statement.
type table struct {
	name    string
	columns int
	full    *sql.Stmt // For rowsAStatement rows.
	args    []any
}

func newWriter(db *sql.DB) (*writer, error) {
	w := &writer{
		db: db, ids: map[string]int64{},
		recipients: table{name: "recipients", columns: 5},
		texts:      table{name: "texts", columns: 2},
	}
	return w, w.begin()
}

func (w *writer) begin() (err error) {
	if w.tx, err = w.db.Begin(); err != nil {
		return err
	}
	for _, t := range []*table{&w.recipients, &w.texts} {
		if t.full, err = w.tx.Prepare(t.insert(rowsAStatement)); err != nil {
			return err
		}
	}
	w.inTx = 0
	return nil
}

func (t *table) insert(rows int) string {
	row := "(?" + strings.Repeat(",?", t.columns-1) + ")"
	return "INSERT INTO " + t.name + " VALUES " + row + strings.Repeat(","+row, rows-1)
}

// id is the number of a text, which is stored when it is new.
func (w *writer) id(text []byte) int64 {
	if n, ok := w.ids[string(text)]; ok {
		return n
	}
	n := int64(len(w.ids) + 1)
	w.ids[string(text)] = n
	w.put(&w.texts, n, string(text))
	return n
}

func (w *writer) add(time, client, sender, recipient, reply int64) {
	w.put(&w.recipients, time, client, sender, recipient, reply)
	if w.inTx++; w.inTx >= rowsATransaction && w.err == nil {
		if w.err = w.tx.Commit(); w.err == nil {
			w.err = w.begin()
		}
	}
}

func (w *writer) put(t *table, values ...any) {
	if t.args = append(t.args, values...); len(t.args) < rowsAStatement*t.columns || w.err != nil {
		return
	}
	_, w.err = t.full.Exec(t.args...)
	t.args = t.args[:0]
}

// close stores what is left.
func (w *writer) close() error {
	for _, t := range []*table{&w.texts, &w.recipients} {
		if w.err == nil && len(t.args) > 0 {
			_, w.err = w.tx.Exec(t.insert(len(t.args)/t.columns), t.args...)
		}
	}
	if w.err != nil {
		w.tx.Rollback()
		return w.err
	}
	return w.tx.Commit()
}
