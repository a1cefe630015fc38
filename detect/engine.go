package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"relaywatch/mail"
)

// Grace is how long rows may come late by default: servers flush their logs after
// minutes. The caller judges for good up to the front of the logs minus Grace.
const Grace = 10 * time.Minute

// maxWindows is how many different window lengths the rules may have in all.
const maxWindows = 16

// maxShift is how many places a row is put back in the buffer when it comes;
// beyond, the buffer is sorted as a whole when it is needed.
const maxShift = 64

// Engine judges transactions and logins by rules, in event time. What it finds
// depends on the set of rows, the rules and the site alone: not on the order in
// which the rows come before they are judged for good, nor on how often it is
// advanced, asked or restored.
//
// It is not safe for concurrent use. After an error or Late, drop it.
type Engine struct {
	judge    *judge
	buffer   []event // Not judged yet, from head on.
	head     int
	free     []*part // To be used again.
	sorted   bool
	until    mail.Time
	swept    mail.Time
	memoryAt mail.Time
	late     bool

	ahead    *judge    // What Preview judged; nil if it must begin anew.
	aheadOf  mail.Time // Until, when ahead began.
	previews int       // How many events of the buffer ahead has judged.

	// replaying is true from Restore to Restored: rows up to until are no news. Those up
	// to replayed are in windows and memory.
	replaying bool
	replayed  mail.Time
}

