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
	// An address of ours behind a host that many share.
	ofSender = ofWho + `?1 = 'sender' AND t.reverse_path_id IN (SELECT a.id FROM addresses a JOIN domains d ON d.id = a.domain_id
		WHERE a.local = substr(?2, 1, length(?2) - length(d.name) - 1) AND d.name = substr(?2, instr(?2, '@') + 1))`

	recipientsOf = ` CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535 AND t.time + r.time_delta BETWEEN ?3 AND ?4`
	notRefused   = ` AND (r.reply IS NULL OR r.reply < 400)`
)

func of(who mail.Submitter) string {
	if who.Kind == mail.KindSender {
		return ofSender
	}
	return ofSubmitter
}

// TopDomains are the n domains that a submitter sent most to, from since to until.
func (db *DB) TopDomains(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) ([]Domain, error) {
	query := `SELECT d.name, count(*), d.external FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id` + recipientsOf + notRefused +
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
	query := `SELECT t.time + r.time_delta, r.reply, a.local || CASE a.domain_id WHEN 1 THEN '' ELSE '@' || d.name END,
		f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || fd.name END, client.text, server.text,
		coalesce(pl.key, l.key), coalesce(p.log_offset, t.log_offset + (SELECT sum(b.offset_delta) FROM recipients b WHERE b.id BETWEEN t.id << 16 AND r.id))
		FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id` + recipientsOf + `
		JOIN logs l ON l.id = t.log_id JOIN names client ON client.id = o.client_id JOIN names server ON server.id = o.server_id
		LEFT JOIN addresses f ON f.id = t.reverse_path_id LEFT JOIN domains fd ON fd.id = f.domain_id
		LEFT JOIN addresses a ON a.id = r.address_id LEFT JOIN domains d ON d.id = a.domain_id
		LEFT JOIN recipient_positions p ON p.recipient_id = r.id LEFT JOIN logs pl ON pl.id = p.log_id
		WHERE ` + of(who) + ` ORDER BY 1, t.time, t.id, r.id LIMIT ?5`
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

// Uses are up to n of each name that a submitter used from since to until.
func (db *DB) Uses(ctx context.Context, who mail.Submitter, since, until mail.Time, n int) (Uses, error) {
	var u Uses
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		for _, list := range []struct {
			into       *[]Use
			text, join string
		}{
			{&u.ReversePaths, `coalesce(f.local || CASE f.domain_id WHEN 1 THEN '' ELSE '@' || d.name END, '')`, `LEFT JOIN addresses f ON f.id = t.reverse_path_id LEFT JOIN domains d ON d.id = f.domain_id`},
			{&u.HELOs, `x.text`, `JOIN names x ON x.id = o.helo_id`},
			{&u.Clients, `x.text`, `JOIN names x ON x.id = o.client_id`},
			{&u.Servers, `x.text`, `JOIN names x ON x.id = o.server_id`},
		} {
			query := `SELECT ` + list.text + `, count(*), sum(t.recipients) FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id ` +
				list.join + ` WHERE ` + of(who) + ` GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ?5`
			err := each(ctx, tx, func(scan scanner) error {
				var use Use
				err := scan(&use.Text, &use.Transactions, &use.Recipients)
				*list.into = append(*list.into, use)
				return err
			}, query, who.Kind, who.Value, int64(since), int64(until), n)
			if err != nil {
				return err
			}
		}
		return nil
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
	query := `SELECT count(*) FROM transactions t CROSS JOIN origins o ON o.id = t.origin_id` + recipientsOf + notRefused + ` WHERE ` + of(who)
	n := 0
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, query, who.Kind, who.Value, int64(since), int64(until)).Scan(&n)
	})
	return n, err
}
