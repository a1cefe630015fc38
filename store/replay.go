package store

import (
	"context"
	"database/sql"
	"fmt"

	"relaywatch/mail"
)

// The order of rows of the same second is mail.LogPos.Compare: log identities are
// unsigned, so negative keys come last.
const (
	replayed = ` FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id CROSS JOIN logs l ON l.id = t.log_id`
	// after, longest
	replayedWhere = ` WHERE t.time > ?1 - ?2 AND (t.end_delta IS NULL OR t.time > ?1 OR t.time + t.end_delta > ?1) AND o.direction = 0`
	replayedOrder = ` ORDER BY t.time, l.key < 0, l.key, t.log_offset`

	selectReplayed = `SELECT t.id, t.time, l.key, t.log_offset, o.id, t.exact,
		a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END, coalesce(t.size_bytes, -1), t.outcome, coalesce(t.time + t.end_delta, 0)` +
		replayed + ` LEFT JOIN addresses a ON a.id = t.reverse_path_id LEFT JOIN domains d ON d.id = a.domain_id` +
		replayedWhere + replayedOrder

	selectReplayedRecipients = `SELECT r.id, r.reply, r.time_delta, r.offset_delta,
		a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END` +
		replayed + ` CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
		LEFT JOIN addresses a ON a.id = r.address_id LEFT JOIN domains d ON d.id = a.domain_id` +
		replayedWhere + replayedOrder + `, r.id`

	selectReplayedLogins = `SELECT n.time, l.key, n.log_offset, server.text, client.text, account.text, n.ok
		FROM logins n JOIN logs l ON l.id = n.log_id
		JOIN names server ON server.id = n.server_id JOIN names client ON client.id = n.client_id JOIN names account ON account.id = n.user_id
		WHERE n.time > ?1 ORDER BY n.time, l.key < 0, l.key, n.log_offset`

	selectOrigins = `SELECT o.id, server.text, ip.text, client.text, helo.text, account.text,
		o.direction, o.authenticated, o.relay_right, o.hop, o.probe FROM origins o
		JOIN names server ON server.id = o.server_id JOIN names ip ON ip.id = o.server_ip_id JOIN names client ON client.id = o.client_id
		JOIN names helo ON helo.id = o.helo_id JOIN names account ON account.id = o.user_id`

	selectPositions = `SELECT p.recipient_id, l.key, p.log_offset FROM recipient_positions p JOIN logs l ON l.id = p.log_id`
	selectLongest   = `SELECT longest FROM meta`
)

// Replay hands over all that the store has of the time after `after`, in the order
// of time: transactions of direction in, whole, also those that began before and
// may have a row after it, and logins. The writer may go on meanwhile, and is not
// seen.
func (db *DB) Replay(ctx context.Context, after mail.Time, tx func(mail.Transaction), login func(mail.Login)) error {
	return db.snapshot(ctx, func(snapshot *sql.Tx) error {
		r := replay{tx: tx}
		if err := r.open(ctx, snapshot, after); err != nil {
			return err
		}
		defer r.close()
		logins, err := snapshot.QueryContext(ctx, selectReplayedLogins, int64(after))
		if err != nil {
			return err
		}
		defer logins.Close()
		more := r.next()
		for logins.Next() {
			var l mail.Login
			var key int64
			if err := logins.Scan(&l.At, &key, &l.Pos.Offset, &l.Server, &l.ClientIP, &l.User, &l.OK); err != nil {
				return err
			}
			l.Pos.Log = mail.LogID(key)
			for more && before(&r.current, &l) {
				more = r.hand()
			}
			login(l)
		}
		for more {
			more = r.hand()
		}
		if r.err != nil {
			return r.err
		}
		return logins.Err()
	})
}

func before(t *mail.Transaction, l *mail.Login) bool {
	if t.At != l.At {
		return t.At < l.At
	}
	return t.Pos.Compare(l.Pos) < 0
}

// replay reads transactions and their recipients by two statements that run in the
// same order.
type replay struct {
	tx           func(mail.Transaction)
	origins      map[int64]session
	positions    map[int64]mail.LogPos // Of recipients in another log than their transaction.
	transactions *sql.Rows
	recipients   *sql.Rows
	err          error

	current mail.Transaction // What next read.
	id      int64
	waiting replayedRecipient // The recipient that was read and not handed on; id 0 is none.
}

