package store

import (
	"cmp"
	"context"
	"database/sql"
	"net/netip"
	"os"
	"slices"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// Status is what the store holds.
type Status struct {
	Path      string
	SizeBytes int64    // Of the file, with what the writer has not moved into it yet.
	Aside     []string // See the function.

	Logs         []ingest.Log // By path; Head and Decoder are empty.
	Transactions int64
	Recipients   int64 // Of transactions of direction in, refused ones too.
	Logins       int64
	Deliveries   int64
	Quarantined  int64

	Oldest      mail.Time // Of the stored rows; 0 if there is none.
	Newest      mail.Time
	Pruned      mail.Time // Rows before it were removed; 0: none ever were.
	MemorySince mail.Time // When the memory of who mailed whom begins; 0 before the first judgement.
	JudgedUntil mail.Time // All rows up to here are judged for good; 0 before the first judgement.

	Findings     int64
	LastFinding  mail.Time // Event time at which it was flagged; 0 if there is none.
	Silenced     int64     // Findings that an allow-list entry silenced; not in Findings.
	OpenEpisodes int64
	Watched      int64 // Submitters on watch, whom nobody accuses.

	OwnDomains []string
	Suggested  []Domain // While OwnDomains is empty: the domains that outside clients send most to.
}

const (
	// Of mail as the views count it: an internal hop was counted where it came in.
	selectCounts = `SELECT mail.transactions, mail.recipients, (SELECT count(*) FROM logins),
		(SELECT count(*) FROM deliveries), (SELECT count(*) FROM quarantine),
		coalesce((SELECT until FROM checkpoint), 0),
		(SELECT count(*) FROM v_findings), coalesce((SELECT max(flagged_at) FROM findings WHERE silenced = ''), 0), (SELECT count(*) FROM v_silenced), (SELECT count(*) FROM v_suspects WHERE state IN ('open', 'confirmed')),
		(SELECT count(DISTINCT submitter_id) FROM watched)
		FROM (SELECT count(*) AS transactions, coalesce(sum(CASE o.direction WHEN 0 THEN t.recipients END), 0) AS recipients
			FROM transactions t JOIN origins o ON o.id = t.origin_id WHERE o.hop = 0) mail`
	selectMemorySince = `SELECT (SELECT pruned FROM meta), (SELECT cases FROM checkpoint)`
	selectOldest      = `SELECT min(coalesce((SELECT min(time) FROM transactions), 1 << 62), coalesce((SELECT min(time) FROM logins), 1 << 62),
		coalesce((SELECT min(time) FROM deliveries), 1 << 62))`
)

// Status looks what the store holds, in some 0.1 s for half a million recipients.
func (db *DB) Status(ctx context.Context) (Status, error) {
	s := Status{Path: db.path, SizeBytes: sizeOf(db.path) + sizeOf(db.path+"-wal")}
	var err error
	if s.Aside, err = Aside(db.path); err != nil {
		return s, err
	}
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		var err error
		if s.Logs, err = allLogs(ctx, tx); err != nil {
			return err
		}
		for i := range s.Logs {
			s.Logs[i].Head, s.Logs[i].Decoder = nil, nil
		}
		err = tx.QueryRowContext(ctx, selectCounts).Scan(&s.Transactions, &s.Recipients, &s.Logins, &s.Deliveries, &s.Quarantined,
			&s.JudgedUntil, &s.Findings, &s.LastFinding, &s.Silenced, &s.OpenEpisodes, &s.Watched)
		if err != nil {
			return err
		}
		var cases []byte
		if err := tx.QueryRowContext(ctx, selectMemorySince).Scan(&s.Pruned, &cases); err != nil {
			return err
		}
		s.MemorySince = detect.MemorySince(cases)
		if err := tx.QueryRowContext(ctx, selectNewest).Scan(&s.Newest); err != nil {
			return err
		}
		if s.Oldest, err = oldestRow(ctx, tx); err != nil {
			return err
		}
		if s.OwnDomains, err = ownDomains(ctx, tx); err != nil || len(s.OwnDomains) > 0 {
			return err
		}
		s.Suggested, err = suggest(ctx, tx)
		return err
	})
	return s, err
}

// oldestRow is when the oldest row was logged; 0 if there is none.
func oldestRow(ctx context.Context, tx *sql.Tx) (mail.Time, error) {
	var oldest mail.Time
	if err := tx.QueryRowContext(ctx, selectOldest).Scan(&oldest); err != nil || oldest == 1<<62 {
		return 0, err
	}
	return oldest, nil
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// maxSuggested is how many domains Status suggests: few sites have more of their own.
const maxSuggested = 5

// The newest transactions are enough to tell, and few enough to be quick.
const selectSuggested = `SELECT client.text, d.name, count(*)
	FROM (SELECT id, origin_id FROM transactions ORDER BY time DESC LIMIT 5000) t
	CROSS JOIN origins o ON o.id = t.origin_id
	CROSS JOIN names client ON client.id = o.client_id
	CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
	CROSS JOIN addresses a ON a.id = r.address_id
	CROSS JOIN domains d ON d.id = a.domain_id
	WHERE o.direction = 0 AND o.hop = 0 AND o.authenticated = 0 AND a.domain_id > 1 AND (r.reply IS NULL OR r.reply = 0 OR r.reply BETWEEN 200 AND 299)
	GROUP BY o.client_id, d.id`

// suggest finds domains that are probably ours: those that clients from outside
// have mail accepted for without a login.
func suggest(ctx context.Context, q queryer) ([]Domain, error) {
	counts := make(map[string]int)
	err := each(ctx, q, func(scan scanner) error {
		var client, name string
		var n int
		err := scan(&client, &name, &n)
		if ip, bad := netip.ParseAddr(client); bad == nil && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			counts[name] += n
		}
		return err
	}, selectSuggested)
	domains := make([]Domain, 0, len(counts))
	for name, n := range counts {
		domains = append(domains, Domain{Name: name, Recipients: n})
	}
	slices.SortFunc(domains, func(a, b Domain) int {
		return cmp.Or(-cmp.Compare(a.Recipients, b.Recipients), cmp.Compare(a.Name, b.Name))
	})
	return domains[:min(len(domains), maxSuggested)], err
}
