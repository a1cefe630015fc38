package store

import (
	"context"
	"database/sql"

	"relaywatch/mail"
)

// The index of the key holds all that is asked for.
const selectMinutes = `SELECT l.key, m.minute FROM
	(SELECT DISTINCT log_id, time / 60 AS minute FROM transactions WHERE time >= ?) m JOIN logs l ON l.id = m.log_id`

// Minutes calls f for each minute from since on in which mail of a log began, in any
// order: what tells when a server usually writes.
func (db *DB) Minutes(ctx context.Context, since mail.Time, f func(log mail.LogID, minute mail.Time)) error {
	return db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var key, minute int64
			if err := scan(&key, &minute); err != nil {
				return err
			}
			f(mail.LogID(key), mail.Time(minute*60))
			return nil
		}, selectMinutes, int64(since))
	})
}
