package store

import (
	"context"
	"database/sql"
	"errors"
)

const (
	upsertAgent = `INSERT INTO agent (id, report) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET report = excluded.report`
	selectAgent = `SELECT report FROM agent`
)

// WriteAgent keeps the agent's report of its own health, JSON, in the place of the
// one before.
func (db *DB) WriteAgent(ctx context.Context, report []byte) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		_, err := tx.ExecContext(ctx, upsertAgent, string(report))
		return err
	})
}

// Agent is the agent's last report, JSON; nil if no agent ever wrote one.
func (db *DB) Agent(ctx context.Context) ([]byte, error) {
	var report []byte
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, selectAgent).Scan(&report)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return report, err
}
