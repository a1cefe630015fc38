package detect_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Rules with low thresholds, so that random rows meet them from both sides.
var lowRules = map[string]string{
	"fanout":   "submitters: [ip, user]\nwindow: 10m\nwhen: distinct_recipients >= 3 && new_to_all >= 1\nweight: 50\nlevel: alert\nsays: mailed {distinct_recipients}, {distinct_domains} domains",
	"busy":     "submitters: [ip, user]\nwindow: 24h\nwhen: recipients >= 6 || distinct_helo_names >= 3 || strangers >= 2\nweight: 20\nlevel: support\nsays: sent {recipients} in {transactions}, {hosts} hosts",
	"relay":    "submitters: [ip]\nfrom: outside\nwindow: 1h\nwhen: unauthenticated >= 1\nweight: 100\nlevel: alert\nseverity: critical\nsays: relayed {unauthenticated}",
	"logins":   "submitters: [ip, user]\nfrom: any\nwindow: 20h\nwhen: logins_after_failures >= 1\nweight: 40\nlevel: alert\nsays: logged in after {failed_logins}",
	"size":     "submitters: [ip, user]\nwindow: 1h\nwhen: largest_message >= 400 && bytes >= 500\nweight: 5\nlevel: info\nsays: sent {bytes}",
	"weighed":  "submitters: [ip, user, sender]\nwindow: 1h\nevidence:\n  novelty: {known: 0.1, known_here: 0.1, new: 0.8}\n  external: {share: 0.9, weight: 0.5}\n  refused: {share: 0.3}\n  returned: {share: 0.3}\n  reverse_path: {usual: 0.4, changed: 0.2, foreign: 0.4}\n  hour: {weight: 0.5}\n  later: 0.5\n  first: 2\n  crowd: 2\n  half_life: 12h\n  support: 2\n  ceiling: 9\n  watch: 0.5\nwhen: score >= 1.5\nweight: 30\nlevel: alert\nsays: has {score}",
	"returned": "submitters: [ip, user, sender]\nwindow: 20h\nevidence:\n  returned: {share: 0.4}\n  half_life: 6h\n  support: 1\nwhen: score >= 2 && refused_deliveries >= 1\nweight: 20\nlevel: alert\nsays: got {refused_deliveries} back, {score}",
	"late":     "submitters: [ip, user]\nwindow: 3h\nwhen: refused_deliveries >= 2 || deferred_deliveries >= 2\nweight: 3\nlevel: support\nsays: got {refused_deliveries} back, {deferred_deliveries} deferred, of {recipients}",
	"scaled":   "submitters: [ip, user]\nwindow: 1h\nscale: {of: distinct_recipients, at_least: 3}\nwhen: score >= 0.3\nweight: 30\nlevel: alert\nsays: has {score}",
	"spread":   "submitters: [ip, user]\nwindow: 1h\nwhen: campaign_hosts >= 2\nweight: 30\nlevel: alert\nsays: is one of {campaign_hosts}",
	"common":   "submitters: [ip, user, sender]\nwindow: 20h\nwhen: common_hosts >= 2\nweight: 20\nlevel: alert\nsays: shares {common_recipients} with {common_hosts}",
	"alike":    "submitters: [ip, user, sender]\nwindow: 1h\nwhen: same_size_hosts >= 1 || same_gap >= 2 || contacts >= 3 || same_size_inside >= 3\nweight: 10\nlevel: alert\nsays: is one of {same_size_hosts}, {same_gap}, {contacts}, {same_size_inside}",
	"slight":   "submitters: [ip, user]\nwindow: 1h\nwhen: external_recipients >= 2\nnats: 1\nweight: 5\nlevel: support\nsays: has {external_recipients}",
	"bounced":  "submitters: [ip, user]\nwindow: 2h\nwhen: bounces >= 1 && bounces <= external_recipients\nnats: 1\nweight: 5\nlevel: support\nsays: got {bounces}",
	"refused":  "submitters: [ip, user]\nwindow: 1h\nwhen: refused_share >= 0.5 && refused_relay + refused_unknown >= 2\nweight: 45\nlevel: alert\nsays: was refused {refused_recipients}",
}

