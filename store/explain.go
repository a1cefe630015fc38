package store

import (
	"context"
	"database/sql"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// Hour is a row of v_hourly.
type Hour struct {
	Hour         mail.Time // Its first second.
	Transactions int       // Begun in it.
	Recipients   int       // In it, accepted or with a reply that is not told.
	External     *int      // Of those, outside; nil while own domains are not known.
	Refused      int
}

// Domain is how many recipients a submitter had in a domain.
type Domain struct {
	Name       string // "" for local mail.
	Recipients int    // Accepted, or with a reply that is not told.
	External   *bool  // nil while own domains are not known.
}

// Use is how often a submitter used a name.
type Use struct {
	Text         string // "" if there is none or the log does not tell.
	Transactions int
	Recipients   int
}

// Sent is one recipient with its transaction.
type Sent struct {
	mail.Recipient
	ReversePath mail.Path
	ClientIP    string
	Server      string
}

// Source is where a row can be read.
type Source struct {
	Pos    mail.LogPos
	Path   string // Where the log was last read; "" if the store does not know the log.
	Format ingest.Format
}

const selectTimeline = `SELECT h.hour, h.transactions, h.recipients, h.external, h.refused FROM hourly h
	WHERE h.submitter_id = (SELECT id FROM submitters WHERE kind = ? AND value = ?) AND h.hour BETWEEN ? AND ? ORDER BY h.hour`

// Timeline is the hours of a submitter that has any, from that of since to that of
// until.
func (db *DB) Timeline(ctx context.Context, who mail.Submitter, since, until mail.Time) ([]Hour, error) {
	var hours []Hour
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var h Hour
			err := scan(&h.Hour, &h.Transactions, &h.Recipients, &h.External, &h.Refused)
			hours = append(hours, h)
			return err
		}, selectTimeline, who.Kind, who.Value, hourAt(since), hourAt(until))
	})
	return hours, err
}

const (
	// The transactions of a submitter that have a row from ?3 to ?4. One may have
	// begun before, by no more than the longest. CROSS JOIN makes SQLite begin with
	// the index on time, where it would scan all recipients.
	ofWho = `t.time BETWEEN ?3 - (SELECT longest FROM meta) AND ?4 AND (t.end_delta IS NULL OR t.time + t.end_delta >= ?3)
		AND o.direction = 0 AND o.hop = 0 AND `
	ofSubmitter = ofWho + `o.submitter_id = (SELECT id FROM submitters WHERE kind = ?1 AND value = ?2)`
	// Only the hours in which it began some are looked into: an episode may span
	// months, and no index leads from a submitter to its transactions.
	inItsHours = `hourly h CROSS JOIN transactions t ON t.time BETWEEN h.hour AND h.hour + 3599`
	itsHours   = `h.hour BETWEEN ?3 - (SELECT longest FROM meta) - 3599 AND ?4 AND h.transactions > 0
		AND h.submitter_id = (SELECT id FROM submitters WHERE kind = ?1 AND value = ?2) AND `
	withOrigin = ` CROSS JOIN origins o ON o.id = t.origin_id`
	// An address of ours behind a host that many share.
	ofSender = ofWho + `?1 = 'sender' AND t.reverse_path_id IN (SELECT a.id FROM addresses a JOIN domains d ON d.id = a.domain_id
		WHERE a.local = substr(?2, 1, length(?2) - length(d.name) - 1) AND d.name = substr(?2, instr(?2, '@') + 1))`
	// A machine behind an address that many share, by the name that it gives.
	ofHELO = ofWho + `?1 = 'helo' AND o.id IN (SELECT g.id FROM origins g JOIN submitters s ON s.id = g.submitter_id JOIN names h ON h.id = g.helo_id
		WHERE s.kind = 'ip' AND lower(h.text) || '@' || s.value = ?2)`

	recipientsOf = ` CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535 AND t.time + r.time_delta BETWEEN ?3 AND ?4`
	notRefused   = ` AND (r.reply IS NULL OR r.reply < 400)`
)

// of is the condition that chooses the transactions of transactionsOf.
func of(who mail.Submitter) string {
	switch who.Kind {
	case mail.KindSender:
		return ofSender
	case mail.KindHELO:
		return ofHELO
	}
	return itsHours + ofSubmitter
}

