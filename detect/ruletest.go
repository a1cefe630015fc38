package detect

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"relaywatch/mail"
)

// TestResult is the outcome of one test of a rule. Err is nil if it passed.
type TestResult struct {
	Rule string
	Case string
	Err  error
}

// RunTests runs the tests inside the rules, each rule alone, through the engine
// that judges real logs, and computes again what they find.
func RunTests(rules []*Rule) []TestResult {
	var results []TestResult
	for _, r := range rules {
		for i := range r.Tests {
			results = append(results, TestResult{r.Name, r.Tests[i].Name, r.run(&r.Tests[i])})
		}
	}
	return results
}

// Test runs the tests of the rule and returns one error for each that failed.
func (r *Rule) Test() []error {
	var errs []error
	for _, result := range RunTests([]*Rule{r}) {
		if result.Err != nil {
			errs = append(errs, fmt.Errorf("rule %s, test %q: %w", r.Name, result.Case, result.Err))
		}
	}
	return errs
}

func (r *Rule) run(c *Case) error {
	e, err := NewEngine([]*Rule{r}, c.Site)
	if err != nil {
		return err
	}
	e.judge.showsAll = true
	if !c.FirstDay {
		e.judge.began = mail.Of(testDay.AddDate(-1, 0, 0))
		day, _ := e.judge.local(e.judge.began)
		e.judge.fleet.roll(day, 0)
	}
	for i := range c.Sent {
		c.Sent[i].replay(e, i)
	}
	e.Advance(math.MaxInt64)
	findings := e.Take().Findings
	errs := []error{c.compare(findings)}
	for i := range findings {
		for _, wrong := range r.Audit(&findings[i]) {
			errs = append(errs, fmt.Errorf("computed again: %w", wrong))
		}
	}
	return errors.Join(errs...)
}

// compare tells how findings differ from those the test expects. A finding that
// broke off and came back counts with its strongest.
func (c *Case) compare(findings []Finding) error {
	got := make(map[mail.Submitter][]Finding)
	for _, f := range findings {
		got[f.Submitter] = append(got[f.Submitter], f)
	}
	var errs []error
	for _, want := range c.Finds {
		found := got[want.Submitter]
		delete(got, want.Submitter)
		if len(found) == 0 {
			errs = append(errs, fmt.Errorf("got no finding of %s; want one", want.Submitter))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(want.Values)) {
			if err := compareValue(found, name, want.Values[name]); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", want.Submitter, err))
			}
		}
	}
	for who, found := range got {
		errs = append(errs, fmt.Errorf("got a finding of %s at %s (%s); want none", who, found[0].FlaggedAt, found[0].Sentence))
	}
	return errors.Join(errs...)
}

func compareValue(found []Finding, name string, want float64) error {
	got, named := 0.0, false
	for _, f := range found {
		for _, m := range f.Evidence.Signals {
			if m.Signal == name {
				got, named = max(got, m.Value), true
			}
		}
	}
	if !named {
		return fmt.Errorf("%s is measured neither in when nor in says (name it there, or leave it out of the test)", name)
	}
	if math.Abs(got-want) > 1e-9 {
		return fmt.Errorf("got %s %g; want %g", name, got, want)
	}
	return nil
}

// replay gives the rows to an engine. row tells the runs of a test apart.
func (s *Sent) replay(e *Engine, row int) {
	log := mail.LogID(row + 1)
	if s.Login != "" {
		s.logIn(e, log)
		return
	}
	s.remember(e, log)
	for i := range s.Times {
		at := s.At.Add(time.Duration(i) * s.Every)
		t := s.transaction(mail.LogPos{Log: log, Offset: int64(i) << 20}, at, i+1)
		for k := range s.PerMessage {
			t.Recipients = append(t.Recipients, mail.Recipient{
				Pos: mail.LogPos{Log: log, Offset: t.Pos.Offset + 1 + int64(k)}, At: at,
				Path: s.recipient(i*s.PerMessage + k), Reply: s.Reply,
			})
		}
		e.Transaction(t)
		s.deliver(e, &t)
	}
}