func loadText(t testing.TB, rules map[string]string) []*detect.Rule {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range rules {
		fsys[name+".yaml"] = &fstest.MapFile{Data: []byte("rule: " + name + "\nabout: Test.\nremedy: None.\n" + text + `
tests:
  - {name: finds, sent: {from: "ip:10.1.1.1", to: u@example.net}, finds: {submitter: "ip:10.1.1.1"}}
  - {name: silent, sent: {from: "ip:10.1.1.1", to: u@example.net}, finds: []}
`)}
	}
	list, err := detect.LoadRules(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func corp() detect.Site {
	return detect.Site{
		Internal:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		OwnDomains: []string{"corp.example"},
		Gateways:   []netip.Addr{netip.MustParseAddr("10.0.0.9")},
	}
}

// noon is a Wednesday in business hours.
const noon mail.Time = 1772625600 // 2026-03-04T12:00:00Z

// traffic is a random set of rows of a few clients over some days.
type traffic struct {
	transactions []mail.Transaction // Whole.
	logins       []mail.Login
	deliveries   []mail.Delivery
}

func drawTraffic(t *rapid.T) traffic {
	var all traffic
	at := noon
	clients := []string{"10.1.4.7", "10.1.4.8", "198.51.100.7", "10.0.0.25", "10.0.0.9", ""}
	for i := range rapid.IntRange(1, 60).Draw(t, "rows") {
		at += mail.Time(rapid.SampledFrom([]int{0, 0, 1, 30, 300, 900, 5000, 40000, 90000}).Draw(t, "gap"))
		pos := mail.LogPos{Log: mail.LogID(rapid.IntRange(1, 2).Draw(t, "log")), Offset: int64(i) * 1000}
		client := rapid.SampledFrom(clients).Draw(t, "client")
		user := rapid.SampledFrom([]string{"", "", "ann", `corp\ann`, "ann@corp.example", "bob"}).Draw(t, "user")
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			for k := range rapid.IntRange(1, 10).Draw(t, "logins") {
				if rapid.IntRange(0, 3).Draw(t, "typed") == 0 {
					user = rapid.SampledFrom([]string{"ann", `corp\ann`, `dev\ann`, "ann@corp.example"}).Draw(t, "form")
				}
				all.logins = append(all.logins, mail.Login{
					Pos: mail.LogPos{Log: pos.Log, Offset: pos.Offset + int64(k)}, At: at + mail.Time(k),
					ClientIP: client, User: user, OK: k == 9 || rapid.IntRange(0, 9).Draw(t, "ok") == 0,
				})
			}
			continue
		}
		tx := mail.Transaction{
			Pos: pos, At: at, ClientIP: client, User: user, Authenticated: user != "",
			ServerIP:    rapid.SampledFrom([]string{"", "10.0.0.25", "10.1.4.8"}).Draw(t, "server"),
			HELO:        rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "helo"),
			RelayRight:  rapid.Bool().Draw(t, "right"),
			ReversePath: rapid.SampledFrom([]mail.Path{"", "ann@corp.example", "x@example.org", mail.UnknownPath}).Draw(t, "path"),
			SizeBytes:   int64(rapid.SampledFrom([]int{-1, 120, 120, 121, 122, 123, 399, 600}).Draw(t, "size")),
		}
		for k := range rapid.IntRange(0, 4).Draw(t, "recipients") {
			tx.Recipients = append(tx.Recipients, mail.Recipient{
				Pos: mail.LogPos{Log: pos.Log, Offset: pos.Offset + int64(k)}, At: at + mail.Time(k*rapid.IntRange(0, 400).Draw(t, "pause")),
				Path:  mail.Path(fmt.Sprintf("u%d@%s", rapid.IntRange(0, 12).Draw(t, "to"), rapid.SampledFrom([]string{"example.net", "example.org", "corp.example"}).Draw(t, "domain"))),
				Reply: rapid.SampledFrom([]int{250, 250, 250, 0, 550, 452}).Draw(t, "reply"),
			})
		}
		if tx.ReversePath == "" && len(tx.Recipients) > 0 && rapid.Bool().Draw(t, "comes back") {
			tx.Recipients[0].Path = "ann@corp.example"
		}
		all.deliver(t, tx)
		tx.Outcome, tx.EndAt = mail.Accepted, at+mail.Time(rapid.IntRange(0, 1000).Draw(t, "end"))
		all.transactions = append(all.transactions, tx)
	}
	return all
}

