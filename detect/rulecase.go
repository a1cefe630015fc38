package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"relaywatch/mail"
)

// Case is a test in a rule file: what was sent, and what the rule finds.
type Case struct {
	Name     string
	Site     Site   // The default is testSite.
	FirstDay bool   // The log begins with the first row sent. If not, mail was seen for weeks before.
	Sent     []Sent // Rows of the log, in the words of the rule file.
	Finds    []Found
}

// Sent is a run of transactions, or of logins, of one client.
type Sent struct {
	At         mail.Time      // Of the first.
	Every      time.Duration  // Between two.
	Times      int            // How many.
	From       mail.Submitter // An address or an account.
	Via        string         // The client's address, for an account.
	To         []string       // Recipients, in turn; {n} counts them, {n%5} from 0 to 4.
	Path       mail.Path      // Reverse-path; {n} counts transactions.
	HELO       string         // {n} as in Path.
	Reply      int            // To each RCPT.
	Delivered  int            // What remote servers reply to each recipient two minutes later; 0: the log has no deliveries.
	PerMessage int            // Recipients of one transaction.
	Auth       bool           // The session was authenticated; always so for an account.
	RelayRight bool           // The session had the right to relay.
	Size       int            // Bytes of each message; 0 is not told.
	History    int            // Days before At over which the same recipients were mailed before, one by one.
	Login      string         // "ok" or "failed": logins instead of transactions.
	User       string         // The account of the logins; {n} counts them.
}

// Found is a finding that a test expects: the submitter, and values of signals at
// the strongest moment.
type Found struct {
	Submitter mail.Submitter
	Values    map[string]float64
}

// testDay is the Wednesday on which tests begin; the days of a test are those of
// its week.
var testDay = time.Date(2026, time.March, 4, 0, 0, 0, 0, time.UTC)

// testSite is the network of tests: corp.example in 10.0.0.0/8, business hours
// mon-fri 07:00-19:00 UTC.
func testSite() Site {
	return Site{
		Internal:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		OwnDomains: []string{"corp.example"},
	}
}

// test reads one case of a rule file.
func (d *document) test(node ast.Node, r *Rule) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want a test (name, sent and finds)")
		return
	}
	c := Case{Site: testSite()}
	seen := d.fields(m, []field{
		{"name", d.str(&c.Name)},
		{"site", func(node ast.Node) { d.site(node, &c.Site) }},
		{"first_day", d.truth(&c.FirstDay)},
		{"sent", d.each(func(node ast.Node) { d.sent(node, &c) })},
		{"finds", d.each(func(node ast.Node) { d.found(node, &c) })},
	})
	for _, key := range [...]string{"name", "sent", "finds"} {
		if _, ok := seen[key]; !ok {
			d.fail(m, "no key %q (every test has one)", key)
		}
	}
	r.Tests = append(r.Tests, c)
}

func (d *document) site(node ast.Node, s *Site) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want own_domains or internal")
		return
	}
	d.fields(m, []field{
		{"own_domains", func(node ast.Node) {
			s.OwnDomains = nil
			d.list(&s.OwnDomains, func(string) error { return nil })(node)
		}},
		{"internal", func(node ast.Node) {
			s.Internal = nil
			d.each(func(node ast.Node) {
				text, _ := d.scalar(node)
				prefix, err := netip.ParsePrefix(text)
				if err != nil {
					d.fail(node, "no network %q (write it as 10.0.0.0/8)", text)
					return
				}
				s.Internal = append(s.Internal, prefix)
			})(node)
		}},
	})
}

// maxTimes bounds a test: it is read by people, and run at each check.
const maxTimes = 10_000

