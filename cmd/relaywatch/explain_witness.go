package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// witness is what the stored rows say of findings, found without the engine: who
// answers for a row, and whom somebody mailed before it.
type witness struct {
	site     detect.Site
	calendar detect.Calendar
	pruned   mail.Time                          // Rows before it may be gone; 0: none is.
	forgets  map[mail.Submitter]bool            // Of whose recipients the memory may have lost some,
	allLost  bool                               // or of anybody's.
	outside  bool                               // Some rule judges clients outside, so that these count for what is known here.
	profiled bool                               // Some rule asks what is usual.
	shared   map[mail.Submitter]*detect.Sharing // Hosts that many share.
	own      map[string]bool                    // Whether a domain is ours, as far as was asked.
	classes  map[string]clientClass             // Of addresses, as far as was asked.
	servers  map[string]place                   // By address: the first row that told it is a server's.
	wanted   map[mail.LogPos]*rowFact           // Rows that findings name.
	spans    map[mail.Submitter][]stretch       // Of which rows are kept.
	rows     map[mail.Submitter][]rowFact
	accounts map[string][]mail.Submitter // Of spans, by bare name.
	owners   map[string]owner            // The first account of these names that was seen.
	told     map[mail.Path]*acquaintance
	posted   map[addressed]*correspondence // Mail whose outcomes are looked for.
	returned map[mail.Path]*returned       // What came back, by the address it came to.
	began    mail.Time                     // Of the first recipient that was judged.
	firstDay map[pathOf]mail.Time          // First use of a reverse-path.
	born     map[mail.Submitter]place      // Of machines behind a shared address: the first recipient.

	asked     map[string]bool // Signals of findings.
	asksUsage bool            // Some of these rest on how a submitter goes on.
	usages    map[mail.Submitter]*usage
	met       map[mail.Submitter]map[mail.Path]place // Recipients of submitters whose contacts are counted: the first time.
	campaigns []stretch                              // Of which strangers are kept.
	strangers []*stranger
	inCommon  map[mail.LogPos]inCommon // By the rows of strangers.
	outward   map[mail.Time]int        // Accepted recipients outside, by the hour.
}

// pathOf is a reverse-path of a submitter.
type pathOf struct {
	who  mail.Submitter
	path mail.Path
}

// place is a moment in the order in which rows are judged.
type place struct {
	at  mail.Time
	pos mail.LogPos
}

func (p place) before(q place) bool {
	return cmp.Or(cmp.Compare(p.at, q.at), p.pos.Compare(q.pos)) < 0
}

// rowKind orders what stands in one row.
type rowKind uint8

const (
	rowMail rowKind = iota
	rowRecipient
	rowEnd
	rowLogin
	rowDelivery
	rowBounce
)

// rowFact is one row of a submitter.
type rowFact struct {
	place
	kind  rowKind
	who   mail.Submitter
	class clientClass
	tx    *mail.Transaction // Without its recipients; nil for a login and for a delivery.
	login *mail.Login       // nil of all else.
	to    mail.Recipient
	nth   int // Of its transaction, from 1.

	isNew, newToAll bool     // The recipient is, for the submitter and for all.
	habits          habits   // Up to this row.
	contacts        int      // Recipients that the submitter mailed, up to this row.
	common          inCommon // Of a stranger.

	outcome mail.DeliveryOutcome // Of a delivery.
	again   bool                 // The submitter was told so of this recipient before.
}

// stretch is a time of which rows are kept: after from, and to to.
type stretch struct{ from, to mail.Time }

