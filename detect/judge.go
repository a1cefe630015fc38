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
	layout  layout
	asked   []question // By rule.
	doors   []door     // By rule: what is asked first.
	lag     mail.Time  // How far back rows can matter to windows.

	judgesOutside bool // Some rule is for clients outside.
	judgesReturns bool // Some rule asks what became of mail.
	judgesBounces bool // Some rule asks what comes back by messages of its own.
	judgesGuesser bool // Some such rule is about logins.
	showsAll      bool // Of the tests of a rule: findings without an episode are handed out too.

	servers   map[string]*event // By address: the first row that told it is a server's.
	server    string            // The last of them.
	subjects  map[mail.Submitter]*subject
	judging   []*judging       // What judges submitters, each once.
	owners    map[string]owner // Accounts by bare name.
	everyone  memory           // Recipients that anyone mailed.
	turns     turns
	limits    limits
	turned    bool      // The memory of somebody was rolled: forks are void.
	began     mail.Time // When the first of them was; 0 before.
	weighed   []int     // Sequential rules.
	recorded  []int     // Rules on the own scale.
	pooled    int       // Of weighed, see pool; -1: none.
	profiled  bool      // Some rule needs to know what is usual.
	fleet     fleet
	spread    campaigns // By reverse-path.
	sizes     campaigns // By size of message.
	newcomers newcomers
	profiles  []*subject // Whose profile changed since it was stored.
	pairs     *subject   // Which reverse-path mailed which recipient; nil until asked for.
	heard     *subject   // Who wrote to us; nil until asked for.
	outbox    *outbox
	mailboxes *mailboxes
	posters   []mail.Submitter // Of outbox and newcomers, by number less 1.

	findings []*finding // Touched since taken.
	episodes []*episode
	machine  vm.VM
	soon     soon
	hash     uint64               // Of the recipient that is judged, if it was looked at before; else 0.
	row      row                  // That is judged; here since it would be allocated for each event.
	measured [maxWindows]measures // Of it: all signals of windows in full, of others those that were asked for.
	full     uint32               // By window.

	suspicious map[mail.Submitter]struct{} // Whose sum may be on watch, see watchedAt.

	watch func(Scored) // nil: nobody does.

	base *judge // Of a fork: where subjects are copied from.
}

func newJudge(rules []*Rule, n *network) *judge {
	j := &judge{
		network:   n,
		rules:     rules,
		layout:    layout{logs: &logs{number: make(map[mail.LogID]uint32)}},
		servers:   make(map[string]*event),
		subjects:  make(map[mail.Submitter]*subject),
		owners:    make(map[string]owner),
		limits:    limits{maxRemembered, maxContacts, maxHeard},
		outbox:    new(outbox),
		mailboxes: new(mailboxes),
		pooled:    -1,
		lag:       seconds(MaxWindow),
	}
	for _, r := range rules {
		j.layout.want(r)
		if r.From != FromInside && slices.Contains(r.Submitters, mail.KindIP) {
			j.judgesOutside = true
			j.judgesGuesser = j.judgesGuesser || r.condition.adds()&(isLogin|isFailure) != 0
		}
		if slices.Contains(r.condition.signals, sigLoginsAfterFailures) {
			// A login counts by the failures before it, which are older than the window.
			j.lag = max(j.lag, 2*seconds(r.Window))
		}
	}
	for _, signal := range n.limited() {
		for i := range j.layout.spans {
			j.layout.spans[i].measure(signal)
		}
	}
	j.layout.arrange()
	for i, r := range rules {
		q := j.ask(i)
		j.asked = append(j.asked, q)
		if r.Weigher != nil || r.Scale != nil {
			j.doors = append(j.doors, door{})
		} else {
			j.doors = append(j.doors, doorOf(q.gates))
		}
	}
	j.profiled = len(j.weighed)+len(j.recorded) > 0 || slices.ContainsFunc(
		[]int{sigSameSize, sigSameSizeInside, sigNewSource, sigCampaignHosts, sigAlikeHosts, sigSameGap}, j.layout.measures)
	return j
}

