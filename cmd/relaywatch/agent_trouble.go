package main

import (
	"errors"
	"time"

	"github.com/rs/zerolog"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// trouble is something that is wrong now.
type trouble struct {
	Text  string
	Since time.Time
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
	if t, ok := a.trouble[what]; ok && t.Text == err.Error() {
		return
	}
	a.trouble[what] = trouble{err.Error(), time.Now()}
	a.p.log.WithLevel(level).Str("what", what).Msg(visibleLines(err.Error()))
	a.reportSoon()
	a.keeper.ready() // A start that waits for it must not take the trouble for slowness.
}

// heal tells that trouble ended.
func (a *agent) heal(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.trouble[what]; ok {
		delete(a.trouble, what)
		a.p.log.Info().Str("what", what).Dur("after", time.Since(t.Since).Round(time.Second)).Msg("healed")
		a.reportSoon()
	}
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

func (a *agent) seen(b *ingest.Batch, line *pipeline) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last.Batch, a.last.Row = time.Now(), b.Front
	a.last.Rows += b.Rows
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
