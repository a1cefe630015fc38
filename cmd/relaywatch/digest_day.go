package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// dayMaker gathers the facts of a mail from the store.
type dayMaker struct {
	p       *program
	db      *store.DB
	rules   []*detect.Rule
	status  store.Status
	report  *health        // The agent's, if it is of the time of the mail.
	earlier []store.Digest // Daily mails before this one, the oldest first.
	since   mail.Time
	until   mail.Time
	now     time.Time
	zone    *time.Location
}

// daySpec says which mail it is.
type daySpec struct {
	date  digest.Date
	since time.Time
	until time.Time
	now   time.Time
}

// How far back things are looked at.
const (
	maxPeriod   = 31 * 24 * time.Hour // What was missed for longer is not told.
	lateAfter   = time.Hour           // A mail that is made so long after it was due is late.
	endsSoon    = 14 * 24 * time.Hour // Allow-list entries that end.
	usualDays   = 14                  // What a chart compares with.
	hourlyChart = 50 * time.Hour      // Beyond, a chart has days.
)

func (p *program) newDayMaker(ctx context.Context, db *store.DB, spec daySpec) (*dayMaker, error) {
	zone, err := time.LoadLocation(p.config.Hours.TimeZone)
	if err != nil {
		return nil, err
	}
	m := &dayMaker{p: p, db: db, now: spec.now, zone: zone, since: mail.Of(spec.since), until: mail.Of(spec.until)}
	if m.rules, err = rulesIn(p.config.Rules.Path); err != nil {
		return nil, err
	}
	if m.status, err = db.Status(ctx); err != nil {
		return nil, err
	}
	nameServers(m.status.Logs)
	all, err := db.DigestsSince(ctx, m.since.Add(-2*maxPeriod))
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Kind == store.DigestDaily && d.Key < spec.date.String() && d.MessageID != "" {
			m.earlier = append(m.earlier, d)
		}
	}
	slices.SortFunc(m.earlier, func(a, b store.Digest) int { return strings.Compare(a.Key, b.Key) }) // By hand they may be made in any order.
	return m, nil
}

