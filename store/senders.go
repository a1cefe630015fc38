package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relaywatch/mail"
)

// Sender is who used the servers, as a submitter or as a client that answers for
// nobody's mail but brought some.
type Sender struct {
	Submitter     mail.Submitter
	Transactions  int
	Recipients    int  // Accepted, or with a reply that is not told.
	External      *int // Recipients outside own domains, refused ones too; nil while own domains are not known.
	Authenticated int  // Transactions after a login.
	RelayRight    int  // Transactions of sessions that might relay to anybody.
	Plain         int  // Transactions that were not encrypted; those of which the log does not tell are not counted.
	Encrypted     int
	Days          int // On which it sent something, in UTC.
	First         mail.Time
	Last          mail.Time

	// What it used most, the most frequent first.
	ReversePaths []Use // Transactions only.
	HELOs        []Use
	Clients      []Use
	Servers      []Use // The name of the server, and behind a backslash the connector.
}

// Transactions are counted by the number of what their session has in common, which are
// few; who that is, is looked up afterwards. Parameters ?1 and ?2 are since and until.
const (
	sentBetween   = ` FROM transactions WHERE time >= ?1 AND time < ?2 GROUP BY `
	ofSubmitters  = ` JOIN origins o ON o.id = t.origin_id WHERE o.direction = 0 AND o.hop = 0 AND o.probe = 0 AND o.submitter_id IS NOT NULL`
	selectSenders = `SELECT u.submitter_id, s.kind, s.value, u.n, u.recipients, CASE WHEN EXISTS (SELECT 1 FROM own_domains) THEN coalesce(u.external, 0) END,
		u.authenticated, u.relay_right, u.plain, u.encrypted, u.days, u.first, u.last FROM (
			SELECT o.submitter_id AS submitter_id, sum(t.n) AS n, sum(t.recipients) AS recipients, sum(t.external) AS external,
				sum(t.n * o.authenticated) AS authenticated, sum(t.n * o.relay_right) AS relay_right,
				sum(t.n * (o.tls = 1)) AS plain, sum(t.n * (o.tls = 2)) AS encrypted,
				count(DISTINCT t.day) AS days, min(t.first) AS first, max(t.last) AS last
			FROM (SELECT origin_id, time / 86400 AS day, count(*) AS n, sum(coalesce(accepted, recipients)) AS recipients, sum(external) AS external,
				min(time) AS first, max(time) AS last` + sentBetween + `origin_id, day) t` + ofSubmitters + ` GROUP BY o.submitter_id) u
		JOIN submitters s ON s.id = u.submitter_id ORDER BY 5 DESC, s.kind, s.value`
	selectTopPaths = `SELECT c.submitter_id, a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END, c.n FROM (
			SELECT submitter_id, path, n, row_number() OVER (PARTITION BY submitter_id ORDER BY n DESC, path) AS place FROM (
				SELECT o.submitter_id AS submitter_id, t.path AS path, sum(t.n) AS n
				FROM (SELECT origin_id, reverse_path_id AS path, count(*) AS n` + sentBetween + `origin_id, reverse_path_id) t` + ofSubmitters + `
				AND t.path IS NOT NULL GROUP BY 1, 2)) c
		JOIN addresses a ON a.id = c.path JOIN domains d ON d.id = a.domain_id WHERE c.place <= ?3 ORDER BY c.submitter_id, c.place`
	// Of one kind of names after the other, each as columns of origins.
	selectTopNames = `WITH sent AS MATERIALIZED (SELECT origin_id, count(*) AS n` + sentBetween + `origin_id)
		SELECT kind, submitter_id, text, n FROM (%s) ORDER BY kind, submitter_id, place`
	topNamesOf = `SELECT %d AS kind, c.submitter_id, %s AS text, c.n, c.place FROM (
			SELECT submitter_id, x, y, n, row_number() OVER (PARTITION BY submitter_id ORDER BY n DESC, x, y) AS place FROM (
				SELECT o.submitter_id AS submitter_id, %s, sum(t.n) AS n FROM sent t` + ofSubmitters + ` GROUP BY 1, 2, 3)) c
		JOIN names x ON x.id = c.x JOIN names y ON y.id = c.y WHERE c.place <= ?3 AND (c.x <> 0 OR c.y <> 0)`
)

// nameKinds are the names that a session may have: their text, and the columns of origins
// that it is made of.
var nameKinds = []struct {
	text, columns string
	into          func(*Sender) *[]Use
}{
	{`x.text`, `o.helo_id AS x, 0 AS y`, func(s *Sender) *[]Use { return &s.HELOs }},
	{`x.text`, `o.client_id AS x, 0 AS y`, func(s *Sender) *[]Use { return &s.Clients }},
	{
		`x.text || CASE y.text WHEN '' THEN '' ELSE '\' || y.text END`, `o.server_id AS x, o.connector_id AS y`,
		func(s *Sender) *[]Use { return &s.Servers },
	},
}

// topNames asks for all kinds of names: the transactions of years are counted once.
func topNames() string {
	var of []string
	for i, k := range nameKinds {
		of = append(of, fmt.Sprintf(topNamesOf, i, k.text, k.columns))
	}
	return fmt.Sprintf(selectTopNames, strings.Join(of, " UNION ALL "))
}

// Senders are all who sent something from since to before until, those with the most
// recipients first, each with the n names that it used most.
func (db *DB) Senders(ctx context.Context, since, until mail.Time, n int) ([]Sender, error) {
	var list []Sender
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		place := make(map[int64]int) // In list, by submitters.id.
		err := each(ctx, tx, func(scan scanner) error {
			var s Sender
			var id int64
			err := scan(&id, &s.Submitter.Kind, &s.Submitter.Value, &s.Transactions, &s.Recipients, &s.External,
				&s.Authenticated, &s.RelayRight, &s.Plain, &s.Encrypted, &s.Days, &s.First, &s.Last)
			place[id] = len(list)
			list = append(list, s)
			return err
		}, selectSenders, int64(since), int64(until))
		if err != nil {
			return err
		}
		err = each(ctx, tx, func(scan scanner) error {
			var id int64
			var u Use
			err := scan(&id, &u.Text, &u.Transactions)
			s := &list[place[id]]
			s.ReversePaths = append(s.ReversePaths, u)
			return err
		}, selectTopPaths, int64(since), int64(until), n)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			var kind int
			var id int64
			var u Use
			err := scan(&kind, &id, &u.Text, &u.Transactions)
			into := nameKinds[kind].into(&list[place[id]])
			*into = append(*into, u)
			return err
		}, topNames(), int64(since), int64(until), n)
	})
	return list, err
}
