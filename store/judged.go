package store

import (
	"context"
	"database/sql"

	"relaywatch/mail"
)

const selectJudgedUntil = `SELECT coalesce((SELECT until FROM checkpoint), 0)`

// JudgedUntil is up to where all rows are judged for good; 0 before the first judgement.
func (db *DB) JudgedUntil(ctx context.Context) (mail.Time, error) {
	var until mail.Time
	err := db.snapshot(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, selectJudgedUntil).Scan(&until) })
	return until, err
}