// ask is what is asked of each event for rule i. It gives the rule its place among those
// that weigh or record.
func (j *judge) ask(i int) question {
	r := j.rules[i]
	q := question{window: j.layout.span(r), condition: r.condition}
	q.gates = j.layout.spans[q.window].gates(r.condition.guard)
	if r.Weigher == nil && r.Scale == nil && r.condition.exact {
		q.deciding = j.layout.spans[q.window].deciding(r.condition.signals)
	}
	switch {
	case r.Weigher != nil:
		q.place = len(j.weighed)
		if j.pooled < 0 && r.Weigher.Watch > 0 && r.Weigher.Novelty[newToAll] > 0.5 {
			j.pooled = q.place
		}
		j.weighed = append(j.weighed, i)
	case r.Scale != nil:
		q.place = len(j.recorded)
		q.scaled = j.layout.spans[q.window].places[signals[r.Scale.Of].counter]
		j.recorded = append(j.recorded, i)
	}
	q.campaign, q.alike = int(leastOf(sigCampaignHosts, r.condition.guard)), int(leastOf(sigAlikeHosts, r.condition.guard))
	q.common = int(leastOf(sigCommonHosts, r.condition.guard))
	q.sameGap = leastOf(sigSameGap, r.condition.guard)
	q.least = leastOf(sigScore, r.condition.guard)
	if r.Weigher != nil {
		q.leastSum = q.least - r.Weigher.Support
	}
	q.sameSize, q.newSource = leastOf(sigSameSize, r.condition.guard), leastOf(sigNewSource, r.condition.guard)
	q.late = r.Weigher != nil && r.Weigher.Returned > 0 || r.condition.adds()&isLate != 0
	q.lateOnly = r.Weigher != nil && r.Weigher.lateOnly
	j.judgesReturns = j.judgesReturns || q.late && r.condition.adds()&isLate != isBounced || j.layout.needs&(isReturned|isDeferred) != 0
	j.judgesBounces = j.judgesBounces || r.condition.adds()&isBounced != 0 && j.network.hide.Apart() && len(j.network.own) > 0
	return q
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
	f.everyone = j.everyone.fork(j.turns.number())
	f.turns.starts = slices.Clip(j.turns.starts)
	f.findings, f.episodes, f.machine, f.hash = nil, nil, vm.VM{}, 0
	f.suspicious = maps.Clone(j.suspicious)
	f.profiles, f.pairs, f.heard = nil, nil, nil
	f.watch = nil // What is judged for the time being is judged for good later.
	f.spread, f.sizes, f.newcomers = j.spread.fork(), j.sizes.fork(), j.newcomers.fork()
	f.outbox, f.posters, f.mailboxes = j.outbox.fork(), slices.Clip(j.posters), j.mailboxes.fork()
	f.judging = slices.Clip(j.judging)
	return &f
}

// apply judges one event. With silent true it only fills windows and memory, as
// after a restart.
func (j *judge) apply(ev *event, silent bool) {
	p := ev.part
	switch ev.kind {
	case eventLogin:
		j.applyLogin(ev, silent)
		return
	case eventDelivery:
		j.applyDelivery(ev, silent)
		return
	case eventBounce:
		j.applyBounce(ev, silent)
		return
	}
	if ev.kind == eventMail {
		j.learnServer(ev)
		j.hear(ev)
	}
	if p.class == nobody || p.class == outside && ev.kind == eventMail {
		return
	}
	s := j.subjectOf(p)
	if s.isServer(ev) {
		return
	}
	host := s
	s = j.answersBehind(s, ev, silent)
	j.acquit(s, ev.at, silent)
	r := &j.row
	if ev.kind == eventRecipient {
		j.recipientRow(r, s, ev)
		if !silent && p.class != outside && j.profiled {
			j.weigh(s, r, p)
			if host.profile != nil {
				host.profile.tellName(p.nameHash, r.told.novelty)
			}
		}
	} else {
		j.boundRow(r, s, ev, silent)
	}
	j.count(s, r, silent)
}

// boundRow fills a row with what the begin of a transaction counts for, or its end.
func (j *judge) boundRow(r *row, s *subject, ev *event, silent bool) {
	t := &ev.part.transaction
	learns := !silent && s.profile != nil
	if learns {
		j.changed(s)
	}
	if ev.kind == eventMail {
		j.mailRow(r, ev)
		if learns {
			s.profile.beat(ev.at)
		}
		return
	}
	*r = row{at: ev.at, pos: ev.pos}
	r.sized(t.SizeBytes)
	if learns {
		s.profile.resize(t.SizeBytes, t.Pos)
	}
}

// applyLogin counts a login for the account and for the client. A failed one counts
// for the account that was meant.
func (j *judge) applyLogin(ev *event, silent bool) {
	l := ev.part.login
	r := j.loginRow(ev)
	if l.User != "" {
		seen := j.guessed
		if l.OK {
			seen = j.account
		}
		j.count(seen(l.User), &r, silent)
	}
	if ev.part.class == nobody {
		return
	}
	client := j.subject(mail.Submitter{Kind: mail.KindIP, Value: l.ClientIP}, ev.part.class)
	if !client.isServer(ev) {
		j.count(client, &r, silent)
	}
}

// learnServer notes the address of the server that wrote a row.
func (j *judge) learnServer(ev *event) {
	ip := ev.part.transaction.ServerIP
	if ip == j.server || ip == "" {
		return
	}
	j.server = ip
	if j.servers[ip] == nil {
		j.noteServer(ip, &event{at: ev.at, pos: ev.pos, kind: ev.kind})
	}
}

func (j *judge) noteServer(ip string, first *event) {
	j.servers[ip] = first
	if s := j.subjects[mail.Submitter{Kind: mail.KindIP, Value: ip}]; s != nil {
		s.server = first
	}
}

// isServer is true if a row up to ev told that the address is a server's. The
// rows between are seen again after a restart: therefore "up to ev".
func (s *subject) isServer(ev *event) bool {
	return s.server != nil && s.server.compare(ev) <= 0
}
