package main

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// recount are the signals of one submitter in a window, counted from the stored rows
// by other means than the engine's.
type recount struct {
	w *witness

	recipients, external, refused, refusedRelay, refusedUnknown int
	isNew, newToAll, strangers, offHours, unauthenticated       int
	relayRight, transactions, foreign, null                     int
	refusedDeliveries, deferredDeliveries, bounces, common      int
	failed, afterFailures                                       int
	bytes, largest                                              int64

	to, toFromNull, domains, paths, helo, forms, hosts, loginNames, failingHosts map[string]int

	sizes   map[int64]int        // Of messages.
	guessed map[mail.LogPos]bool // Logins that came after many failures.
	now     *rowFact             // The newest row.
}

func newRecount(w *witness) *recount {
	return &recount{
		w: w, to: map[string]int{}, toFromNull: map[string]int{}, domains: map[string]int{}, paths: map[string]int{}, helo: map[string]int{},
		forms: map[string]int{}, hosts: map[string]int{}, loginNames: map[string]int{}, failingHosts: map[string]int{},
		sizes: map[int64]int{}, guessed: map[mail.LogPos]bool{}, now: &rowFact{},
	}
}

// recounted are the signals that the stored rows tell: most those of a window; runs of
// messages and campaigns rest on others' rows, too. A score is of the profile.
var recounted = map[string]func(*recount) float64{
	"recipients":             func(c *recount) float64 { return float64(c.recipients) },
	"distinct_recipients":    func(c *recount) float64 { return float64(len(c.to)) },
	"new_recipients":         func(c *recount) float64 { return float64(c.isNew) },
	"new_to_all":             func(c *recount) float64 { return float64(c.newToAll) },
	"strangers":              func(c *recount) float64 { return float64(c.strangers) },
	"distinct_domains":       func(c *recount) float64 { return float64(len(c.domains)) },
	"external_recipients":    func(c *recount) float64 { return float64(c.external) },
	"external_share":         func(c *recount) float64 { return part(c.external, c.recipients) },
	"refused_recipients":     func(c *recount) float64 { return float64(c.refused) },
	"refused_share":          func(c *recount) float64 { return part(c.refused, c.recipients+c.refused) },
	"refused_relay":          func(c *recount) float64 { return float64(c.refusedRelay) },
	"refused_unknown":        func(c *recount) float64 { return float64(c.refusedUnknown) },
	"transactions":           func(c *recount) float64 { return float64(c.transactions) },
	"off_hours_share":        func(c *recount) float64 { return part(c.offHours, c.recipients) },
	"unauthenticated":        func(c *recount) float64 { return float64(c.unauthenticated) },
	"relay_right":            func(c *recount) float64 { return float64(c.relayRight) },
	"foreign_reverse_paths":  func(c *recount) float64 { return float64(c.foreign) },
	"distinct_reverse_paths": func(c *recount) float64 { return float64(len(c.paths)) },
	"distinct_helo_names":    func(c *recount) float64 { return float64(len(c.helo)) },
	"null_reverse_paths":     func(c *recount) float64 { return float64(c.null) },
	"null_path_recipients":   func(c *recount) float64 { return float64(len(c.toFromNull)) },
	"refused_deliveries":     func(c *recount) float64 { return float64(c.refusedDeliveries) },
	"deferred_deliveries":    func(c *recount) float64 { return float64(c.deferredDeliveries) },
	"bounces":                func(c *recount) float64 { return float64(c.bounces) },
	"odd_forms":              func(c *recount) float64 { return float64(len(c.forms)) },
	"same_size":              func(c *recount) float64 { return float64(c.now.habits.sizes) },
	"same_size_inside":       func(c *recount) float64 { return float64(c.now.habits.inside) },
	"same_gap":               func(c *recount) float64 { return float64(c.now.habits.gaps) },
	"campaign_hosts":         func(c *recount) float64 { return float64(c.now.common.path) },
	"same_size_hosts":        func(c *recount) float64 { return float64(c.now.common.size) },
	"new_source":             func(c *recount) float64 { return oneIf(c.now.habits.moved) },
	"contacts":               func(c *recount) float64 { return float64(c.now.contacts) },
	"common_recipients":      func(c *recount) float64 { return float64(c.common) },
	"common_hosts":           func(c *recount) float64 { return float64(c.now.common.recipient) },
	"bytes":                  func(c *recount) float64 { return float64(c.bytes) },
	"largest_message":        func(c *recount) float64 { return float64(c.largest) },
	"hosts":                  func(c *recount) float64 { return float64(len(c.hosts)) },
	"failed_logins":          func(c *recount) float64 { return float64(c.failed) },
	"distinct_login_names":   func(c *recount) float64 { return float64(len(c.loginNames)) },
	"failed_login_hosts":     func(c *recount) float64 { return float64(len(c.failingHosts)) },
	"logins_after_failures":  func(c *recount) float64 { return float64(c.afterFailures) },
}

