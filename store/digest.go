package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"relaywatch/mail"
)

// Kinds of Digest.
const (
	DigestDaily  = "daily"
	DigestUrgent = "urgent"
)

// Digest is a mail that was made, and what became of it. Kind and Key are its key.
type Digest struct {
	ID          int64
	Kind        string
	Key         string // daily: its date, as 2026-11-24.
	MessageID   string // "" for the date from which on mails are made: there was none for it.
	Subject     string
	Since       mail.Time // Event time it tells of,
	Until       mail.Time // to before here.
	Made        mail.Time // This and what follows is the clock's.
	Message     []byte    // While it waits.
	Waiting     []string  // Recipients it was not taken for yet.
	Tries       int
	Tried       mail.Time // Begin of the last try; 0 before the first.
	Next        mail.Time // Not to be tried before.
	Done        mail.Time // Taken for all, or given up; 0 while it waits.
	Error       string    // Of the last try.
	Told        []Told
	Quarantined int64 // Rows in the quarantine, when it was made.
}

// Told is an episode that a mail told of.
type Told struct {
	Kind         string    `json:"kind"`
	Value        string    `json:"value"`
	FirstFlagged mail.Time `json:"first_flagged"`
	LastFlagged  mail.Time `json:"last_flagged"`
	Severity     string    `json:"severity"` // As it was told.
}

// keepDigests is how long a mail that is done is remembered: who was told of longer
// ago is new again.
const keepDigests = 400 * 24 * time.Hour

const (
	insertDigest = `INSERT INTO digests (kind, key, message_id, subject, since, until, made_at, message, waiting, tries, done_at, error, told, quarantined)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, '', ?, ?)
		ON CONFLICT (kind, key) DO UPDATE SET message_id = excluded.message_id, subject = excluded.subject, since = excluded.since, until = excluded.until,
			made_at = excluded.made_at, message = excluded.message, waiting = excluded.waiting, done_at = excluded.done_at, told = excluded.told,
			quarantined = excluded.quarantined
		WHERE message_id = '' AND excluded.message_id <> ''`
	deleteOldDigests = `DELETE FROM digests WHERE done_at IS NOT NULL AND made_at < ? AND id < (SELECT max(id) FROM digests WHERE kind = 'daily')`
	updateTry        = `UPDATE digests SET tries = tries + 1, tried_at = ?, error = ? WHERE id = ?`
	updateTried      = `UPDATE digests SET waiting = ?, next_at = ?, done_at = ?, error = ?, message = CASE WHEN ? THEN NULL ELSE message END WHERE id = ?`
	selectDigests    = `SELECT id, kind, key, message_id, subject, since, until, made_at, message, waiting, tries, coalesce(tried_at, 0),
		coalesce(next_at, 0), coalesce(done_at, 0), error, told, quarantined FROM digests`
	digestsWaiting = selectDigests + ` WHERE done_at IS NULL ORDER BY id`
	digestsSince   = selectDigests + ` WHERE made_at >= ? OR done_at IS NULL ORDER BY id`
	digestsLast    = selectDigests + ` WHERE kind = ? AND key <= ? ORDER BY key DESC LIMIT 1`
	digestsByKey   = selectDigests + ` WHERE kind = ? AND key = ?`
)

// AddDigest notes a mail before it is tried. It returns false if there is one of its
// kind and key already: then nothing is changed. The date from which on mails are made
// may still get one.
func (db *DB) AddDigest(ctx context.Context, d Digest) (added bool, err error) {
	waiting, told := []byte("[]"), []byte("[]")
	if len(d.Waiting) > 0 {
		if waiting, err = json.Marshal(d.Waiting); err != nil {
			return false, fmt.Errorf("recipients of the mail: %w", err)
		}
	}
	if len(d.Told) > 0 {
		if told, err = json.Marshal(d.Told); err != nil {
			return false, fmt.Errorf("episodes of the mail: %w", err)
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	err = db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		if _, err := tx.ExecContext(ctx, deleteOldDigests, int64(d.Made.Add(-keepDigests))); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, insertDigest, d.Kind, d.Key, d.MessageID, d.Subject, int64(d.Since), int64(d.Until), int64(d.Made),
			d.Message, string(waiting), orNull(d.Done), string(told), d.Quarantined)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		added = n == 1
		return err
	})
	return added && err == nil, err
}

