package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// live is one stretch of following with one configuration.
type live struct {
	agent   *agent
	db      *store.DB
	hearing *hearing
	cancel  context.CancelCauseFunc
	stuck   atomic.Bool // The end came while the store could not take what was read.

	yielding yielding

	anew     pace      // Of judging all anew. This and nextLook are of the goroutine that reads the logs.
	nextLook time.Time // At the ends of logs meanwhile.

	judging sync.Mutex // Guards what follows: sink and settle judge.
	line    *pipeline
	judged  time.Time // Clock time of the last final judgement.
	taken   mail.Time // Of that, as front.
	shown   bool      // The store may hold provisional findings.
	reader  mail.Time // Front of the last batch.
	front   mail.Time // Up to where that lets rows be judged: see frontOf.
	bound   mail.Time // See frontOf; 0 while no row comes late.
	ahead   pace      // Of previews.
	owed    bool      // A preview was put off.
	early   *ahead    // nil while nothing is judged ahead of its turn.

	replacing bool                 // All is read, and judged anew: line.engine is that until now.
	read      map[mail.LogID]int64 // Up to where logs had their turn, of those that grew.

	catchingUp bool // See catchUp; written by the goroutine that reads the logs.

	looked atomic.Bool // All logs were looked at once, and what was found is stored and judged.
}

// run follows until ctx is done, the store fails or the configuration changes.
func (l *live) run(ctx context.Context, f *ingest.Follower) error {
	a := l.agent
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.cancel = cancel
	first := sync.OnceFunc(func() { // Before, it knows of no logs.
		l.looked.Store(true)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.follower = f
	})
	f.Looked = func() {
		first()
		a.works()
		if err := l.judgeAnew(both, false); err != nil {
			cancel(err)
		}
		l.yielding.end()
	}
	l.line.alive = func() { l.meanwhile(both, f) }
	settled := *a.p // A changed configuration ends this stretch.
	mails := func(ctx context.Context) { l.mails(ctx, &settled) }
	alerts := func(ctx context.Context) { l.alerts(ctx, &settled) }
	var beside sync.WaitGroup
	begin := func(tasks ...func(context.Context)) {
		for _, task := range tasks {
			beside.Go(func() { task(both) })
		}
	}
	l.catchingUp = true
	begin(l.settle, alerts)
	err := l.catchUp(both, f)
	if err == nil && !l.catchingUp {
		begin(l.look, l.inspect, l.listen, l.rest, mails)
		err = f.Run(both, l.sink)
	}
	l.yielding.end()
	cause := context.Cause(both)
	cancel(nil)
	beside.Wait() // The store is closed after this.
	switch {
	case err != nil:
		return err
	case ctx.Err() == nil && !errors.Is(cause, errReload):
		return cause // What goes on beside failed.
	case !l.catchingUp && !l.stuck.Load():
		err = l.end(context.WithoutCancel(ctx))
	}
	switch {
	case ctx.Err() == nil && err == nil:
		return errReload
	case ctx.Err() == nil:
		return err
	case err != nil:
		a.say("store", err)
	}
	return nil
}

// end stores what was found last, as far as the reader's front allows. Late rows that would take too long to judge are
// left to the next start: the store notes that they wait.
func (l *live) end(ctx context.Context) error {
	quick, cancel := context.WithTimeout(ctx, stopWithin/2)
	defer cancel()
	j, err := l.line.judgeAnew(quick, l.reader)
	switch {
	case quick.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	if err := l.db.WriteJudgement(ctx, j); err != nil {
		return err
	}
	return l.preview(ctx, len(j.Watched) == 0)
}

// patience is how long another program may hold the store before that is said: the
// agent asks again itself, and must be able to stop meanwhile.
const patience = 2 * time.Second

// persist stores something. A store that can't take it now is asked again until it
// can. It returns false if ctx was done before: nothing is lost then, since cursors
// did not move and the next start judges again.
func (l *live) persist(ctx context.Context, write func(context.Context) error) (bool, error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := l.db.SameFile()
		if err == nil {
			err = write(context.WithoutCancel(ctx))
		}
		switch {
		case err == nil:
			l.agent.heal("store")
			return true, nil
		case !store.Temporary(err):
			return false, err
		}
		l.agent.say("store", err)
		if !sleep(ctx, wait) {
			l.stuck.Store(true)
			return false, nil
		}
		l.agent.keeper.alive()
	}
}

// look does what comes round: it takes on a changed configuration, and prunes.
func (l *live) look(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(l.agent.p.lookEvery, reloadEvery))
	defer tick.Stop()
	prune := time.NewTimer(l.agent.pruneAfter())
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			l.prune(ctx)
			prune.Reset(pruneEvery)
		case <-tick.C:
			if l.agent.reloadIfChanged() || l.decisionsChanged(ctx) {
				l.cancel(errReload)
				return
			}
		}
	}
}

// decisionsChanged tells whether people decided something that judges otherwise. What
// can't be read now is asked again the next time; the writer says why it can't be.
func (l *live) decisionsChanged(ctx context.Context) bool {
	changed, err := l.line.decisionsChanged(ctx)
	if err != nil || !changed {
		return false
	}
	l.agent.p.log.Info().Msg("people decided something: all stored mail is judged anew")
	return true
}

// pruneAfter is when to prune first: not before a host's clock has been set by the
// network's, as it is some time after the host has started.
func (a *agent) pruneAfter() time.Duration {
	return cmp.Or(a.p.pruneAfter, max(10*time.Minute-time.Since(a.started), 0))
}

// wrongClock is how far rows may be ahead of this host's clock before that is said.
const wrongClock = time.Hour

// trustedNow is the time of this host, which a clock that jumps ahead while the agent
// runs does not change: it would have the whole store pruned.
func (a *agent) trustedNow() mail.Time {
	ran := a.started.Add(time.Since(a.started)) // By the monotonic clock.
	return mail.Time(min(ran.Unix(), time.Now().Unix()))
}

// prune removes rows and alerts that are too old. It takes small steps, between which
// rows are stored.
func (l *live) prune(ctx context.Context) {
	keep, err := l.agent.p.config.keep()
	if err != nil {
		return
	}
	now := l.agent.trustedNow()
	var pruned store.Pruned
	if err = l.db.ForgetAlerts(ctx, now); err == nil && keep != (store.Keep{}) {
		pruned, err = l.db.Prune(ctx, keep, now)
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, store.ErrDamaged):
		l.cancel(err)
	case err != nil:
		l.agent.say("prune", err)
	default:
		if ahead := pruned.Newest.Sub(now); ahead > wrongClock {
			l.agent.warn("prune", fmt.Errorf("the newest row is of %s, in %s: a server's clock runs ahead, or the one of this host is behind; "+
				"store.keep is counted from this host's clock meanwhile", pruned.Newest, span(ahead.Round(time.Hour))))
		} else {
			l.agent.heal("prune")
		}
		if pruned.Transactions > 0 {
			l.agent.p.log.Info().Int64("transactions", pruned.Transactions).Str("before", pruned.Before.String()).Msg("old rows removed")
		}
		if pruned.Forgotten > 0 {
			l.agent.p.log.Info().Int64("recipients", pruned.Forgotten).Msg("old addresses removed")
		}
	}
}
