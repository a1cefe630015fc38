package store

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	selectSpace = `SELECT (SELECT * FROM pragma_freelist_count), (SELECT * FROM pragma_page_count), (SELECT * FROM pragma_auto_vacuum)`
	vacuumSome  = `PRAGMA incremental_vacuum(256)` // Pages: a megabyte.
	vacuumAll   = `VACUUM`
)

// spare is what share of the file may stay free, for rows to come: what is pruned
// every hour is written again in the next.
const spare = 10

// giveBack shortens the file if much of it is free, in steps of some 10 ms. A store
// that was made when files could not be shortened step by step is written anew as a
// whole, once, in some 20 s a GB of what is left in it; rows wait meanwhile.
func (db *DB) giveBack(ctx context.Context) error {
	for {
		done, old := false, false
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
			var free, pages, auto int64
			if err := tx.QueryRowContext(ctx, selectSpace).Scan(&free, &pages, &auto); err != nil {
				return err
			}
			done, old = free*spare <= pages, auto == 0
			if done || old {
				return nil
			}
			// A row for each page; nothing is done for those that are not read.
			return each(ctx, tx, func(scanner) error { return nil }, vacuumSome)
		})
		switch {
		case err != nil:
			return fmt.Errorf("give back space: %w", err)
		case done:
			return nil
		case old:
			return db.rewrite(ctx)
		}
	}
}

// rewrite writes the file anew, with the means to be shortened later (see writeDSN).
func (db *DB) rewrite(ctx context.Context) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if _, err := db.write.ExecContext(ctx, vacuumAll); err != nil {
		return fmt.Errorf("give back space: store %s: %w", db.path, sayFault(err))
	}
	return nil
}