// newWitness hears the stored rows about findings.
func newWitness(ctx context.Context, db *store.DB, site detect.Site, ruleSet []*detect.Rule, findings []detect.Finding) (*witness, error) {
	calendar, err := detect.NewCalendar(site.Hours)
	if err != nil {
		return nil, err
	}
	w := &witness{
		site: site, calendar: calendar, shared: map[mail.Submitter]*detect.Sharing{}, born: map[mail.Submitter]place{}, own: map[string]bool{}, classes: map[string]clientClass{},
		servers: map[string]place{}, wanted: map[mail.LogPos]*rowFact{}, spans: map[mail.Submitter][]stretch{},
		rows: map[mail.Submitter][]rowFact{}, told: map[mail.Path]*acquaintance{}, firstDay: map[pathOf]mail.Time{},
		accounts: map[string][]mail.Submitter{}, owners: map[string]owner{}, posted: map[addressed]*correspondence{}, returned: map[mail.Path]*returned{},
		asked: map[string]bool{}, usages: map[mail.Submitter]*usage{}, inCommon: map[mail.LogPos]inCommon{}, met: map[mail.Submitter]map[mail.Path]place{}, outward: map[mail.Time]int{},
	}
	if err := w.learn(ctx, db); err != nil {
		return nil, err
	}
	byName := map[string]*detect.Rule{}
	for _, r := range ruleSet {
		byName[r.Name] = r
		w.outside = w.outside || r.From != detect.FromInside && slices.Contains(r.Submitters, mail.KindIP)
		w.profiled = w.profiled || r.Weigher != nil || r.Scale != nil
	}
	for i := range findings {
		if r := byName[findings[i].Rule]; r != nil {
			w.ask(&findings[i], r)
		}
	}
	for who := range w.spans {
		if who.Kind == mail.KindUser {
			w.accounts[bareName(who.Value)] = append(w.accounts[bareName(who.Value)], who)
		}
	}
	if err := db.Replay(ctx, 0, w.hearRows, w.hearLogin, w.hearDelivery); err != nil {
		return nil, err
	}
	for who, r := range w.usages {
		w.endUsage(who, r, math.MaxInt64)
	}
	for _, row := range w.wanted {
		if row != nil && row.kind == rowRecipient && row.to.Path.Known() {
			w.meet(row.to.Path)
		}
	}
	if err := db.Replay(ctx, 0, w.hearFirst, func(mail.Login) {}, w.hearOutcome); err != nil {
		return nil, err
	}
	w.joinPosted()
	w.joinReturned()
	w.joinCampaigns()
	w.settle()
	return w, nil
}

// learn asks the store what its rows do not tell.
func (w *witness) learn(ctx context.Context, db *store.DB) error {
	status, err := db.Status(ctx)
	if err != nil {
		return err
	}
	for _, l := range status.Logs {
		if l.FirstTime != 0 && l.FirstTime < status.Pruned {
			w.pruned = status.Pruned
		}
	}
	checkpoint, err := db.Checkpoint(ctx)
	if err != nil {
		return err
	}
	w.forgets, w.allLost = checkpoint.Forgetful()
	for _, p := range checkpoint.Profiles {
		if p.Submitter.Address() == "" {
			continue
		}
		if by := p.Sharing(); by != nil {
			w.shared[p.Submitter] = by
		}
	}
	return nil
}

// ask notes which rows a finding is about.
func (w *witness) ask(f *detect.Finding, r *detect.Rule) {
	w.spans[f.Submitter] = append(w.spans[f.Submitter], stretch{f.FlaggedAt.Add(-reach(f, r)), f.WindowEnd})
	for _, s := range f.Evidence.Signals {
		w.asked[s.Signal] = true
		w.asksUsage = w.asksUsage || s.Signal == "same_size_hosts" || slices.Contains(goingOn, s.Signal)
		if s.Signal == "contacts" {
			w.met[f.Submitter] = map[mail.Path]place{}
		}
		if s.Signal == "campaign_hosts" || s.Signal == "same_size_hosts" {
			w.campaigns = append(w.campaigns, stretch{f.FlaggedAt.Add(-24*time.Hour) - 1, f.WindowEnd})
		}
	}
	for _, pos := range slices.Concat(f.Evidence.Rows, f.Evidence.Others) {
		w.wanted[pos] = nil
	}
	if f.Evidence.Sum != nil {
		for i := range f.Evidence.Sum.Steps {
			w.wanted[f.Evidence.Sum.Steps[i].Row] = nil
		}
	}
}