// drawVerdicts are of times of the traffic that overlap, touch or lie apart.
func drawVerdicts(t *rapid.T) []detect.Verdict {
	var list []detect.Verdict
	for range rapid.IntRange(0, 3).Draw(t, "verdicts") {
		from := noon + mail.Time(rapid.IntRange(-1000, 200000).Draw(t, "from"))
		list = append(list, detect.Verdict{
			Submitter: rapid.SampledFrom([]mail.Submitter{{Kind: "ip", Value: "10.1.4.7"}, {Kind: "user", Value: "ann"}, {Kind: "user", Value: `corp\ann`}, {Kind: "ip", Value: "198.51.100.7"}}).Draw(t, "innocent"),
			From:      from, Until: from + mail.Time(rapid.IntRange(0, 100000).Draw(t, "lasts")),
		})
	}
	return list
}

// deliver draws what becomes of recipients, some of whom nobody submitted: at once,
// later, or after so long that nobody is told.
func (all *traffic) deliver(t *rapid.T, tx mail.Transaction) {
	for _, r := range tx.Recipients {
		for k := range rapid.SampledFrom([]int{0, 0, 1, 1, 1, 2}).Draw(t, "tries") {
			outcome := rapid.SampledFrom([]mail.DeliveryOutcome{mail.Delivered, mail.RefusedThere, mail.RefusedThere, mail.Deferred, mail.Undecided}).Draw(t, "outcome")
			at := r.At + mail.Time(rapid.SampledFrom([]int{0, 0, 1, 60, 3000, 86399, 86400, 90000}).Draw(t, "later"))
			all.deliveries = append(all.deliveries, mail.Delivery{
				Pos: mail.LogPos{Log: mail.LogID(rapid.IntRange(1, 3).Draw(t, "log")), Offset: r.Pos.Offset + 100*int64(k+1)},
				At:  at - mail.Time(rapid.IntRange(0, 5).Draw(t, "reply")), RepliedAt: at,
				ReversePath: tx.ReversePath, Recipient: r.Path, Outcome: outcome,
			})
		}
	}
}

// arrival is a piece of the rows: a part of a transaction, a login, or a delivery.
type arrival struct {
	at       mail.Time // Of its first row.
	tx       *mail.Transaction
	login    *mail.Login
	delivery *mail.Delivery
}

