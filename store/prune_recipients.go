package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

const (
	selectNamed = `SELECT DISTINCT r.id >> 16 FROM transactions t CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
		WHERE t.time < ? AND r.address_id IS NOT NULL`
	forgetNamed = `UPDATE recipients SET address_id = NULL WHERE id BETWEEN ?1 << 16 AND (?1 << 16) + 65535 AND address_id IS NOT NULL`
)

// pruneRecipients takes the addresses off the recipients of old transactions, which
// are kept. It looks for them beside the writer, and at all of them each time: an old
// log may be read late.
func (db *DB) pruneRecipients(ctx context.Context, before int64, p *Pruned) error {
	if before == 0 {
		return nil
	}
	var named []int64
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var id int64
			err := scan(&id)
			named = append(named, id)
			return err
		}, selectNamed, before)
	})
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	for part := range slices.Chunk(named, pruneTransactions) {
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
			for _, id := range part {
				if _, err := tx.ExecContext(ctx, takeContactsOf, id); err != nil {
					return err
				}
				n, err := affected(ctx, tx, forgetNamed, id)
				if err != nil {
					return err
				}
				p.Forgotten += n
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("prune: %w", err)
		}
	}
	return nil
}
