package detect

import (
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/vm"

	"relaywatch/mail"
)

// judge is the state of judging: what rows up to some moment told. Rows are
// applied in their one order, so its state depends on them alone.
type judge struct {
	network *network
	rules   []*Rule
	windows []mail.Time // Lengths in seconds, rising.
	window  []int       // Of each rule.
	lag     mail.Time   // How far back rows can matter to windows.

	judgesOutside bool // Some rule is for clients outside.
	judgesGuesser bool // Some such rule is about logins.
	showsAll      bool // Of the tests of a rule: findings without an episode are handed out too.

	servers  map[string]event // By address: the first row that told it is a server's.
	subjects map[mail.Submitter]*subject
	owners   map[string]owner // Accounts by bare name.
	everyone *hashSet         // Recipients that anyone mailed.

	findings []*finding // Touched since taken.
	episodes []*episode
	machine  vm.VM

	base *judge // Of a fork: where subjects are copied from.
}

// subject is what is kept of a submitter.
type subject struct {
	who      mail.Submitter
	rules    []int // That judge it.
	rows     rows
	memory   hashSet   // Recipients it ever mailed.
	contacts []contact // The newest of them, after MemoryAt, in event time.
	findings map[int]*finding
	episode  *episode // nil if none is open.
	claimed  bool     // Is an account that exists: see claim.
	stored   bool     // The store has memory of it.
}

func newJudge(rules []*Rule, n *network) *judge {
	j := &judge{
		network:  n,
		rules:    rules,
		servers:  make(map[string]event),
		subjects: make(map[mail.Submitter]*subject),
		owners:   make(map[string]owner),
		everyone: new(hashSet),
		lag:      seconds(MaxWindow),
	}
	for _, r := range rules {
		if !slices.Contains(j.windows, seconds(r.Window)) {
			j.windows = append(j.windows, seconds(r.Window))
		}
		if r.From != FromInside && slices.Contains(r.Submitters, mail.KindIP) {
			j.judgesOutside = true
			j.judgesGuesser = j.judgesGuesser || r.condition.counts()&(isLogin|isFailure) != 0
		}
		if slices.Contains(r.condition.signals, signalNamed("logins_after_failures")) {
			// A login counts by the failures before it, which are older than the window.
			j.lag = max(j.lag, 2*seconds(r.Window))
		}
	}
	slices.Sort(j.windows)
	for _, r := range rules {
		j.window = append(j.window, slices.Index(j.windows, seconds(r.Window)))
	}
	return j
}

func seconds(d time.Duration) mail.Time { return mail.Time(d / time.Second) }

// fork is a judge that begins with the state of j and leaves it as it is. j may
// then judge for good what the fork has judged, in the same order, and nothing else.
func (j *judge) fork() *judge {
	f := *j
	f.base = j
	f.servers = maps.Clone(j.servers)
	f.subjects = make(map[mail.Submitter]*subject)
	f.owners = make(map[string]owner)
	f.everyone = &hashSet{base: j.everyone}
	f.findings, f.episodes, f.machine = nil, nil, vm.VM{}
	return &f
}

// subject finds or makes what is kept of a submitter.
func (j *judge) subject(who mail.Submitter, c class) *subject {
	if s := j.subjects[who]; s != nil {
		return s
	}
	var s *subject
	if j.base != nil && j.base.subjects[who] != nil {
		s = j.base.subjects[who].clone()
	} else {
		s = &subject{who: who, rows: newRows(len(j.windows))}
		for i, r := range j.rules {
			if r.judges(who, c) {
				s.rules = append(s.rules, i)
			}
		}
	}
	j.subjects[who] = s
	return s
}

// clone copies what judging changes.
func (s *subject) clone() *subject {
	c := *s
	c.rows = s.rows.clone()
	c.memory = hashSet{base: &s.memory}
	c.contacts = nil
	c.findings = make(map[int]*finding, len(s.findings))
	for i, f := range s.findings {
		c.findings[i] = f.clone()
	}
	if s.episode != nil {
		e := *s.episode
		e.touched = false
		e.rules = slices.Clone(e.rules)
		if f := s.findings[e.words.rule]; f == e.words {
			e.words = c.findings[f.rule]
		} else {
			e.words = e.words.clone()
		}
		c.episode = &e
	}
	return &c
}

// apply judges one event. With silent true it only fills windows and memory, as
// after a restart.
func (j *judge) apply(ev *event, silent bool) {
	p := ev.part
	if ev.kind == eventLogin {
		j.applyLogin(ev, silent)
		return
	}
	if ev.kind == eventMail {
		j.learnServer(ev)
	}
	if p.class == nobody || p.class == outside && ev.kind == eventMail {
		return
	}
	if p.class != account && j.isServer(p.transaction.ClientIP, ev) {
		return
	}
	var s *subject
	if p.class == account {
		s = j.account(p.who.Value)
	} else {
		s = j.subject(p.who, p.class)
	}
	var e entry
	switch ev.kind {
	case eventMail:
		e = j.mailEntry(ev)
	case eventRecipient:
		e = j.recipientEntry(s, ev)
	default:
		e = entry{at: ev.at, pos: ev.pos, flags: isEnd, keys: [3]uint64{uint64(p.transaction.SizeBytes)}}
	}
	j.count(s, &e, silent)
}

// applyLogin counts a login for the account and for the client. A failed one counts
// for the account that was meant.
func (j *judge) applyLogin(ev *event, silent bool) {
	l := &ev.part.login
	e := loginEntry(ev)
	if l.User != "" {
		seen := j.guessed
		if l.OK {
			seen = j.account
		}
		own := e
		j.count(seen(l.User), &own, silent)
	}
	if ev.part.class == nobody || j.isServer(l.ClientIP, ev) {
		return
	}
	j.count(j.subject(mail.Submitter{Kind: mail.KindIP, Value: l.ClientIP}, ev.part.class), &e, silent)
}

// learnServer notes the address of the server that wrote a row.
func (j *judge) learnServer(ev *event) {
	ip := ev.part.transaction.ServerIP
	if ip == "" {
		return
	}
	if _, known := j.servers[ip]; !known {
		j.servers[ip] = event{at: ev.at, pos: ev.pos, kind: ev.kind}
	}
}

// isServer is true if a row up to ev told that the address is a server's. The
// rows between are seen again after a restart: therefore "up to ev".
func (j *judge) isServer(ip string, ev *event) bool {
	first, known := j.servers[ip]
	return known && first.compare(ev) <= 0
}

// count adds a row of a submitter and asks the rules.
func (j *judge) count(s *subject, e *entry, silent bool) {
	if len(j.windows) == 0 {
		return
	}
	s.rows.add(e, j.windows)
	if silent {
		return
	}
	if s.episode != nil {
		if e.at-s.episode.last > seconds(Quiet) {
			s.episode = nil
		} else {
			s.episode.pending.count(e.flags)
		}
	}
	for i := range s.rows.windows {
		s.rows.derive(&s.rows.windows[i])
	}
	for _, i := range s.rules {
		w := &s.rows.windows[j.window[i]]
		if j.rules[i].condition.holds(&j.machine, &w.m) {
			j.held(s, i, w, e)
		}
	}
}

// sweep forgets what no later row can need: windows that ran out, and submitters
// of whom nothing is left.
func (j *judge) sweep(until mail.Time) {
	for who, s := range j.subjects {
		s.rows.expire(until, j.windows)
		if s.rows.start < s.rows.end {
			continue
		}
		s.rows = newRows(len(j.windows))
		if s.memory.size == 0 && len(s.findings) == 0 {
			delete(j.subjects, who)
		}
	}
}