// reach is how far before the flag of a finding rows matter to its signals: a login
// counts by the failures before it, which are older than the window.
func reach(f *detect.Finding, r *detect.Rule) time.Duration {
	if slices.ContainsFunc(f.Evidence.Signals, func(s detect.Measure) bool { return s.Signal == "logins_after_failures" }) {
		return 2 * r.Window
	}
	return r.Window
}

// hearRows keeps the rows that are asked for. t comes whole.
func (w *witness) hearRows(t mail.Transaction) {
	recipients := t.Recipients
	t.Recipients = nil
	tx := &t
	start := rowFact{place: place{t.At, t.Pos}, kind: rowMail, tx: tx}
	if first, ok := w.servers[t.ServerIP]; t.ServerIP != "" && (!ok || start.before(first)) {
		w.servers[t.ServerIP] = start.place
	}
	start.who, start.class = w.answers(tx, t.At)
	if start.class == accountClient {
		w.hearAccount(start.who.Value, start.place)
	}
	w.keep(start)
	if start.at != 0 {
		w.hearUsage(&start, t.At, nil)
	}
	for i, to := range recipients {
		row := rowFact{place: place{to.At, to.Pos}, kind: rowRecipient, tx: tx, to: to, nth: i + 1}
		row.who, row.class = w.answers(tx, to.At)
		w.hearBack(&row)
		w.keep(row)
		if row.at != 0 && w.counts(&row) {
			w.hearUsage(&row, t.At, w.hearStranger(&row))
			if taken(to) && to.Path.Known() && w.external(to.Path.Domain()) {
				w.outward[row.at-row.at%3600]++
			}
		}
	}
	if t.Outcome != mail.Open && t.EndAt != 0 && t.SizeBytes > 0 {
		row := rowFact{place: place{t.EndAt, t.Pos}, kind: rowEnd, tx: tx}
		row.who, row.class = w.answers(tx, t.EndAt)
		w.keep(row)
		w.hearUsage(&row, t.At, nil)
	}
}

// within tells whether the rows of a submitter are kept at a time.
func (w *witness) within(who mail.Submitter, at mail.Time) bool {
	return slices.ContainsFunc(w.spans[who], func(s stretch) bool { return s.from < at && at <= s.to })
}

// keep keeps a row if a finding names it, or if it is in the span of its submitter.
func (w *witness) keep(row rowFact) {
	if kept, ok := w.wanted[row.pos]; ok && (kept == nil || row.kind == rowRecipient) {
		copied := row
		w.wanted[row.pos] = &copied
	}
	if row.at == 0 || !w.within(row.who, row.at) || !w.counts(&row) {
		return
	}
	w.rows[row.who] = append(w.rows[row.who], row)
	if row.kind == rowRecipient && row.to.Path.Known() {
		w.meet(row.to.Path)
	}
}

// counts tells whether a row counts for its submitter: of a client outside, only
// what was relayed for it does, and relaywatch's own mail never.
func (w *witness) counts(row *rowFact) bool {
	if row.class != outsideClient {
		own := w.site.Digest
		isOwn := row.kind == rowRecipient && own.From != "" && row.tx.ReversePath == own.From && slices.Contains(own.To, row.to.Path)
		return row.class != nobodysClient && !isOwn
	}
	return row.kind == rowRecipient && !row.tx.Authenticated && taken(row.to) && row.to.Path.Known() && w.external(row.to.Path.Domain())
}

// taken is true for a recipient that was accepted, or whose reply is not told.
func taken(to mail.Recipient) bool { return to.Reply == 0 || to.Accepted() }

func (w *witness) meet(path mail.Path) {
	if w.told[path] == nil {
		w.told[path] = &acquaintance{by: map[mail.Submitter]place{}, taken: map[mail.Submitter]place{}, pairs: map[mail.Path]place{}}
	}
}
