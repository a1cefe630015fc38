package store

import (
	"context"
	"database/sql"

	"relaywatch/mail"
)

// Way is what one client sent in one way: see v_sources.
type Way struct {
	Server, Connector, ClientIP, User string

	Authenticated bool
	RelayRight    bool
	TLS           mail.TLS
	Transactions  int
	Recipients    int // Accepted, or with a reply that is not told.
	External      int // Accepted recipients outside own domains; without a login only.
	Own           int // Accepted recipients of own domains; without a login only.
	Unknown       int // Recipients of own domains refused with 55x; without a login only.
	First, Last   mail.Time
}

const (
	between    = ` t.time >= ?1 AND t.time < ?2 AND o.direction = 0 AND o.hop = 0 AND o.probe = 0`
	selectWays = `SELECT o.id, server.text, connector.text, client.text, account.text, o.authenticated, o.relay_right, o.tls,
		count(*), sum(coalesce(t.accepted, t.recipients)), min(t.time), max(t.time)
		FROM transactions t JOIN origins o ON o.id = t.origin_id
		JOIN names server ON server.id = o.server_id JOIN names connector ON connector.id = o.connector_id
		JOIN names client ON client.id = o.client_id JOIN names account ON account.id = o.user_id
		WHERE` + between + ` GROUP BY o.id`
	// CROSS JOIN keeps the order of the tables: the transactions of the time lead.
	selectWayRecipients = `SELECT o.id,
		sum(d.external = 1 AND (r.reply IS NULL OR r.reply = 0 OR r.reply BETWEEN 200 AND 299)),
		sum(d.external = 0 AND (r.reply IS NULL OR r.reply = 0 OR r.reply BETWEEN 200 AND 299)),
		sum(d.external = 0 AND r.reply BETWEEN 550 AND 559)
		FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id` + recipientsJoin + `
		WHERE` + between + ` AND o.authenticated = 0 GROUP BY o.id`
	recipientsJoin = ` CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
		CROSS JOIN addresses a ON a.id = r.address_id CROSS JOIN domains d ON d.id = a.domain_id`
	selectRelayed = `SELECT client.text, d.name, count(*)
		FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id CROSS JOIN names client ON client.id = o.client_id` + recipientsJoin + `
		WHERE` + between + ` AND o.authenticated = 0 AND t.external > 0 AND d.external = 1
		AND (r.reply IS NULL OR r.reply = 0 OR r.reply BETWEEN 200 AND 299) GROUP BY 1, 2`
)

// Ways are what clients sent from since to before until, in no order.
func (db *DB) Ways(ctx context.Context, since, until mail.Time) ([]Way, error) {
	type key struct {
		server, connector, client, user string
		authenticated, relayRight       bool
		tls                             mail.TLS
	}
	var list []Way
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		at := make(map[key]int)       // In list: HELO names are no matter.
		origin := make(map[int64]int) // As well.
		err := each(ctx, tx, func(scan scanner) error {
			var id int64
			var k key
			var s Way
			err := scan(&id, &k.server, &k.connector, &k.client, &k.user, &k.authenticated, &k.relayRight, &k.tls,
				&s.Transactions, &s.Recipients, &s.First, &s.Last)
			i, known := at[k]
			if !known {
				i = len(list)
				at[k] = i
				list = append(list, Way{
					Server: k.server, Connector: k.connector, ClientIP: k.client, User: k.user,
					Authenticated: k.authenticated, RelayRight: k.relayRight, TLS: k.tls, First: s.First,
				})
			}
			origin[id] = i
			l := &list[i]
			l.Transactions += s.Transactions
			l.Recipients += s.Recipients
			l.First, l.Last = min(l.First, s.First), max(l.Last, s.Last)
			return err
		}, selectWays, int64(since), int64(until))
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			var id int64
			var external, own, unknown sql.NullInt64 // NULL while own domains are not known.
			err := scan(&id, &external, &own, &unknown)
			l := &list[origin[id]]
			l.External += int(external.Int64)
			l.Own += int(own.Int64)
			l.Unknown += int(unknown.Int64)
			return err
		}, selectWayRecipients, int64(since), int64(until))
	})
	return list, err
}

