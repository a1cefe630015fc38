package store

import (
	"context"
	"database/sql"
	"errors"

	"relaywatch/mail"
)

// afterSubmission is how many seconds after a recipient was accepted what becomes of
// it is told of it: less than a day.
const afterSubmission = 24*60*60 - 1

// Returned is what became of a recipient of a submitter.
type Returned struct {
	mail.Delivery
	Tries int // Answers in all.
}

// CameBack is what became of a submitter's recipients, each of a reverse-path counted
// once: as refused if a remote server ever refused it, else as delivered if one took
// it, else as deferred.
type CameBack struct {
	Refused, Delivered, Deferred int
	Sample                       []Returned // The first that were refused, then those that are deferred.
}

// outcomes are those of each recipient of a submitter: its rank, and the delivery that
// told it first. CROSS JOIN makes SQLite begin with the index on the time of replies.
func outcomes(who mail.Submitter) string {
	return `WITH sent AS MATERIALIZED (
		SELECT t.reverse_path_id AS sender, r.address_id AS recipient, min(t.time + r.time_delta) AS first, max(t.time + r.time_delta) AS last
		FROM ` + transactionsOf(who) + recipientsOf + notRefused + `
		WHERE ` + of(who) + ` AND t.reverse_path_id <> 1 AND r.address_id IS NOT NULL GROUP BY 1, 2),
	told AS MATERIALIZED (
		SELECT max(CASE y.outcome WHEN 2 THEN 3 WHEN 1 THEN 2 ELSE 1 END * 1000000000000 - y.time - y.reply_delta) / 1000000000000 + 1 AS rank,
			y.id AS delivery, count(*) AS tries
		FROM deliveries y CROSS JOIN sent s ON s.sender = y.reverse_path_id AND s.recipient = y.recipient_id
		WHERE y.time + y.reply_delta BETWEEN ?3 AND ?4 + ?5 AND y.time + y.reply_delta BETWEEN s.first AND s.last + ?5 AND y.outcome > 0
		GROUP BY y.reverse_path_id, y.recipient_id) `
}

// Ranks of outcomes.
const (
	rankDeferred = 1 + iota
	rankDelivered
	rankRefused
)

// CameBack tells what became of what a submitter sent from since to until, with at
// most n recipients.
func (db *DB) CameBack(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) (CameBack, error) {
	var c CameBack
	args := []any{who.Kind, who.Value, int64(since), int64(until), afterSubmission}
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		err := each(ctx, tx, func(scan scanner) error {
			var rank, recipients int
			err := scan(&rank, &recipients)
			switch rank {
			case rankRefused:
				c.Refused = recipients
			case rankDelivered:
				c.Delivered = recipients
			default:
				c.Deferred = recipients
			}
			return err
		}, outcomes(who)+`SELECT rank, count(*) FROM told GROUP BY rank`, args...)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			var r Returned
			err := scanDelivery(scan, &r.Delivery, &r.Tries)
			c.Sample = append(c.Sample, r)
			return err
		}, outcomes(who)+`SELECT `+deliveryColumns+`, w.tries FROM told w JOIN deliveries y ON y.id = w.delivery`+deliveryJoins+`
			WHERE w.rank <> ?7 ORDER BY w.rank DESC, y.time + y.reply_delta, y.id LIMIT ?6`, append(args, n, rankDelivered)...)
	})
	return c, err
}

const (
	deliveryColumns = `y.time, y.time + y.reply_delta, l.key, y.log_offset, coalesce(server.text, ''), coalesce(remote.text, ''),
		f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END, a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END,
		coalesce(y.reply, 0), y.text, y.outcome`
	deliveryJoins = ` JOIN logs l ON l.id = y.log_id
		LEFT JOIN names server ON server.id = y.server_id LEFT JOIN names remote ON remote.id = y.remote_ip_id
		LEFT JOIN addresses f ON f.id = y.reverse_path_id LEFT JOIN domains fd ON fd.id = f.domain_id
		LEFT JOIN addresses a ON a.id = y.recipient_id LEFT JOIN domains d ON d.id = a.domain_id`
)

// scanDelivery reads deliveryColumns and what follows them.
func scanDelivery(scan scanner, d *mail.Delivery, more ...any) error {
	var key int64
	var from, to sql.NullString
	err := scan(append([]any{
		&d.At, &d.RepliedAt, &key, &d.Pos.Offset, &d.Server, &d.RemoteIP, &from, &to, &d.Reply, &d.Text, &d.Outcome,
	}, more...)...)
	d.Pos.Log, d.ReversePath, d.Recipient = mail.LogID(key), pathOf(from), pathOf(to)
	return err
}

const selectDelivery = `SELECT ` + deliveryColumns + ` FROM deliveries y` + deliveryJoins + `
	WHERE y.time + y.reply_delta = ?1 AND l.key = ?2 AND y.log_offset = ?3`

// Delivery is the one that stands at a place and was answered at a time, or false.
func (db *DB) Delivery(ctx context.Context, at mail.Time, pos mail.LogPos) (d mail.Delivery, ok bool, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		return scanDelivery(tx.QueryRowContext(ctx, selectDelivery, int64(at), int64(pos.Log), pos.Offset).Scan, &d)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return mail.Delivery{}, false, nil
	}
	return d, err == nil, err
}
