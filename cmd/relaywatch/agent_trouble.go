package main

import (
	"errors"
	"maps"
	"time"

	"github.com/rs/zerolog"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// trouble is something that is wrong now, or was a moment ago.
type trouble struct {
	Text  string
	Since time.Time
	Well  time.Time     // Since when it is right again; zero: it is wrong.
	Calm  time.Duration // How long it must be right for that to be said.
}

// ended is trouble that was said to have healed.
type ended struct {
	at   time.Time
	calm time.Duration // That it took.
}

// Trouble that comes again within soon had not ended, as on a disk that is full but for
// what SQLite frees now and then: from then on it must be over for leastCalm, and each
// time for twice as long, before it is said to have healed.
const (
	soon      = time.Minute
	leastCalm = 2 * time.Second
	mostCalm  = 5 * time.Minute
)

// calmAt is how long trouble must be over that comes again now.
func (e ended) calmAt(now time.Time) time.Duration {
	if now.Sub(e.at) > max(soon, 2*e.calm) {
		return 0
	}
	return min(max(leastCalm, 2*e.calm), mostCalm)
}

// lastSeen is what the agent did last.
type lastSeen struct {
	Batch   time.Time // Clock time of the last batch stored.
	Row     mail.Time // Event time of its front.
	Finding mail.Time // Event time of the newest finding.
	Rows    int64     // Stored since the start.
	Found   int64     // Findings since the start.
	OnWatch *int      // Submitters, as the store has them; nil before the first judgement.
}

// say tells of trouble once, until it heals; warn does so of what needs no hand.
func (a *agent) say(what string, err error)  { a.tell(zerolog.ErrorLevel, what, err) }
func (a *agent) warn(what string, err error) { a.tell(zerolog.WarnLevel, what, err) }

func (a *agent) tell(level zerolog.Level, what string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.troubleAt(time.Now(), what, err.Error()) {
		return
	}
	a.p.log.WithLevel(level).Str("what", what).Msg(visibleLines(err.Error()))
	a.reportSoon()
	a.keeper.ready() // A start that waits for it must not take the trouble for slowness.
}

// troubleAt notes trouble, and tells whether it is to be said.
func (a *agent) troubleAt(now time.Time, what, text string) bool {
	t, going := a.trouble[what]
	if going && t.Text == text {
		t.Well = time.Time{}
		a.trouble[what] = t
		return false
	}
	if !going {
		t.Calm = a.ended[what].calmAt(now)
	}
	a.trouble[what] = trouble{Text: text, Since: now, Calm: t.Calm}
	return true
}

// heal tells that trouble ended.
func (a *agent) heal(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.healAt(time.Now(), what)
}

// calmDown tells of trouble that has been over for long enough by now.
func (a *agent) calmDown(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for what, t := range a.trouble {
		if !t.Well.IsZero() {
			a.healAt(now, what)
		}
	}
	maps.DeleteFunc(a.ended, func(_ string, e ended) bool { return e.calmAt(now) == 0 })
}

func (a *agent) healAt(now time.Time, what string) {
	t, ok := a.trouble[what]
	if !ok {
		return
	}
	if t.Well.IsZero() {
		t.Well = now
		a.trouble[what] = t
	}
	if now.Sub(t.Well) < t.Calm {
		return
	}
	delete(a.trouble, what)
	a.ended[what] = ended{now, t.Calm}
	a.p.log.Info().Str("what", what).Dur("after", t.Well.Sub(t.Since).Round(time.Second)).Msg("healed")
	a.reportSoon()
}

// troubled tells whether something is wrong.
func (a *agent) troubled(what string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.trouble[what]
	return ok
}

// reportSoon has the report written before its time comes.
func (a *agent) reportSoon() {
	select {
	case a.news <- struct{}{}:
	default: // It is to be written already.
	}
}

// logProblem tells what is wrong with a log; nil is that it healed.
func (a *agent) logProblem(path string, err error) {
	if err == nil {
		a.heal("log " + path)
		return
	}
	a.say("log "+path, errors.New(problemText(path, err)))
}

func (a *agent) seen(b *ingest.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last.Batch, a.last.Row = time.Now(), b.Front
	a.last.Rows += b.Rows
}

// finds notes what was found, with a batch or when one was judged later.
func (a *agent) finds(line *pipeline) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last.Found = int64(len(line.found))
	for k := range line.found {
		a.last.Finding = max(a.last.Finding, k.at)
	}
}

// watches notes who is on watch, as it was just stored.
func (a *agent) watches(list []detect.Watched) {
	who := map[mail.Submitter]bool{} // Some are so by several rules.
	for i := range list {
		who[list[i].Submitter] = true
	}
	n := len(who)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last.OnWatch = &n
}