// arrivals cuts the transactions into parts at random and orders the pieces by
// time, give or take the grace.
func (all *traffic) arrivals(t *rapid.T, grace mail.Time) []arrival {
	var out []arrival
	for _, tx := range all.transactions {
		rest := tx.Recipients
		part := tx
		for cut := 0; ; {
			n := rapid.IntRange(0, len(rest)).Draw(t, "cut")
			part.Recipients, rest = rest[:n:n], rest[n:]
			part.Former = cut
			cut += n
			at := tx.At
			if part.Continued {
				at = endOfTime
				for _, r := range part.Recipients {
					at = min(at, r.At)
				}
			}
			if len(rest) > 0 || rapid.Bool().Draw(t, "open") && !part.Continued {
				part.Outcome, part.EndAt, part.SizeBytes = mail.Open, 0, -1
				p := part
				out = append(out, arrival{at: at, tx: &p})
				part.Continued = true
				continue
			}
			part.Outcome, part.EndAt, part.SizeBytes = tx.Outcome, tx.EndAt, tx.SizeBytes
			p := part
			out = append(out, arrival{at: min(at, tx.EndAt), tx: &p})
			break
		}
	}
	for i := range all.logins {
		out = append(out, arrival{at: all.logins[i].At, login: &all.logins[i]})
	}
	for i := range all.deliveries {
		out = append(out, arrival{at: all.deliveries[i].RepliedAt, delivery: &all.deliveries[i]})
	}
	keys := make(map[*arrival]mail.Time)
	pointers := make([]*arrival, len(out))
	for i := range out {
		pointers[i] = &out[i]
		keys[&out[i]] = out[i].at + mail.Time(rapid.IntRange(0, int(grace)).Draw(t, "delay"))
	}
	slices.SortStableFunc(pointers, func(a, b *arrival) int { return int(keys[a] - keys[b]) })
	sorted := make([]arrival, len(out))
	for i, p := range pointers {
		sorted[i] = *p
	}
	return sorted
}

func (a arrival) feed(e *detect.Engine) {
	switch {
	case a.login != nil:
		e.Login(*a.login)
	case a.delivery != nil:
		e.Delivery(*a.delivery)
	default:
		e.Transaction(*a.tx)
	}
}

// feed gives an engine all rows at once.
func (all *traffic) feed(e *detect.Engine) {
	for _, tx := range all.transactions {
		e.Transaction(tx)
	}
	for _, l := range all.logins {
		e.Login(l)
	}
	for _, d := range all.deliveries {
		e.Delivery(d)
	}
}

// newest is the time of the last row.
func (all *traffic) newest() (at mail.Time) {
	for _, t := range all.transactions {
		at = max(at, t.At, t.EndAt)
		for _, r := range t.Recipients {
			at = max(at, r.At)
		}
	}
	for _, l := range all.logins {
		at = max(at, l.At)
	}
	for _, d := range all.deliveries {
		at = max(at, d.RepliedAt)
	}
	return at
}

// kept is what a store keeps of judgements.
type kept struct {
	findings, aheadFindings map[string]detect.Finding
	episodes, aheadEpisodes map[string]detect.Episode
	watched                 []detect.Watched
	point                   detect.Checkpoint
}

func newKept() *kept {
	return &kept{findings: map[string]detect.Finding{}, episodes: map[string]detect.Episode{}}
}

// merge stores a judgement as a store does: what is provisional hides what is final,
// and is gone when the next judgement comes.
func (k *kept) merge(j detect.Judgement) {
	k.aheadFindings, k.aheadEpisodes, k.watched = map[string]detect.Finding{}, map[string]detect.Episode{}, j.Watched
	findings, episodes := k.findings, k.episodes
	if j.Provisional {
		findings, episodes = k.aheadFindings, k.aheadEpisodes
	}
	for _, f := range j.Findings {
		findings[fmt.Sprint(f.Rule, f.Submitter, f.FlaggedAt)] = f
	}
	for _, ep := range j.Episodes {
		episodes[fmt.Sprint(ep.Submitter, ep.FirstFlagged)] = ep
	}
	if !j.Provisional {
		k.point.Until, k.point.MemoryAt, k.point.Cases = j.Until, j.MemoryAt, j.Cases
		k.point.Turn, k.point.TurnAt = j.Turn, j.TurnAt
		k.point.Memory = append(k.point.Memory, j.Memory...)
		k.point.Memory = slices.DeleteFunc(k.point.Memory, func(m detect.Memory) bool { return m.Turn+1 < j.Turn })
		for _, p := range j.Profiles {
			k.point.Profiles = slices.DeleteFunc(k.point.Profiles, func(q detect.Profile) bool { return q.Submitter == p.Submitter })
			k.point.Profiles = append(k.point.Profiles, p)
		}
	}
}