type replayedRecipient struct {
	id, timeDelta, offsetDelta int64
	reply                      sql.NullInt64
	path                       sql.NullString
}

func (r *replay) open(ctx context.Context, tx *sql.Tx, after mail.Time) error {
	r.origins = make(map[int64]session)
	err := each(ctx, tx, func(scan scanner) error {
		var id int64
		var s session
		err := scan(&id, &s.server, &s.serverIP, &s.client, &s.helo, &s.user, &s.direction, &s.authenticated, &s.relayRight, &s.hop, &s.probe)
		r.origins[id] = s
		return err
	}, selectOrigins)
	if err != nil {
		return err
	}
	r.positions = make(map[int64]mail.LogPos)
	err = each(ctx, tx, func(scan scanner) error {
		var id, key int64
		var pos mail.LogPos
		err := scan(&id, &key, &pos.Offset)
		pos.Log = mail.LogID(key)
		r.positions[id] = pos
		return err
	}, selectPositions)
	if err != nil {
		return err
	}
	var longest int64
	if err := tx.QueryRowContext(ctx, selectLongest).Scan(&longest); err != nil {
		return err
	}
	if r.transactions, err = tx.QueryContext(ctx, selectReplayed, int64(after), longest); err != nil {
		return err
	}
	if r.recipients, err = tx.QueryContext(ctx, selectReplayedRecipients, int64(after), longest); err != nil {
		r.transactions.Close()
		return err
	}
	return r.nextRecipient()
}

func (r *replay) close() {
	r.transactions.Close()
	r.recipients.Close()
}

// hand hands the current transaction on and reads the next one.
func (r *replay) hand() bool {
	r.tx(r.current)
	return r.next()
}

// next reads a transaction, and is false at the end or after an error.
func (r *replay) next() bool {
	if r.err != nil || !r.transactions.Next() {
		r.err = firstError(r.err, r.transactions.Err())
		return false
	}
	var (
		t           mail.Transaction
		key, origin int64
		path        sql.NullString
	)
	r.err = r.transactions.Scan(&r.id, &t.At, &key, &t.Pos.Offset, &origin, &t.Exact, &path, &t.SizeBytes, &t.Outcome, &t.EndAt)
	if r.err != nil {
		return false
	}
	s, ok := r.origins[origin]
	if !ok {
		r.err = fmt.Errorf("transaction %d: no origin %d", r.id, origin)
		return false
	}
	t.Pos.Log = mail.LogID(key)
	t.Server, t.ServerIP, t.ClientIP, t.HELO, t.User = s.server, s.serverIP, s.client, s.helo, s.user
	t.Direction, t.Authenticated, t.RelayRight, t.Hop, t.Probe = s.direction, s.authenticated, s.relayRight, s.hop, s.probe
	t.ReversePath = pathOf(path)
	r.current = t
	r.err = r.readRecipients()
	return r.err == nil
}

// readRecipients reads those of the current transaction.
func (r *replay) readRecipients() error {
	t := &r.current
	last := t.Pos.Offset
	for r.waiting.id != 0 && r.waiting.id>>16 == r.id {
		w := &r.waiting
		last += w.offsetDelta
		to := mail.Recipient{
			Pos:   mail.LogPos{Log: t.Pos.Log, Offset: last},
			At:    t.At + mail.Time(w.timeDelta),
			Path:  pathOf(w.path),
			Reply: replyOf(w.reply),
		}
		if pos, ok := r.positions[w.id]; ok {
			to.Pos = pos
		}
		t.Recipients = append(t.Recipients, to)
		if err := r.nextRecipient(); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) nextRecipient() error {
	r.waiting = replayedRecipient{}
	if !r.recipients.Next() {
		return r.recipients.Err()
	}
	w := &r.waiting
	return r.recipients.Scan(&w.id, &w.reply, &w.timeDelta, &w.offsetDelta, &w.path)
}

func pathOf(text sql.NullString) mail.Path {
	if !text.Valid {
		return mail.UnknownPath
	}
	return mail.Path(text.String)
}

// replyOf is a reply as table recipients keeps it.
func replyOf(stored sql.NullInt64) int {
	switch {
	case !stored.Valid:
		return 0
	case stored.Int64 == 0:
		return usualReply
	}
	return int(stored.Int64)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