// orNull is a time, or NULL for 0.
func orNull(t mail.Time) any { return told(int64(t)) }

// TryDigest notes that a mail is about to be sent. unknown is what is said of the try
// if nothing more is heard of it.
func (db *DB) TryDigest(ctx context.Context, id int64, now mail.Time, unknown string) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		_, err := tx.ExecContext(ctx, updateTry, int64(now), unknown, id)
		return err
	})
}

// TriedDigest notes what became of a try: Waiting, Next, Done and Error of d. A mail
// that is done is not kept.
func (db *DB) TriedDigest(ctx context.Context, d Digest) error {
	waiting := []byte("[]")
	if len(d.Waiting) > 0 {
		var err error
		if waiting, err = json.Marshal(d.Waiting); err != nil {
			return fmt.Errorf("recipients of the mail: %w", err)
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		_, err := tx.ExecContext(ctx, updateTried, string(waiting), orNull(d.Next), orNull(d.Done), d.Error, d.Done != 0, d.ID)
		return err
	})
}

// WaitingDigests are the mails that wait, the oldest first.
func (db *DB) WaitingDigests(ctx context.Context) ([]Digest, error) {
	return db.digests(ctx, digestsWaiting)
}

// DigestsSince are the mails made since a time, and those that wait, the oldest
// first.
func (db *DB) DigestsSince(ctx context.Context, since mail.Time) ([]Digest, error) {
	return db.digests(ctx, digestsSince, int64(since))
}

// LastDigest is the mail of a kind with the highest key that is not above another;
// nil if there is none. A clock that was wrong may have left some above.
func (db *DB) LastDigest(ctx context.Context, kind, upTo string) (*Digest, error) {
	return first(db.digests(ctx, digestsLast, kind, upTo))
}

// Digest is the mail of a kind and key; nil if there is none.
func (db *DB) Digest(ctx context.Context, kind, key string) (*Digest, error) {
	return first(db.digests(ctx, digestsByKey, kind, key))
}

func first(list []Digest, err error) (*Digest, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (db *DB) digests(ctx context.Context, query string, args ...any) ([]Digest, error) {
	var list []Digest
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var d Digest
			var waiting, told string
			err := scan(&d.ID, &d.Kind, &d.Key, &d.MessageID, &d.Subject, &d.Since, &d.Until, &d.Made, &d.Message, &waiting, &d.Tries, &d.Tried,
				&d.Next, &d.Done, &d.Error, &told, &d.Quarantined)
			if err != nil {
				return err
			}
			if err := errors.Join(json.Unmarshal([]byte(waiting), &d.Waiting), json.Unmarshal([]byte(told), &d.Told)); err != nil {
				return fmt.Errorf("mail %s of %s: %w", d.Kind, d.Key, err)
			}
			list = append(list, d)
			return nil
		}, query, args...)
	})
	return list, err
}

const selectSent = `SELECT count(*), coalesce(sum(coalesce(t.accepted, t.recipients)), 0) FROM transactions t JOIN origins o ON o.id = t.origin_id
	WHERE t.time >= ? AND t.time < ? AND o.direction = 0 AND o.hop = 0`

// Sent is how many transactions of clients began from since to before until, and
// their recipients that were accepted, or have a reply that is not told.
func (db *DB) Sent(ctx context.Context, since, until mail.Time) (transactions, recipients int64, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, selectSent, int64(since), int64(until)).Scan(&transactions, &recipients)
	})
	return transactions, recipients, err
}

// Silenced is that an allow-list entry silenced a rule for a submitter.
type Silenced struct {
	Submitter mail.Submitter
	Rule      string
	Reason    string
}

const selectSilenced = `SELECT DISTINCT s.kind, s.value, f.rule, f.silenced FROM findings f JOIN submitters s ON s.id = f.submitter_id
	WHERE f.silenced <> '' AND f.window_end >= ? AND f.flagged_at < ? ORDER BY 1, 2, 3, 4`

// Silenced are the findings that entries of the allow-list silenced from since to
// before until, by submitter.
func (db *DB) Silenced(ctx context.Context, since, until mail.Time) ([]Silenced, error) {
	var list []Silenced
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var s Silenced
			err := scan(&s.Submitter.Kind, &s.Submitter.Value, &s.Rule, &s.Reason)
			list = append(list, s)
			return err
		}, selectSilenced, int64(since), int64(until))
	})
	return list, err
}