// stored is what a store would read: a Checkpoint is used once.
func (k *kept) stored() detect.Checkpoint {
	c := k.point
	c.Memory, c.Profiles = slices.Clone(c.Memory), slices.Clone(c.Profiles)
	return c
}

// shown is what a reader of the store sees.
func (k *kept) shown() (map[string]detect.Finding, map[string]detect.Episode) {
	findings, episodes := maps.Clone(k.findings), maps.Clone(k.episodes)
	maps.Copy(findings, k.aheadFindings)
	maps.Copy(episodes, k.aheadEpisodes)
	return findings, episodes
}

func newEngine(t testing.TB, rules []*detect.Rule, site detect.Site) *detect.Engine {
	t.Helper()
	e, err := detect.NewEngine(rules, site)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const endOfTime mail.Time = 4102444800 // 2100-01-01

// What is found depends on the rows alone: not on their order within the grace,
// on how parts are cut, on how often the engine is advanced, taken from, asked
// for a preview, or stopped and restored.
func TestFindingsDependOnRowsAlone(t *testing.T) {
	rules := loadText(t, lowRules)
	site := corp()
	site.Allow = []detect.Allow{
		{Submitter: "user:bob", Reason: "newsletter", Until: noon + 100000},
		{Submitter: "ip:10.1.4.8/32", Rules: []string{"busy"}, Reason: "scanner"},
		{Submitter: "ip:10.1.4.0/24", Rules: []string{"fanout", "scaled"}, Reason: "shop", AtMost: map[string]float64{"recipients": 4, "distinct_domains": 2}},
		{Submitter: "ip:10.1.4.7", Rules: []string{"weighed", "busy"}, Reason: "shop", Baseline: 1.5, Until: noon + 50000},
	}
	const grace = 600
	rapid.Check(t, func(rt *rapid.T) {
		all := drawTraffic(rt)
		site.Verdicts = drawVerdicts(rt)

		limit := rapid.SampledFrom([]int{0, 4, 7, 10}).Draw(rt, "limit")

		want := newKept()
		e := newEngine(t, rules, site)
		e.Limit(limit)
		all.feed(e)
		e.Advance(all.newest())
		want.merge(e.Take())
		wantWatched := want.watched
		e.Advance(endOfTime)
		want.merge(e.Take())

		got := newKept()
		e = newEngine(t, rules, site)
		e.Limit(limit)
		pieces := all.arrivals(rt, grace)
		front := mail.Time(0)
		for i, piece := range pieces {
			piece.feed(e)
			front = max(front, min(earliest(pieces[i+1:]), all.newest()+1))
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				e.Advance(front - 1)
			case 1:
				e.Advance(front - 1)
				got.merge(e.Take())
			case 2:
				got.merge(e.Take())
				got.merge(e.Preview())
			case 3:
				e.Preview()
			case 4:
				e.Advance(front - 1)
				got.merge(e.Take())
				if rapid.Bool().Draw(rt, "shown") {
					got.merge(e.Preview())
				}
				e = newEngine(t, rules, site)
				e.Limit(limit)
				if err := e.Restore(got.stored()); err != nil {
					rt.Fatal(err)
				}
				again, inParts := rapid.Permutation(pieces[:i+1]).Draw(rt, "replay"), rapid.Bool().Draw(rt, "in parts")
				for n, k := range again {
					k.feed(e)
					if inParts {
						e.Replayed(earliest(again[n+1:]) - 1)
					}
				}
				if rapid.Bool().Draw(rt, "said") {
					e.Restored()
				}
			}
			if e.Late() {
				rt.Fatalf("got late at row %d; want none late", i)
			}
		}
		e.Advance(all.newest())
		got.merge(e.Take())
		if diff := cmp.Diff(wantWatched, got.watched); diff != "" {
			rt.Errorf("on watch (-at once +in pieces):\n%s", diff)
		}
		e.Advance(endOfTime)
		got.merge(e.Take())

		if diff := cmp.Diff(want.findings, got.findings, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("findings (-at once +in pieces):\n%s", diff)
		}
		if diff := cmp.Diff(want.episodes, got.episodes, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("episodes (-at once +in pieces):\n%s", diff)
		}
	})
}