func (d *document) sent(node ast.Node, c *Case) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want what was sent (from, at, times, to, …)")
		return
	}
	s := Sent{Every: time.Second, Times: 1, Reply: 250, PerMessage: 1, HELO: "client.corp.example"}
	day, at := 0, 9*time.Hour
	var from, path string
	seen := d.fields(m, []field{
		{"day", func(node ast.Node) { d.day(node, &day) }},
		{"at", func(node ast.Node) { d.clock(node, &at) }},
		{"every", d.duration(&s.Every, 0, MaxWindow)},
		{"times", d.whole(&s.Times, 1, maxTimes)},
		{"from", d.str(&from)},
		{"via", d.str(&s.Via)},
		{"to", d.list(&s.To, checkCounters)},
		{"path", d.str(&path)},
		{"helo", d.str(&s.HELO)},
		{"reply", d.whole(&s.Reply, 0, 599)},
		{"delivered", d.whole(&s.Delivered, 0, 599)},
		{"per_message", d.whole(&s.PerMessage, 1, 1000)},
		{"auth", d.truth(&s.Auth)},
		{"relay_right", d.truth(&s.RelayRight)},
		{"size", d.whole(&s.Size, 0, 1<<40)},
		{"history", d.whole(&s.History, 0, 365)},
		{"login", oneOf(d, &s.Login, "ok", "failed")},
		{"user", d.str(&s.User)},
	})
	s.At = mail.Of(testDay.AddDate(0, 0, day).Add(at))
	s.Path = reversePath(path)
	who, err := mail.ParseSubmitter(from)
	if err != nil {
		d.fail(orElse(seen["from"], m), "from: %v", err)
	}
	s.From = who
	d.mailOrLogin(m, seen, s.User)
	c.Sent = append(c.Sent, s)
}

// mailOrLogin checks that a row is one of both.
func (d *document) mailOrLogin(m *ast.MappingNode, seen map[string]ast.Node, user string) {
	login, to := seen["login"] != nil, seen["to"] != nil
	switch {
	case !login && !to:
		d.fail(m, "no key \"to\" (who is mailed? or write login: failed)")
	case !login && user != "":
		d.fail(seen["user"], "user is for logins (write from: \"user:%s\")", user)
	case login && to:
		d.fail(seen["to"], "a login mails nobody (write another row for the mail)")
	}
}

// reversePath reads a path of a test: <> is the null reverse-path, none a usual
// one.
func reversePath(text string) mail.Path {
	switch text {
	case "":
		return "ann@corp.example"
	case "<>":
		return ""
	}
	return mail.Path(text)
}

func orElse(node ast.Node, other ast.Node) ast.Node {
	if node == nil {
		return other
	}
	return node
}

// day reads a day of the week of testDay, as days after it.
func (d *document) day(node ast.Node, to *int) {
	text, ok := d.scalar(node)
	if !ok {
		return
	}
	i := weekday(text)
	if i < 0 {
		d.fail(node, "no such day %q (%s)", text, alternatives(weekdays[:]))
		return
	}
	*to = (i+6)%7 - (int(testDay.Weekday())+6)%7 // The week begins with Monday.
}

// clock reads a time of day, as 02:00 or 02:00:30.
func (d *document) clock(node ast.Node, to *time.Duration) {
	text, ok := d.scalar(node)
	if !ok {
		return
	}
	for _, layout := range [...]string{"15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			*to = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
			return
		}
	}
	d.fail(node, "no such time of day %q (write it in quotes, as \"02:00\")", text)
}

// checkCounters checks the {n} and {n%5} of a recipient.
func checkCounters(text string) error {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return nil
		}
		name, behind, _ := strings.Cut(after, "}")
		if _, err := counter(name, 1); err != nil {
			return fmt.Errorf("recipient %q: no counter {%s} (write {n}, or {n%%5} for five in turn)", text, name)
		}
		rest = behind
	}
}

// found reads what a test expects.
func (d *document) found(node ast.Node, c *Case) {
	m := mapping(node)
	if m == nil {
		d.fail(node, "want a finding (submitter and values of signals)")
		return
	}
	f := Found{Values: make(map[string]float64)}
	var who string
	known := []field{{"submitter", d.str(&who)}}
	for i := range signals {
		name := signals[i].Name
		known = append(known, field{name, func(node ast.Node) {
			var n float64
			d.number(&n, 0, 1<<50)(node)
			f.Values[name] = n
		}})
	}
	seen := d.fields(m, known)
	submitter, err := mail.ParseSubmitter(who)
	if err != nil {
		d.fail(orElse(seen["submitter"], m), "%v", err)
	}
	f.Submitter = submitter
	if slices.ContainsFunc(c.Finds, func(g Found) bool { return g.Submitter == submitter }) {
		d.fail(m, "submitter %s is expected twice (a finding is one)", submitter)
	}
	c.Finds = append(c.Finds, f)
}