// remembered are those of recounted that rest on all the mail before.
var remembered = map[string]bool{
	"new_recipients": true, "new_to_all": true, "strangers": true, "campaign_hosts": true, "same_size_hosts": true, "contacts": true,
	"common_recipients": true, "common_hosts": true,
}

// differences are signals that count values, which the engine takes for equal if 32
// bits of their hashes are.
var differences = map[string]bool{
	"distinct_recipients": true, "distinct_domains": true, "distinct_reverse_paths": true, "distinct_helo_names": true, "null_path_recipients": true,
	"hosts": true, "distinct_login_names": true, "failed_login_hosts": true,
}

// agrees tells whether a value of the engine is what was counted.
func agrees(signal string, kept, counted float64) bool {
	if kept == counted {
		return true
	}
	// Of 5,000 values, two share a hash in 3 of 1,000 cases; then more are expected.
	return differences[signal] && counted > 5000 && kept < counted && counted-kept <= 2+counted*counted/(1<<31)
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func part(n, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(n) / float64(whole)
}

// count adds a row, or takes it away if by is -1.
func (c *recount) count(r *rowFact, by int) {
	switch r.kind {
	case rowMail:
		c.countMail(r.tx, by)
	case rowRecipient:
		c.countRecipient(r, by)
	case rowDelivery:
		c.countDelivery(r, by)
	case rowBounce:
		c.bounces += by
	case rowEnd:
		c.bytes += int64(by) * r.tx.SizeBytes
		c.countSize(r.tx.SizeBytes, by)
	case rowLogin:
		c.countLogin(r, by)
	}
}

func (c *recount) countMail(t *mail.Transaction, by int) {
	c.transactions += by
	switch {
	case t.ReversePath == "":
		c.null += by
	case t.ReversePath.Known():
		differ(c.paths, string(t.ReversePath), by)
		if c.w.external(t.ReversePath.Domain()) {
			c.foreign += by
		}
	}
	differ(c.helo, t.HELO, by)
	differ(c.hosts, t.ClientIP, by)
}

// countSize keeps the size of the largest message.
func (c *recount) countSize(size int64, by int) {
	differ(c.sizes, size, by)
	switch {
	case by > 0:
		c.largest = max(c.largest, size)
	case size == c.largest && c.sizes[size] == 0:
		c.largest = 0
		for other := range c.sizes {
			c.largest = max(c.largest, other)
		}
	}
}

func (c *recount) countRecipient(r *rowFact, by int) {
	accepted := taken(r.to)
	if accepted {
		c.recipients += by
		if c.w.calendar.OffHours(r.at) {
			c.offHours += by
		}
	}
	if r.to.Refused() {
		c.refused += by
	}
	if !r.to.Path.Known() {
		return
	}
	if c.w.asked["odd_forms"] {
		differ(c.forms, testForm(string(r.to.Path)), by)
	}
	outside := c.w.external(r.to.Path.Domain())
	switch reply := r.to.Reply; {
	case reply < 550 || reply >= 560 || testForm(string(r.to.Path)) != "": // A form tests the server.
	case outside && (reply == 550 || reply == 551 || reply == 553 || reply == 554):
		c.refusedRelay += by
	case !outside:
		c.refusedUnknown += by
	}
	if accepted {
		c.countAccepted(r, outside, by)
	}
}

// testForm names the address form of relay tests that a recipient has; "" is none.
func testForm(to string) string {
	at := strings.LastIndex(to, "@")
	if at < 0 {
		switch {
		case strings.Contains(to, "!"):
			return "domain!user"
		case strings.Contains(to, "%"):
			return "user%domain"
		}
		return ""
	}
	for _, form := range testForms {
		if form.of.MatchString(to) {
			return form.name
		}
	}
	return ""
}

// testForms are those with a domain. The first one that fits tells.
var testForms = []struct {
	name string
	of   *regexp.Regexp
}{
	{"@host:user@domain", regexp.MustCompile(`(?s)^@.*@`)},
	{`"user@domain"@host`, regexp.MustCompile(`(?s)^".*[@%].*@`)},
	{"user@domain@host", regexp.MustCompile(`(?s)@.*@`)},
	{"user%domain@host", regexp.MustCompile(`(?s)%.*@`)},
	{"domain!user@host", regexp.MustCompile(`(?s)!.*@`)},
	{"user@[address]", regexp.MustCompile(`(?s)@\[[^@]*$`)},
}

func (c *recount) countAccepted(r *rowFact, outside bool, by int) {
	differ(c.to, string(r.to.Path), by)
	differ(c.domains, r.to.Path.Domain(), by)
	if r.isNew {
		c.isNew += by
	}
	if r.common.recipient > 0 {
		c.common += by
	}
	if r.newToAll {
		c.newToAll += by
		if r.at.Sub(c.w.began) >= 24*time.Hour { // On the first day all are new.
			c.strangers += by
		}
	}
	if r.tx.ReversePath == "" {
		differ(c.toFromNull, string(r.to.Path), by)
	}
	if !outside {
		return
	}
	c.external += by
	if !r.tx.Authenticated {
		c.unauthenticated += by
		if r.tx.RelayRight {
			c.relayRight += by
		}
	}
}

// differ counts a value, if there is one.
func differ[T comparable](values map[T]int, value T, by int) {
	var none T
	if value == none {
		return
	}
	if values[value] += by; values[value] == 0 {
		delete(values, value)
	}
}

// remeasure looks for the moment at which the signals of a finding had their values:
// those of a finding are of its strongest one, which is not told. It returns how the
// nearest moment differs, or nothing.
func (w *witness) remeasure(f *detect.Finding, r *detect.Rule, signals []detect.Measure) []difference {
	c := newRecount(w)
	rows := w.rows[f.Submitter]
	first, _ := slices.BinarySearchFunc(rows, f.FlaggedAt.Add(-reach(f, r))+1, func(r rowFact, t mail.Time) int { return cmp.Compare(r.at, t) })
	best, least := []difference{}, math.Inf(1)
	for i := first; i < len(rows); i++ {
		now := &rows[i]
		if now.at > f.WindowEnd {
			break
		}
		for ; rows[first].at <= max(now.at.Add(-r.Window), w.acquitted(f.Submitter, now.at)); first++ {
			c.count(&rows[first], -1)
		}
		c.count(now, 1)
		c.now = now
		if now.at < f.FlaggedAt {
			continue
		}
		found, distance := c.compare(signals)
		if len(found) == 0 {
			return nil
		}
		if distance < least {
			best, least = found, distance
		}
	}
	if math.IsInf(least, 1) {
		return append(best, difference{what: "no row of the submitter is stored for that time"})
	}
	return best
}

// acquitted is up to when nothing counts any more at a time: a verdict spoke of it.
func (w *witness) acquitted(who mail.Submitter, at mail.Time) mail.Time {
	until := mail.Time(0)
	for _, v := range w.site.Verdicts {
		if v.Of(who) && v.Until < at {
			until = max(until, v.Until)
		}
	}
	return until
}

// compare tells which signals have other values, and how far they are off in all.
func (c *recount) compare(signals []detect.Measure) (found []difference, distance float64) {
	for _, s := range signals {
		if got := recounted[s.Signal](c); !agrees(s.Signal, s.Value, got) {
			found = append(found, difference{s.Signal, measured(s.Value, s.Unit), measured(got, s.Unit)})
			distance += math.Abs(got-s.Value) / max(1, math.Abs(s.Value))
		}
	}
	return found, distance
}
