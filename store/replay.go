package store

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"strings"

	"relaywatch/mail"
)

const (
	// Parameters: after, longest. The order is that of an index, so that nothing is
	// sorted; replay mends it within a second.
	replayedWhere = ` WHERE t.time > ?1 - ?2 AND (t.end_delta IS NULL OR t.time > ?1 OR t.time + t.end_delta > ?1) ORDER BY t.time, t.log_id, t.log_offset`

	selectReplayed = `SELECT t.id, t.time, t.log_id, t.log_offset, t.origin_id, t.exact, t.reverse_path_id, t.recipients,
		coalesce(t.size_bytes, -1), t.outcome, coalesce(t.time + t.end_delta, 0) FROM transactions t` + replayedWhere

	selectReplayedRecipients = `SELECT r.id, r.address_id, r.told, r.offset_delta
		FROM transactions t CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535` + replayedWhere + `, r.id`

	selectReplayedLogins = `SELECT n.time, l.key, n.log_offset, server.text, client.text, account.text, n.tls, n.ok
		FROM logins n JOIN logs l ON l.id = n.log_id
		JOIN names server ON server.id = n.server_id JOIN names client ON client.id = n.client_id JOIN names account ON account.id = n.user_id
		WHERE n.time > ?1 ORDER BY n.time, l.key < 0, l.key, n.log_offset` // As mail.LogPos.Compare: log identities are unsigned.

	selectOrigins = `SELECT o.id, server.text, ip.text, client.text, helo.text, account.text, connector.text,
		o.direction, o.tls, o.authenticated, o.relay_right, o.hop, o.probe FROM origins o JOIN names connector ON connector.id = o.connector_id
		JOIN names server ON server.id = o.server_id JOIN names ip ON ip.id = o.server_ip_id JOIN names client ON client.id = o.client_id
		JOIN names helo ON helo.id = o.helo_id JOIN names account ON account.id = o.user_id`

	selectPositions = `SELECT p.recipient_id, l.key, p.log_offset FROM recipient_positions p JOIN logs l ON l.id = p.log_id`
	selectLongest   = `SELECT longest FROM meta`
)

var selectPaths = `SELECT a.id, a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END
	FROM addresses a LEFT JOIN domains d ON d.id = a.domain_id WHERE a.id IN (?` + strings.Repeat(",?", maxLookups-1) + `)`

// replayPart is how many transactions, logins and deliveries are handed over together.
// Two parts are in memory besides the one that is taken.
const replayPart = 512

// Replay hands over all that the store has of the time after `after`, in the order
// of time: transactions of direction in, whole, also those that began before and
// may have a row after it, logins, and deliveries that were decided, by the time of
// the reply, without server, remote server and text. The writer may go on meanwhile,
// and is not seen. What comes next is read while the caller is at work, in whose goroutine
// all is handed over. A ctx that is done ends the reading: what was read by then is handed
// over, and its error is returned.
func (db *DB) Replay(ctx context.Context, after mail.Time, tx func(mail.Transaction), login func(mail.Login), delivery func(mail.Delivery)) error {
	parts := make(chan []func())
	var err error // Of reading; read when parts is closed.
	go func() {
		defer close(parts)
		var part []func()
		give := func(f func()) {
			if part = append(part, f); len(part) == replayPart {
				parts <- part
				part = nil
			}
		}
		err = db.snapshot(ctx, func(snapshot *sql.Tx) error {
			return replayRows(ctx, snapshot, after,
				func(t mail.Transaction) { give(func() { tx(t) }) },
				func(l mail.Login) { give(func() { login(l) }) },
				func(d mail.Delivery) { give(func() { delivery(d) }) })
		})
		parts <- part
	}()
	for part := range parts { // To the end: who gives waits for nothing else.
		for _, take := range part {
			take()
		}
	}
	return err
}

func replayRows(ctx context.Context, snapshot *sql.Tx, after mail.Time, tx func(mail.Transaction), login func(mail.Login), delivery func(mail.Delivery)) error {
	r := replay{snapshot: snapshot}
	if err := r.open(ctx, after); err != nil {
		return err
	}
	defer r.close()
	d := deliveries{r: &r}
	if err := d.open(ctx, after); err != nil {
		return err
	}
	defer d.rows.rows.Close()
	take := func() {
		d.before(ctx, r.next().At, delivery)
		tx(r.take())
	}
	logins, err := snapshot.QueryContext(ctx, selectReplayedLogins, int64(after))
	if err != nil {
		return err
	}
	defer logins.Close()
	for logins.Next() {
		var l mail.Login
		var key int64
		if err := logins.Scan(&l.At, &key, &l.Pos.Offset, &l.Server, &l.ClientIP, &l.User, &l.TLS, &l.OK); err != nil {
			return err
		}
		l.Pos.Log = mail.LogID(key)
		for r.more(ctx) && before(r.next(), &l) {
			take()
		}
		d.before(ctx, l.At, delivery)
		login(l)
	}
	for r.more(ctx) {
		take()
	}
	d.before(ctx, math.MaxInt64, delivery)
	return firstError(r.err, d.err, logins.Err())
}

func before(t *mail.Transaction, l *mail.Login) bool {
	return cmp.Or(cmp.Compare(t.At, l.At), t.Pos.Compare(l.Pos)) < 0
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