// transactionsOf are transactions t, among them all of a submitter, with their origins o.
func transactionsOf(who mail.Submitter) string {
	if who.Kind == mail.KindSender || who.Kind == mail.KindHELO {
		return `transactions t` + withOrigin
	}
	return inItsHours + withOrigin
}

// TopDomains are the n domains that a submitter sent most to, from since to until.
func (db *DB) TopDomains(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) ([]Domain, error) {
	query := `SELECT d.name, count(*), d.external FROM ` + transactionsOf(who) + recipientsOf + notRefused +
		` CROSS JOIN addresses a ON a.id = r.address_id CROSS JOIN domains d ON d.id = a.domain_id WHERE ` + of(who) +
		` GROUP BY d.id ORDER BY 2 DESC, 1 LIMIT ?5`
	var domains []Domain
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var d Domain
			err := scan(&d.Name, &d.Recipients, &d.External)
			domains = append(domains, d)
			return err
		}, query, who.Kind, who.Value, int64(since), int64(until), n)
	})
	return domains, err
}

// Recipients are the first n recipients of a submitter from since to until, refused
// ones too.
func (db *DB) Recipients(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) ([]Sent, error) {
	// Texts are looked up for those that are shown only.
	query := `WITH shown AS MATERIALIZED (SELECT t.time + r.time_delta AS at, t.time AS began, t.id AS tx, r.id AS recipient
			FROM ` + transactionsOf(who) + recipientsOf + ` WHERE ` + of(who) + ` ORDER BY 1, 2, 3, 4 LIMIT ?5)
		SELECT s.at, r.reply, a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END,
		f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END, client.text, server.text,
		coalesce(pl.key, l.key), coalesce(p.log_offset, t.log_offset + (SELECT sum(b.offset_delta) FROM recipients b WHERE b.id BETWEEN t.id << 16 AND r.id))
		FROM shown s CROSS JOIN transactions t ON t.id = s.tx CROSS JOIN origins o ON o.id = t.origin_id CROSS JOIN recipients r ON r.id = s.recipient
		JOIN logs l ON l.id = t.log_id JOIN names client ON client.id = o.client_id JOIN names server ON server.id = o.server_id
		LEFT JOIN addresses f ON f.id = t.reverse_path_id LEFT JOIN domains fd ON fd.id = f.domain_id
		LEFT JOIN addresses a ON a.id = r.address_id LEFT JOIN domains d ON d.id = a.domain_id
		LEFT JOIN recipient_positions p ON p.recipient_id = r.id LEFT JOIN logs pl ON pl.id = p.log_id
		ORDER BY s.at, s.began, s.tx, s.recipient`
	var sent []Sent
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var s Sent
			var key int64
			var reply sql.NullInt64
			var to, from sql.NullString
			err := scan(&s.At, &reply, &to, &from, &s.ClientIP, &s.Server, &key, &s.Pos.Offset)
			s.Pos.Log, s.Reply, s.Path, s.ReversePath = mail.LogID(key), replyOf(reply), pathOf(to), pathOf(from)
			sent = append(sent, s)
			return err
		}, query, who.Kind, who.Value, int64(since), int64(until), n)
	})
	return sent, err
}

func pathOf(text sql.NullString) mail.Path {
	if !text.Valid {
		return mail.UnknownPath
	}
	return mail.Path(text.String)
}

// replyOf is a reply as column reply keeps it.
func replyOf(stored sql.NullInt64) int {
	switch {
	case !stored.Valid:
		return 0
	case stored.Int64 == 0:
		return usualReply
	}
	return int(stored.Int64)
}

// Uses are the names that a submitter used, the most frequent first.
type Uses struct {
	ReversePaths []Use
	HELOs        []Use
	Clients      []Use
	Servers      []Use
}