// Relayed is how many recipients outside a client had in a domain without a login.
type Relayed struct {
	ClientIP   string
	Domain     string
	Recipients int
}

// Relayed are the accepted recipients outside, of clients that did not log in.
func (db *DB) Relayed(ctx context.Context, since, until mail.Time) ([]Relayed, error) {
	var list []Relayed
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var r Relayed
			err := scan(&r.ClientIP, &r.Domain, &r.Recipients)
			list = append(list, r)
			return err
		}, selectRelayed, int64(since), int64(until))
	})
	return list, err
}

// LoginCount is how often an account logged in, or failed to, from a client.
type LoginCount struct {
	Server, ClientIP, User string

	TLS   mail.TLS
	OK    bool
	Count int
	Last  mail.Time
}

const selectLoginCounts = `SELECT server.text, client.text, account.text, n.tls, n.ok, count(*), max(n.time)
	FROM logins n JOIN names server ON server.id = n.server_id JOIN names client ON client.id = n.client_id JOIN names account ON account.id = n.user_id
	WHERE n.time >= ? AND n.time < ? GROUP BY n.server_id, n.client_id, n.user_id, n.tls, n.ok`

// LoginCounts are the logins from since to before until, counted.
func (db *DB) LoginCounts(ctx context.Context, since, until mail.Time) ([]LoginCount, error) {
	var list []LoginCount
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var l LoginCount
			err := scan(&l.Server, &l.ClientIP, &l.User, &l.TLS, &l.OK, &l.Count, &l.Last)
			list = append(list, l)
			return err
		}, selectLoginCounts, int64(since), int64(until))
	})
	return list, err
}

// Bounces are counts of deliveries.
type Bounces struct {
	Sent    int // With the null reverse-path, to the outside.
	Refused int // Of those, refused for good.
	Inside  int // To own domains, refused for good.
}

const selectBounces = `SELECT coalesce(sum(y.reverse_path_id = 1 AND d.external = 1), 0), coalesce(sum(y.reverse_path_id = 1 AND d.external = 1 AND y.outcome = 2), 0),
	coalesce(sum(d.external = 0 AND y.outcome = 2), 0)
	FROM deliveries y JOIN addresses a ON a.id = y.recipient_id JOIN domains d ON d.id = a.domain_id WHERE y.time >= ? AND y.time < ?`

// Bounces counts deliveries from since to before until.
func (db *DB) Bounces(ctx context.Context, since, until mail.Time) (Bounces, error) {
	var b Bounces
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, selectBounces, int64(since), int64(until)).Scan(&b.Sent, &b.Refused, &b.Inside)
	})
	return b, err
}

// Sentence is what a rule found of a submitter.
type Sentence struct {
	Submitter mail.Submitter
	Flagged   mail.Time
	Text      string
}

const selectSentences = `SELECT s.kind, s.value, f.flagged_at, f.sentence FROM findings f JOIN submitters s ON s.id = f.submitter_id
	WHERE f.rule = ? AND f.silenced = '' AND f.window_end >= ? AND f.flagged_at < ? AND NOT EXISTS (SELECT 1 FROM findings p
		WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional)
	ORDER BY f.flagged_at DESC`

// Sentences are the findings of a rule from since to before until, the newest first.
func (db *DB) Sentences(ctx context.Context, rule string, since, until mail.Time) ([]Sentence, error) {
	var list []Sentence
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var s Sentence
			err := scan(&s.Submitter.Kind, &s.Submitter.Value, &s.Flagged, &s.Text)
			list = append(list, s)
			return err
		}, selectSentences, rule, int64(since), int64(until))
	})
	return list, err
}