// NewEngine checks the site and makes an engine that has seen nothing. The error
// holds everything that is wrong with the site.
func NewEngine(rules []*Rule, site Site) (*Engine, error) {
	n, err := newNetwork(site)
	errs := []error{err}
	rules = slices.Clone(rules)
	slices.SortFunc(rules, func(a, b *Rule) int { return cmp.Compare(a.Name, b.Name) })
	for i, r := range rules {
		if i > 0 && rules[i-1].Name == r.Name {
			errs = append(errs, fmt.Errorf("rule %s is given twice", r.Name))
		}
	}
	for i := range n.allow {
		for _, name := range n.allow[i].Rules {
			if !slices.ContainsFunc(rules, func(r *Rule) bool { return r.Name == name }) {
				errs = append(errs, fmt.Errorf("allow %s: no rule %q%s", n.allow[i].Submitter, name, hint(name, ruleNames(rules))))
			}
		}
	}
	e := &Engine{judge: newJudge(rules, n), sorted: true}
	if len(e.judge.layout.spans) > maxWindows {
		errs = append(errs, fmt.Errorf("the rules have %d different windows, at most %d are measured (let rules share one)", len(e.judge.layout.spans), maxWindows))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

func ruleNames(rules []*Rule) []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	return names
}

// Transaction takes a part of a transaction. It keeps t.Recipients. Rows without
// a time are not judged: they are in no window.
func (e *Engine) Transaction(t mail.Transaction) {
	if t.Direction == mail.Out {
		return // The server's own delivery is nobody's sending, and tells nothing of clients.
	}
	p := e.part()
	p.transaction = t
	before := len(e.buffer)
	e.buffer = e.judge.events(e.buffer, p)
	e.admit(before, p)
}

// Login takes a login. It counts for the account and for the client, but not for a
// client outside that no rule asks about: all the internet guesses.
func (e *Engine) Login(l mail.Login) {
	if l.At == 0 {
		return
	}
	p := e.part()
	p.login = &l
	if l.ClientIP != "" {
		p.class = e.judge.network.classOf(l.ClientIP)
	}
	if p.class == outside && !e.judge.judgesGuesser {
		p.class = nobody
	}
	before := len(e.buffer)
	e.buffer = append(e.buffer, event{at: l.At, pos: l.Pos, part: p, kind: eventLogin})
	e.admit(before, p)
}

// part is one to be filled.
func (e *Engine) part() *part {
	if n := len(e.free); n > 0 {
		p := e.free[n-1]
		e.free = e.free[:n-1]
		return p
	}
	return new(part)
}

// spareParts is how many parts are kept to be filled again: those of a second or
// two. The many of a replay are let go.
const spareParts = 1024

// release takes back a part whose events are all judged.
func (e *Engine) release(p *part) {
	*p = part{}
	if len(e.free) < spareParts {
		e.free = append(e.free, p)
	}
}

// admit keeps of the events from index first on, all of part p, those that are
// still to be judged.
func (e *Engine) admit(first int, p *part) {
	bound := e.until
	if e.replaying {
		bound = max(e.memoryAt, e.replayed)
	}
	kept := e.buffer[:first]
	for _, ev := range e.buffer[first:] {
		if ev.at <= bound {
			e.late = e.late || !e.replaying || ev.at > e.memoryAt
			continue
		}
		kept = append(kept, ev)
		// Rows mostly come in order, but for the ends of transactions.
		i := len(kept) - 1
		for e.sorted && i > e.head && kept[i-1].compare(&ev) > 0 {
			kept[i], kept[i-1] = kept[i-1], ev
			i--
			e.sorted = len(kept)-i < maxShift
		}
		if i-e.head < e.previews || !e.sorted {
			e.ahead = nil // It comes before what was judged ahead.
		}
	}
	e.buffer = kept
	if p.waiting = len(kept) - first; p.waiting == 0 {
		e.release(p)
	}
}

// Waiting is how many rows are in memory to be judged.
func (e *Engine) Waiting() int { return len(e.buffer) - e.head }

// Late is true if a row came that is older than what was judged for good. The
// caller must then make a new engine and give it everything again.
func (e *Engine) Late() bool { return e.late }

func (e *Engine) sort() {
	if !e.sorted {
		slices.SortFunc(e.buffer[e.head:], func(a, b event) int { return a.compare(&b) })
		e.sorted = true
	}
}

// Advance judges for good all rows up to a time. It never goes back.
func (e *Engine) Advance(until mail.Time) {
	e.Restored()
	if until <= e.until {
		return
	}
	e.judgeUpTo(until, false)
	e.until = until
	if until-e.swept >= seconds(time.Hour) {
		e.judge.sweep(until)
		e.swept = until
	}
}

// judgeUpTo takes the rows up to a time out of the buffer.
func (e *Engine) judgeUpTo(until mail.Time, silent bool) {
	e.sort()
	for looked, n := 0, 0; e.head < len(e.buffer) && e.buffer[e.head].at <= until; n++ {
		if n == looked {
			looked, n = e.judge.lookAt(e.buffer[e.head:]), 0
		}
		ev := &e.buffer[e.head]
		e.judge.hash = e.judge.soon.hashes[n]
		e.judge.apply(ev, silent)
		if ev.part.waiting--; ev.part.waiting == 0 {
			e.release(ev.part)
		}
		e.head++
		e.previews--
	}
	if e.head > len(e.buffer)/2 {
		e.buffer = slices.Delete(e.buffer, 0, e.head)
		e.head = 0
	}
	if e.previews < 0 || e.judge.turned {
		e.ahead, e.previews, e.judge.turned = nil, 0, false
	}
}

// Take is what is new since the last Take, and what Restore needs.
func (e *Engine) Take() Judgement {
	e.Restored()
	out := e.judge.take()
	out.Until = e.until
	out.Cases = e.judge.saveCases(e.until)
	if e.until-e.memoryAt > 2*e.judge.lag {
		e.memoryAt = e.until - e.judge.lag
		out.Memory = e.judge.takeMemory(e.memoryAt)
	}
	out.MemoryAt = e.memoryAt
	out.Watched = e.judge.watchedAt(e.until)
	out.Turn, out.TurnAt = e.judge.turns.upTo(e.memoryAt)
	out.Profiles = e.judge.takeProfiles()
	return out
}

// aheadFor is how long, in event time, previews go on from each other. After it they
// begin anew, so that copies of submitters that are done with do not pile up: there are
// those of whoever sent within the grace and as long again.
const aheadFor = Grace

// Preview judges all rows beyond Until for the time being. What it finds is not
// certain: rows may still come between. What was judged for good since the last Take is
// told, too.
//
// A preview goes on from the one before, as long as the rows since then are later
// than all it has judged: then it costs no more than these.
func (e *Engine) Preview() Judgement {
	e.Restored()
	e.sort()
	if e.ahead == nil || e.until-e.aheadOf > seconds(aheadFor) {
		e.ahead, e.aheadOf, e.previews = e.judge.fork(), e.until, 0
	}
	fork := e.ahead
	for ; e.head+e.previews < len(e.buffer); e.previews++ {
		fork.apply(&e.buffer[e.head+e.previews], false)
	}
	out := e.judge.tell() // What nobody has taken yet is as new to the store as the rest.
	out.replace(fork.tell())
	newest := e.until
	if len(e.buffer) > e.head {
		newest = max(newest, e.buffer[len(e.buffer)-1].at)
	}
	out.Watched = fork.watchedAt(newest)
	out.Until, out.MemoryAt, out.Provisional = e.until, e.memoryAt, true
	return out
}

// Restore begins with what an earlier engine with the same rules and site left.
// The caller then gives every transaction and login after c.MemoryAt again (older
// ones are ignored), and calls Restored, or goes on with new rows. The error says
// that the checkpoint cannot be read; a new engine and all rows are the remedy.
//
// It empties c as it goes: both at once would be the most memory that an agent needs.
func (e *Engine) Restore(c Checkpoint) error {
	e.judge.restoreTurn(c.Turn, c.TurnAt)
	for i, m := range c.Memory {
		if err := e.judge.restoreMemory(m); err != nil {
			return err
		}
		c.Memory[i] = Memory{}
	}
	e.judge.packMemory()
	if err := e.judge.restoreCases(c.Cases); err != nil {
		return err
	}
	for i, p := range c.Profiles {
		if err := e.judge.restoreProfile(p); err != nil {
			return err
		}
		c.Profiles[i] = Profile{}
	}
	e.until, e.swept, e.memoryAt = c.Until, c.Until, c.MemoryAt
	e.replaying = true
	return nil
}

// Replayed says, between Restore and Restored, that all rows up to a time were given
// again, so that they need not wait for Restored. One that comes nevertheless is late.
func (e *Engine) Replayed(upTo mail.Time) {
	if upTo = min(upTo, e.until); e.replaying && upTo > e.replayed {
		e.judgeUpTo(upTo, true)
		e.replayed = upTo
	}
}

// Restored ends the replay after Restore: from now on a row up to Until is late.
// The rows of the replay fill windows and memory and are not judged again; those
// after Until wait for Advance. Advance, Take and Preview call it too.
func (e *Engine) Restored() {
	if !e.replaying {
		return
	}
	e.replaying, e.replayed = false, 0
	e.judgeUpTo(e.until, true)
	e.buffer = slices.Clone(e.buffer[e.head:]) // A replay takes far more memory than rows that come.
	e.head = 0
}