// What is shown after a preview does not depend on the previews before it.
func TestPreviewsDependOnRowsAlone(t *testing.T) {
	rules := loadText(t, lowRules)
	site := corp()
	const grace = 600
	rapid.Check(t, func(rt *rapid.T) {
		all := drawTraffic(rt)
		site.Verdicts = drawVerdicts(rt)
		got, e := newKept(), newEngine(t, rules, site)
		limit := rapid.SampledFrom([]int{0, 4, 7, 10}).Draw(rt, "limit")
		e.Limit(limit)
		pieces := all.arrivals(rt, grace)
		front, until := mail.Time(0), mail.Time(0)
		for i, piece := range pieces {
			piece.feed(e)
			front = max(front, min(earliest(pieces[i+1:]), all.newest()+1))
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				until = front - 1
				e.Advance(until)
			case 1:
				got.merge(e.Take())
			case 2, 3:
				want, fresh := newKept(), newEngine(t, rules, site)
				fresh.Limit(limit)
				for _, p := range pieces[:i+1] {
					p.feed(fresh)
				}
				fresh.Advance(until)
				want.merge(fresh.Take())
				want.merge(fresh.Preview())
				got.merge(e.Take())
				got.merge(e.Preview())
				wantFindings, wantEpisodes := want.shown()
				gotFindings, gotEpisodes := got.shown()
				if diff := cmp.Diff(wantFindings, gotFindings); diff != "" {
					rt.Fatalf("findings (-fresh +going on):\n%s", diff)
				}
				if diff := cmp.Diff(wantEpisodes, gotEpisodes); diff != "" {
					rt.Fatalf("episodes (-fresh +going on):\n%s", diff)
				}
				if diff := cmp.Diff(want.watched, got.watched); diff != "" {
					rt.Fatalf("on watch (-fresh +going on):\n%s", diff)
				}
			}
		}
	})
}

// earliest is the time of the first row that is still to come.
func earliest(pieces []arrival) mail.Time {
	first := endOfTime
	for _, p := range pieces {
		first = min(first, p.at)
	}
	return first
}

// A preview goes through parts that are judged for good later, and leaves nothing in
// them: here of an address that mails somebody whom its reverse-path mailed before.
func TestPreviewLeavesNothingInParts(t *testing.T) {
	rules := loadText(t, lowRules)
	from := func(host string, at mail.Time, to ...mail.Path) mail.Transaction {
		tx := mail.Transaction{
			Pos: mail.LogPos{Log: 1, Offset: int64(at)}, At: at, ClientIP: host, ServerIP: "10.0.0.25", ReversePath: "ann@corp.example",
			SizeBytes: -1, EndAt: at, Outcome: mail.Accepted,
		}
		for i, path := range to {
			tx.Recipients = append(tx.Recipients, mail.Recipient{Pos: mail.LogPos{Log: 1, Offset: int64(at) + int64(i) + 1}, At: at, Path: path, Reply: 250})
		}
		return tx
	}
	judge := func(previews bool) []detect.Profile {
		e := newEngine(t, rules, corp())
		e.Transaction(from("10.1.4.7", noon, "x@example.net"))
		e.Advance(noon)
		e.Transaction(from("10.1.4.9", noon+86400, "x@example.net", "new@example.net"))
		if previews {
			e.Preview()
		}
		e.Advance(endOfTime)
		return e.Take().Profiles
	}
	if diff := cmp.Diff(judge(false), judge(true)); diff != "" {
		t.Errorf("profiles (- without, + with a preview):\n%s", diff)
	}
}
