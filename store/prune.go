package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"relaywatch/mail"
)

// Keep tells how long each kind of row is kept; 0 is for ever.
type Keep struct {
	Recipients   time.Duration // Addresses of recipients; their rows go with the transaction.
	Transactions time.Duration // With their recipients, and the hourly sums.
	Logins       time.Duration
	Deliveries   time.Duration
	Quarantine   time.Duration // Counted from the last row of the log.
	Findings     time.Duration // With episodes and what was decided of them.
}

// KeepAll keeps every kind equally long.
func KeepAll(d time.Duration) Keep { return Keep{d, d, d, d, d, d} }

// Pruned tells what Prune removed.
type Pruned struct {
	Before       mail.Time // Transactions before this time are gone; 0 if none are, or the store was empty.
	Newest       mail.Time // Of the rows in the store.
	Transactions int64
	Recipients   int64
	Forgotten    int64 // Recipients whose transaction is kept, and whose address is not.
	Logins       int64
	Deliveries   int64
	Findings     int64
	Episodes     int64
	Addresses    int64 // That nothing names any more.
}

// How much one step removes, in some 10 ms, so that the writer never waits longer
// for its turn: rows, and transactions with some thousand recipients in all.
const (
	pruneStep         = 1000
	pruneTransactions = 200
	pruneRecipients   = 2000
)

const (
	selectNewest = `SELECT max(coalesce((SELECT max(time) FROM transactions), 0), coalesce((SELECT max(time) FROM logins), 0),
		coalesce((SELECT max(last_time) FROM logs), 0))`

	updatePruned = `UPDATE meta SET pruned = max(pruned, ?)`

	// The oldest transactions. Parameters: before, transactions, recipients.
	selectFirst = `SELECT id FROM (SELECT id, recipients, sum(recipients) OVER (ORDER BY time, id) AS sum
		FROM (SELECT id, time, recipients FROM transactions WHERE time < ?1 ORDER BY time, id LIMIT ?2)) WHERE sum - recipients < ?3`
	deleteOldPositions = `DELETE FROM recipient_positions WHERE recipient_id IN (SELECT p.recipient_id FROM (` + selectFirst + `) t
		CROSS JOIN recipient_positions p ON p.recipient_id BETWEEN t.id << 16 AND (t.id << 16) + 65535)`
	deleteOldRecipients = `DELETE FROM recipients WHERE id IN (SELECT r.id FROM (` + selectFirst + `) t
		CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535)`
	deleteOldTransactions = `DELETE FROM transactions WHERE id IN (` + selectFirst + `)`

	deleteOldLogins     = `DELETE FROM logins WHERE id IN (SELECT id FROM logins WHERE time < ?1 LIMIT ?2)`
	deleteOldDeliveries = `DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE time + reply_delta < ?1 LIMIT ?2)`
	deleteOldHours      = `DELETE FROM hourly WHERE (hour, submitter_id) IN (SELECT hour, submitter_id FROM hourly WHERE hour <= ?1 - 3600 LIMIT ?2)`
	deleteOldFindings   = `DELETE FROM findings WHERE (submitter_id, flagged_at, rule, provisional) IN
		(SELECT submitter_id, flagged_at, rule, provisional FROM findings WHERE window_end < ?1 LIMIT ?2)`
	deleteOldEpisodes = `DELETE FROM episodes WHERE (submitter_id, first_flagged, provisional) IN
		(SELECT submitter_id, first_flagged, provisional FROM episodes WHERE last_flagged < ?1 LIMIT ?2)`
	deleteOldTriage = `DELETE FROM triage WHERE id IN (SELECT id FROM triage WHERE first_flagged < ?1
		AND (submitter_id, first_flagged) NOT IN (SELECT submitter_id, first_flagged FROM episodes) LIMIT ?2)`
	deleteOldRejects = `DELETE FROM quarantine WHERE rowid IN (SELECT rowid FROM quarantine WHERE log_id IN (SELECT id FROM logs WHERE last_time < ?1) LIMIT ?2)`
)

// Prune removes what is older than keep, counted back from the newest row in the
// store, or from now if that row is of a time to come, as a wrong clock tells it; and
// then the addresses and names that nothing refers to any more. It goes by small
// steps, between which others may write; a kill loses no more than the step. Logs are
// kept: without their cursors they would be read again. Space goes back to the disk:
// see giveBack.
func (db *DB) Prune(ctx context.Context, keep Keep, now mail.Time) (Pruned, error) {
	var p Pruned
	err := db.snapshot(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, selectNewest).Scan(&p.Newest) })
	if err != nil || p.Newest == 0 {
		return p, err
	}
	// before is 0 for what is kept for ever: no row is older.
	before := func(keep time.Duration) int64 {
		if keep == 0 {
			return 0
		}
		return int64(min(p.Newest, now).Add(-keep))
	}
	p.Before = mail.Time(before(keep.Transactions))
	gone := max(before(keep.Transactions), before(keep.Recipients), before(keep.Logins), before(keep.Deliveries), before(keep.Findings))
	if _, err := db.deleteRows(ctx, updatePruned, gone); err != nil {
		return p, err
	}
	if err := db.pruneTransactions(ctx, before(keep.Transactions), &p); err != nil {
		return p, err
	}
	if err := db.pruneRecipients(ctx, before(keep.Recipients), &p); err != nil {
		return p, err
	}
	for _, s := range []struct {
		statement string
		before    int64
		count     *int64
	}{
		{deleteOldLogins, before(keep.Logins), &p.Logins},
		{deleteOldDeliveries, before(keep.Deliveries), &p.Deliveries},
		{deleteOldHours, before(keep.Transactions), new(int64)},
		{deleteOldContacts, max(before(keep.Transactions), before(keep.Recipients)), new(int64)},
		{forgetWhoFirst, before(keep.Transactions), new(int64)},
		{deleteOldFindings, before(keep.Findings), &p.Findings},
		{deleteOldEpisodes, before(keep.Findings), &p.Episodes},
		{deleteOldTriage, before(keep.Findings), new(int64)},
		{deleteOldRejects, before(keep.Quarantine), new(int64)},
	} {
		for n := int64(pruneStep); n == pruneStep && s.before > 0; *s.count += n {
			if n, err = db.deleteRows(ctx, s.statement, s.before, pruneStep); err != nil {
				return p, err
			}
		}
	}
	if p.Transactions+p.Forgotten+p.Deliveries+p.Logins > 0 {
		if p.Addresses, err = db.pruneOrphans(ctx); err != nil {
			return p, err
		}
	}
	return p, db.giveBack(ctx)
}

// pruneTransactions removes old transactions with their recipients.
func (db *DB) pruneTransactions(ctx context.Context, before int64, p *Pruned) error {
	for {
		var removed [3]int64
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
			if _, err := tx.ExecContext(ctx, takeOldContacts, before, pruneTransactions, pruneRecipients); err != nil {
				return err
			}
			for i, statement := range [...]string{deleteOldPositions, deleteOldRecipients, deleteOldTransactions} {
				var err error
				if removed[i], err = affected(ctx, tx, statement, before, pruneTransactions, pruneRecipients); err != nil {
					return err
				}
			}
			// One that is still open is found no more: it goes on as a new one.
			clear(k.open)
			return nil
		})
		if err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		p.Recipients += removed[1]
		p.Transactions += removed[2]
		if removed[2] == 0 {
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