// day is the daily mail, and of whom it tells.
func (p *program) day(ctx context.Context, db *store.DB, spec daySpec) (*digest.Day, []store.Told, error) {
	m, err := p.newDayMaker(ctx, db, spec)
	if err != nil {
		return nil, nil, err
	}
	d := m.head(spec)
	d.Late = spec.now.Sub(spec.until) > lateAfter
	suspects, err := m.suspects(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	told, err := m.fill(ctx, d, suspects)
	if err != nil {
		return nil, nil, err
	}
	if d.Silenced, err = m.silenced(ctx); err != nil {
		return nil, nil, err
	}
	if d.OnWatch, err = m.watched(ctx); err != nil {
		return nil, nil, err
	}
	if d.Week, err = m.week(ctx, spec.date); err != nil {
		return nil, nil, err
	}
	if err := m.look(ctx, d); err != nil {
		return nil, nil, err
	}
	return d, told, m.ending(ctx, d)
}

// head is a Day with nothing in it.
func (m *dayMaker) head(spec daySpec) *digest.Day {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	return &digest.Day{
		Date: spec.date.String(), From: spec.since.In(m.zone), Until: spec.until.In(m.zone), Made: spec.now.In(m.zone),
		Host: host, Version: version(), Suspects: []digest.Suspect{}, Closed: []digest.Closed{}, Week: nil,
	}
}

// episode is a suspect with what was said of it.
type episode struct {
	store.Suspect
	state string // As of until: open, closed, or what was decided.
	note  string // Of the decision.
	known bool   // In a mail before.
}

// suspects chooses those of the mail, worst first, and tells in d who closed.
func (m *dayMaker) suspects(ctx context.Context, d *digest.Day) ([]episode, error) {
	all, err := m.db.Suspects(ctx, store.Filter{Until: m.until})
	if err != nil {
		return nil, err
	}
	decisions, err := m.db.Decisions(ctx, mail.Submitter{})
	if err != nil {
		return nil, err
	}
	var list []episode
	for _, s := range all {
		e := episode{Suspect: s, state: "open", known: m.known(s)}
		ended := s.LastFlagged.Add(detect.Quiet)
		if ended < m.until {
			e.state = "closed"
		}
		decision := s.Decision(decisions)
		if decision != nil {
			e.state, e.note, ended = decision.State, decision.Note, decision.At
		}
		done := e.state == "closed" || e.state == "false-alarm"
		switch {
		case e.state == "false-alarm", decision != nil && done, done && s.LastFlagged < m.since && !m.cameLate(e):
			if ended >= m.since && ended < m.until {
				d.Closed = append(d.Closed, m.closed(e))
			}
		case s.LastFlagged >= m.since, e.state == "confirmed", m.cameLate(e):
			list = append(list, e)
		}
	}
	return list, nil
}

// known tells whether an episode was in a mail before. Where there is none, one
// that began before the time of this mail is known.
func (m *dayMaker) known(s store.Suspect) bool {
	if len(m.earlier) == 0 {
		return s.FirstFlagged < m.since
	}
	return slices.ContainsFunc(m.earlier, func(d store.Digest) bool { return tells(d, s) })
}

// tells is true for a mail that told of an episode. Judged anew, an episode may
// begin at another row: what overlaps is the same.
func tells(d store.Digest, s store.Suspect) bool {
	return slices.ContainsFunc(d.Told, func(t store.Told) bool {
		return t.Kind == s.Submitter.Kind && t.Value == s.Submitter.Value && t.FirstFlagged <= s.LastFlagged && t.LastFlagged >= s.Start
	})
}

// cameLate is true for an episode from before the time of this mail of which no mail
// has told: its rows came too late for the one that it belonged to.
func (m *dayMaker) cameLate(e episode) bool {
	return len(m.earlier) > 0 && !e.known && e.LastFlagged >= m.earlier[0].Since
}

func (m *dayMaker) closed(e episode) digest.Closed {
	return digest.Closed{
		Submitter: e.Submitter, State: e.state, Since: e.Start.Std().In(m.zone), Last: e.LastFlagged.Std().In(m.zone), Recipients: e.Recipients, Note: e.note,
	}
}

// fullyTold is how many suspects a mail tells of in full; of others their numbers
// are enough. digest cuts there, too.
const fullyTold = 20

// fill puts the suspects into the mail, and returns of whom it tells.
func (m *dayMaker) fill(ctx context.Context, d *digest.Day, list []episode) ([]store.Told, error) {
	var told []store.Told
	for i, e := range list {
		s := digest.Suspect{
			Submitter: e.Submitter, Severity: e.Severity, State: e.state, New: !e.known, Rules: e.Rules, Why: e.Summary,
			Since: e.Start.Std().In(m.zone), Flagged: e.FirstFlagged.Std().In(m.zone), Last: e.LastFlagged.Std().In(m.zone),
			Recipients: e.Recipients, External: e.External, Transactions: e.Transactions,
		}
		if i < fullyTold {
			if err := m.detail(ctx, &s, e.Suspect); err != nil {
				return nil, err
			}
		}
		d.Suspects = append(d.Suspects, s)
		told = append(told, store.Told{
			Kind: e.Submitter.Kind, Value: e.Submitter.Value, FirstFlagged: e.FirstFlagged, LastFlagged: e.LastFlagged, Severity: string(e.Severity),
		})
	}
	return told, nil
}

// How much of a suspect is told.
const (
	maxDigestProof  = 3
	maxDigestAdvice = 3
	maxDigestRow    = 1000 // Bytes; digest cuts further where it is shown.
)

// detail adds what the store and the logs know of a suspect.
func (m *dayMaker) detail(ctx context.Context, s *digest.Suspect, of store.Suspect) error {
	sentence, err := why(ctx, m.db, of)
	if err != nil {
		return err
	}
	if s.Why = sentence; !strings.HasPrefix(sentence, of.Submitter.Value) {
		s.Why = of.Submitter.Value + " " + sentence
	}
	c, err := m.p.collect(ctx, m.db, of, m.rules)
	if err != nil {
		return err
	}
	s.HELOs, s.ReversePaths, s.Clients = usesOf(c.Uses.HELOs), usesOf(c.Uses.ReversePaths), usesOf(c.Uses.Clients)
	for _, u := range c.Uses.Servers {
		s.Servers = append(s.Servers, digest.Server{Name: u.Text, Exchange: m.isExchange(u.Text)})
	}
	for _, dom := range c.Domains {
		s.Domains = append(s.Domains, digest.Domain{Name: dom.Name, Recipients: dom.Recipients, Ours: dom.External != nil && !*dom.External})
	}
	for _, l := range c.Logins {
		if of.Submitter.Kind == mail.KindIP && l.OK && l.User != "" && !slices.Contains(s.Accounts, l.User) {
			s.Accounts = append(s.Accounts, l.User)
		}
	}
	for _, r := range c.Remedies { // Rules may share one.
		if text := strings.Join(strings.Fields(r.Text), " "); len(s.Advice) < maxDigestAdvice && !slices.Contains(s.Advice, text) {
			s.Advice = append(s.Advice, text)
		}
	}
	names, err := m.p.config.pseudonyms()
	if err != nil {
		return err
	}
	s.Proof = proofOf(c.Findings)
	for i := range s.Proof { // The store keeps the mail while it waits.
		s.Proof[i].Text = names.Text(s.Proof[i].Text, "")
	}
	s.Chart, err = m.chart(ctx, of)
	return err
}

func usesOf(list []store.Use) []digest.Use {
	var uses []digest.Use
	for _, u := range list {
		uses = append(uses, digest.Use{Text: u.Text, Recipients: u.Recipients})
	}
	return uses
}

// isExchange tells which kind of log a server writes.
func (m *dayMaker) isExchange(server string) bool {
	return slices.ContainsFunc(m.status.Logs, func(l ingest.Log) bool {
		return l.Server == hostName(server) && l.Format != ingest.FormatIISW3C
	})
}

// proofOf are the first rows of the heaviest alert.
func proofOf(findings []finding) []digest.Row {
	var best *finding
	for i := range findings {
		f := &findings[i]
		if f.Level == detect.LevelAlert && (best == nil || f.Weight > best.Weight) {
			best = f
		}
	}
	if best == nil {
		return nil
	}
	var rows []digest.Row
	for _, r := range best.Proof[:min(len(best.Proof), maxDigestProof)] {
		rows = append(rows, digest.Row{Path: r.Path, Line: r.Line, Offset: r.Pos.Offset, Text: ingest.Cut(r.Text, maxDigestRow)})
	}
	return rows
}
