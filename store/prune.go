package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relaywatch/mail"
)

// Pruned tells what Prune removed.
type Pruned struct {
	Before       mail.Time // Rows before this time are gone; 0 if the store was empty.
	Transactions int64
	Recipients   int64
	Logins       int64
	Deliveries   int64
	Findings     int64
	Episodes     int64
	Addresses    int64 // That nothing names any more.
}

// pruneStep is how many rows one step removes, in some 50 ms, so that the writer
// never waits longer for its turn.
const pruneStep = 2000

const (
	selectNewest = `SELECT max(coalesce((SELECT max(time) FROM transactions), 0), coalesce((SELECT max(time) FROM logins), 0),
		coalesce((SELECT max(last_time) FROM logs), 0))`

	updatePruned = `UPDATE meta SET pruned = ?1 WHERE pruned < ?1`

	deleteOldRecipients = `DELETE FROM recipients WHERE id IN (SELECT r.id FROM
		(SELECT id FROM transactions WHERE time < ?1 ORDER BY time, id LIMIT ?2) t
		CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535)`
	deleteOldTransactions = `DELETE FROM transactions WHERE id IN (SELECT id FROM transactions WHERE time < ?1 ORDER BY time, id LIMIT ?2)`
	deleteOldLogins       = `DELETE FROM logins WHERE id IN (SELECT id FROM logins WHERE time < ?1 LIMIT ?2)`
	deleteOldDeliveries   = `DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE time < ?1 LIMIT ?2)`
	deleteOldHours        = `DELETE FROM hourly WHERE (hour, submitter_id) IN (SELECT hour, submitter_id FROM hourly WHERE hour + 3600 <= ?1 LIMIT ?2)`

	deleteOldFindings  = `DELETE FROM findings WHERE window_end < ?1`
	deleteOldEpisodes  = `DELETE FROM episodes WHERE last_flagged < ?1`
	deleteOldTriage    = `DELETE FROM triage WHERE first_flagged < ?1 AND (submitter_id, first_flagged) NOT IN (SELECT submitter_id, first_flagged FROM episodes)`
	deleteOldRejects   = `DELETE FROM quarantine WHERE log_id IN (SELECT id FROM logs WHERE last_time < ?1)`
	deleteOldPositions = `DELETE FROM recipient_positions WHERE recipient_id NOT IN (SELECT id FROM recipients)`
)

// Prune removes what is older than keep, counted back from the newest row in the
// store, and then the addresses and names that nothing refers to any more. It goes
// by small steps, between which others may write; a kill loses no more than the
// step. Logs are kept: without their cursors they would be read again. The space is
// used again by later rows, the file does not shrink.
func (db *DB) Prune(ctx context.Context, keep time.Duration) (Pruned, error) {
	var p Pruned
	var newest mail.Time
	err := db.snapshot(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, selectNewest).Scan(&newest) })
	if err != nil || newest == 0 {
		return p, err
	}
	p.Before = newest.Add(-keep)
	before := int64(p.Before)
	if _, err := db.deleteRows(ctx, updatePruned, before); err != nil {
		return p, err
	}
	if err := db.pruneTransactions(ctx, before, &p); err != nil {
		return p, err
	}
	for _, s := range []struct {
		statement string
		count     *int64
	}{{deleteOldLogins, &p.Logins}, {deleteOldDeliveries, &p.Deliveries}, {deleteOldHours, new(int64)}} {
		for n := int64(pruneStep); n == pruneStep; *s.count += n {
			if n, err = db.deleteRows(ctx, s.statement, before, pruneStep); err != nil {
				return p, err
			}
		}
	}
	for _, s := range []struct {
		statement string
		count     *int64
	}{{deleteOldFindings, &p.Findings}, {deleteOldEpisodes, &p.Episodes}, {deleteOldTriage, new(int64)}, {deleteOldRejects, new(int64)}} {
		if *s.count, err = db.deleteRows(ctx, s.statement, before); err != nil {
			return p, err
		}
	}
	if p.Transactions == 0 && p.Deliveries == 0 && p.Logins == 0 {
		return p, nil
	}
	p.Addresses, err = db.pruneOrphans(ctx)
	return p, err
}

// pruneTransactions removes old transactions with their recipients.
func (db *DB) pruneTransactions(ctx context.Context, before int64, p *Pruned) error {
	for {
		var recipients, transactions int64
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
			var err error
			if recipients, err = affected(ctx, tx, deleteOldRecipients, before, pruneStep/10); err != nil {
				return err
			}
			transactions, err = affected(ctx, tx, deleteOldTransactions, before, pruneStep/10)
			// One that is still open is found no more: it goes on as a new one.
			clear(k.open)
			return err
		})
		if err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		p.Recipients += recipients
		p.Transactions += transactions
		if transactions == 0 {
			return nil
		}
	}
}

// step is a change of its own.
func (db *DB) step(ctx context.Context, f func(ctx context.Context, tx *sql.Tx, k *known) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, f)
}

// deleteRows runs a statement as a step, and tells how many rows it removed or changed.
func (db *DB) deleteRows(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = db.step(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		n, err = affected(ctx, tx, statement, args...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}

func affected(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