// deliver gives the engine what becomes of the recipients of t.
func (s *Sent) deliver(e *Engine, t *mail.Transaction) {
	outcome := mail.Undecided
	switch s.Delivered / 100 {
	case 2:
		outcome = mail.Delivered
	case 4:
		outcome = mail.Deferred
	case 5:
		outcome = mail.RefusedThere
	}
	for _, r := range t.Recipients {
		pos := mail.LogPos{Log: r.Pos.Log, Offset: r.Pos.Offset + 1<<19}
		at := r.At.Add(2 * time.Minute)
		e.Delivery(mail.Delivery{Pos: pos, At: at, RepliedAt: at, ReversePath: t.ReversePath, Recipient: r.Path, Reply: s.Delivered, Outcome: outcome})
	}
}

// remember mails the same recipients in the days before, evenly.
func (s *Sent) remember(e *Engine, log mail.LogID) {
	if s.History == 0 {
		return
	}
	n := s.Times * s.PerMessage
	span := time.Duration(s.History) * 24 * time.Hour
	for k := range n {
		at := s.At.Add(time.Duration(k-n)*(span/time.Duration(n)) - time.Second)
		t := s.transaction(mail.LogPos{Log: log, Offset: -int64(n-k) << 20}, at, 1)
		t.Recipients = []mail.Recipient{{Pos: mail.LogPos{Log: log, Offset: t.Pos.Offset + 1}, At: at, Path: s.recipient(k), Reply: 250}}
		e.Transaction(t)
		s.deliver(e, &t)
	}
}

// transaction is the n-th of the run, without recipients.
func (s *Sent) transaction(pos mail.LogPos, at mail.Time, n int) mail.Transaction {
	t := mail.Transaction{
		Pos: pos, At: at, Server: "MX1", ServerIP: "10.0.0.25", ClientIP: s.From.Value,
		HELO: expand(s.HELO, n), Authenticated: s.Auth, RelayRight: s.RelayRight, Exact: true,
		ReversePath: mail.Path(expand(string(s.Path), n)), SizeBytes: -1, EndAt: at, Outcome: mail.Accepted,
	}
	if s.From.Kind == mail.KindUser {
		t.ClientIP, t.User, t.Authenticated = s.via(), s.From.Value, true
	}
	if s.Size > 0 {
		t.SizeBytes = int64(s.Size)
	}
	if s.Reply >= 400 {
		t.Outcome = mail.Refused
	}
	return t
}

func (s *Sent) via() string {
	if s.Via == "" {
		return "10.1.1.1"
	}
	return s.Via
}

// recipient is the k-th of the run, from 0.
func (s *Sent) recipient(k int) mail.Path {
	return mail.Path(expand(s.To[k%len(s.To)], k+1))
}

func (s *Sent) logIn(e *Engine, log mail.LogID) {
	for i := range s.Times {
		l := mail.Login{
			Pos: mail.LogPos{Log: log, Offset: int64(i)}, At: s.At.Add(time.Duration(i) * s.Every),
			Server: "MX1", ClientIP: s.From.Value, User: expand(s.User, i+1), OK: s.Login == "ok",
		}
		if s.From.Kind == mail.KindUser {
			l.ClientIP, l.User = s.via(), s.From.Value
		}
		e.Login(l)
	}
}

// expand puts n for {n} and n%5 for {n%5}.
func expand(pattern string, n int) string {
	var b strings.Builder
	for rest := pattern; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, behind, _ := strings.Cut(after, "}")
		value, _ := counter(name, n)
		b.WriteString(strconv.Itoa(value))
		rest = behind
	}
}

// counter is the value of n, or of n%5.
func counter(name string, n int) (int, error) {
	first, modulus, isModulo := strings.Cut(name, "%")
	if first != "n" {
		return 0, errors.New("no counter")
	}
	if !isModulo {
		return n, nil
	}
	m, err := strconv.Atoi(modulus)
	if err != nil || m < 1 {
		return 0, errors.New("no modulus")
	}
	return n % m, nil
}