// selectUses counts by numbers, and looks texts up afterwards, each once. Parameter ?5
// is how many of each kind.
const selectUses = `SELECT * FROM (SELECT 0, coalesce(a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END, ''), sum(u.n), sum(u.recipients)
		FROM (SELECT path, sum(n) AS n, sum(recipients) AS recipients FROM used GROUP BY path) u
		LEFT JOIN addresses a ON a.id = u.path LEFT JOIN domains d ON d.id = a.domain_id GROUP BY 2 ORDER BY 4 DESC, 3 DESC, 2 LIMIT ?5)
	UNION ALL SELECT * FROM (SELECT 1, x.text, sum(u.n), sum(u.recipients) FROM used u JOIN names x ON x.id = u.helo_id GROUP BY 2 ORDER BY 4 DESC, 3 DESC, 2 LIMIT ?5)
	UNION ALL SELECT * FROM (SELECT 2, x.text, sum(u.n), sum(u.recipients) FROM used u JOIN names x ON x.id = u.client_id GROUP BY 2 ORDER BY 4 DESC, 3 DESC, 2 LIMIT ?5)
	UNION ALL SELECT * FROM (SELECT 3, x.text, sum(u.n), sum(u.recipients) FROM used u JOIN names x ON x.id = u.server_id GROUP BY 2 ORDER BY 4 DESC, 3 DESC, 2 LIMIT ?5)`

// Uses are up to n of each name that a submitter used from since to until.
func (db *DB) Uses(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) (Uses, error) {
	query := `WITH used AS MATERIALIZED (SELECT o.helo_id, o.client_id, o.server_id, t.reverse_path_id AS path, count(*) AS n, sum(t.recipients) AS recipients
		FROM ` + transactionsOf(who) + ` WHERE ` + of(who) + ` GROUP BY t.origin_id, t.reverse_path_id) ` + selectUses
	var u Uses
	lists := [...]*[]Use{&u.ReversePaths, &u.HELOs, &u.Clients, &u.Servers}
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var list int
			var use Use
			err := scan(&list, &use.Text, &use.Transactions, &use.Recipients)
			if err == nil {
				*lists[list] = append(*lists[list], use)
			}
			return err
		}, query, who.Kind, who.Value, int64(since), int64(until), n)
	})
	return u, err
}

const selectLogins = `SELECT n.time, l.key, n.log_offset, server.text, client.text, account.text, n.ok
	FROM logins n JOIN logs l ON l.id = n.log_id
	JOIN names server ON server.id = n.server_id JOIN names client ON client.id = n.client_id JOIN names account ON account.id = n.user_id
	WHERE n.time BETWEEN ?3 AND ?4 AND CASE ?1 WHEN 'ip' THEN client.text = ?2 WHEN 'user' THEN account.text = ?2 END
	ORDER BY n.time DESC, n.id DESC LIMIT ?5`

// Logins are the last n logins of a client or of an account from since to until,
// newest first.
func (db *DB) Logins(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) ([]mail.Login, error) {
	var logins []mail.Login
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var l mail.Login
			var key int64
			err := scan(&l.At, &key, &l.Pos.Offset, &l.Server, &l.ClientIP, &l.User, &l.OK)
			l.Pos.Log = mail.LogID(key)
			logins = append(logins, l)
			return err
		}, selectLogins, who.Kind, who.Value, int64(since), int64(until), n)
	})
	return logins, err
}

const selectSource = `SELECT path, format FROM logs WHERE key = ?`

// EvidencePaths tells for each row where its log was last read.
func (db *DB) EvidencePaths(ctx context.Context, rows []mail.LogPos) ([]Source, error) {
	sources := make([]Source, len(rows))
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		for i, pos := range rows {
			s := &sources[i]
			s.Pos = pos
			err := each(ctx, tx, func(scan scanner) error { return scan(&s.Path, &s.Format) }, selectSource, int64(pos.Log))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return sources, err
}

// Accepted is how many recipients of a submitter were accepted, or have a reply
// that is not told, from since up to and with until.
func (db *DB) Accepted(ctx context.Context, who mail.Submitter, since, until mail.Time) (int, error) {
	query := `SELECT count(*) FROM ` + transactionsOf(who) + recipientsOf + notRefused + ` WHERE ` + of(who)
	n := 0
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, query, who.Kind, who.Value, int64(since), int64(until)).Scan(&n)
	})
	return n, err
}
