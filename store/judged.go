package store

import (
	"context"
	"database/sql"
	"time"

	"relaywatch/mail"
)

const selectJudgedUntil = `SELECT coalesce((SELECT until FROM checkpoint), 0)`

// Lately are the episodes that f chooses, worst first, and up to where all rows are
// judged for good, which is 0 before the first judgement; both of the same moment. Where
// f has no Since, those are left out that ended longer than within before that.
func (db *DB) Lately(ctx context.Context, f Filter, within time.Duration) (list []Suspect, until mail.Time, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, selectJudgedUntil).Scan(&until); err != nil {
			return err
		}
		if f.Since == 0 && until != 0 {
			f.Since = until.Add(-within)
		}
		var err error
		list, err = suspects(ctx, tx, f)
		return err
	})
	return list, until, err
}
