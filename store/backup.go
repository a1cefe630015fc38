package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/mattn/go-sqlite3"
)

// backupStep is how many pages are copied before the writer gets its turn.
const backupStep = 2048

// Backup copies the store to a new file, consistent as of one moment, while the
// agent may write. The file must not exist; on an error none is left.
func (db *DB) Backup(ctx context.Context, path string) (err error) {
	made, err := createClosed(path)
	switch {
	case err != nil:
		return fmt.Errorf("back up to %s: %w", path, err)
	case !made:
		return fmt.Errorf("back up to %s: the file is there already: name a new one", path)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("back up to %s: %w", path, err), os.Remove(path))
		}
	}()
	to := sql.OpenDB(&connector{dsn: fileURI(path, "_journal_mode=DELETE")})
	defer to.Close()
	target, err := to.Conn(ctx)
	if err != nil {
		return err
	}
	defer target.Close()
	// One read transaction, so that a busy writer does not start the copy over.
	from, err := db.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	tx, err := from.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return target.Raw(func(t any) error {
		return from.Raw(func(s any) error { return copyPages(ctx, t, s) })
	})
}

func copyPages(ctx context.Context, target, source any) error {
	to, ok := target.(*sqlite3.SQLiteConn)
	from, also := source.(*sqlite3.SQLiteConn)
	if !ok || !also {
		return errors.New("the driver is another one")
	}
	b, err := to.Backup("main", from, "main")
	if err != nil {
		return err
	}
	for done := false; !done && err == nil; {
		if err = ctx.Err(); err == nil {
			done, err = b.Step(backupStep)
		}
	}
	return errors.Join(err, b.Finish())
}
