package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

// ErrGone is returned by SameFile where the store's file was removed or replaced
// while it was open: what is written goes nowhere, and the store must be opened
// again.
var ErrGone = errors.New("store is gone")

// Temporary tells whether what failed may succeed later as it is, without opening
// the store again: the disk is full or answers with errors, or another program
// holds the file. Nothing of what failed is stored.
func Temporary(err error) bool {
	var code sqlite3.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code.Code {
	case sqlite3.ErrFull, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrReadonly, sqlite3.ErrCantOpen:
		return true
	}
	return false
}

// SetPatience is how long a write waits for another program that holds the file; 10 s
// if it is never called.
func (db *DB) SetPatience(ctx context.Context, d time.Duration) error {
	_, err := db.write.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
	if err != nil {
		return fmt.Errorf("store %s: %w", db.path, sayFault(err))
	}
	return nil
}

// SameFile returns ErrGone unless the store's path still leads to the file that was
// opened. A file that is removed while it is open can be written for ever.
func (db *DB) SameFile() error {
	info, err := os.Stat(db.path)
	if err == nil && os.SameFile(info, db.opened) {
		return nil
	}
	return problemf(ErrGone, "the store %s was removed or replaced while it was open: it is opened anew", db.path)
}

// sayFault puts the cause and the remedy before an error of SQLite's. Where the file
// is damaged it is ErrDamaged.
func sayFault(err error) error {
	var code sqlite3.Error
	if !errors.As(err, &code) {
		return err
	}
	switch code.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("the disk is full: make room, or keep rows for a shorter time (store.keep): %w", err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("another program holds the file: wait until it is done, or end it: %w", err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return problemf(ErrDamaged, "the file is damaged (%v): %s", err, damageRemedy)
	}
	return err
}
