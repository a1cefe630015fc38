package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"relaywatch/ingest"
	"relaywatch/store"
)

// live is one stretch of following with one configuration.
type live struct {
	agent  *agent
	db     *store.DB
	line   *pipeline
	cancel context.CancelCauseFunc
	judged time.Time // Clock time of the last final judgement.
	shown  bool      // The store holds provisional findings.
	stuck  bool      // The end came while the store could not take what was read.

	looked atomic.Bool // All logs were looked at once, and what was found is stored and judged.
}

// run follows until ctx is done, the store fails or the configuration changes.
func (l *live) run(ctx context.Context, f *ingest.Follower) error {
	a := l.agent
	a.mu.Lock()
	a.follower = f
	a.mu.Unlock()
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.cancel = cancel
	f.Looked = func() { l.looked.Store(true) }
	settled := *a.p // A changed configuration ends this stretch.
	mails := func(ctx context.Context) { l.mails(ctx, &settled) }
	var beside []chan struct{}
	for _, task := range []func(context.Context){l.look, l.inspect, mails} {
		done := make(chan struct{})
		beside = append(beside, done)
		go func() {
			defer close(done)
			task(both)
		}()
	}
	err := f.Run(both, l.sink)
	cause := context.Cause(both)
	cancel(nil)
	for _, done := range beside { // The store is closed after this.
		<-done
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() == nil && !errors.Is(cause, errReload):
		return cause // The file is damaged.
	case !l.stuck:
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

// end stores what was found last. What was to be judged anew still is: the store
// knows it.
func (l *live) end(ctx context.Context) error {
	if l.line.anew {
		return nil
	}
	if err := l.db.WriteJudgement(ctx, l.line.take()); err != nil {
		return err
	}
	return l.preview(ctx, true)
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
			l.stuck = true
			return false, nil
		}
	}
}

// sink stores a batch, judges it, and shows what was found.
func (l *live) sink(ctx context.Context, b *ingest.Batch) error {
	stored, err := l.persist(ctx, func(ctx context.Context) error { return l.db.Write(ctx, b) })
	if err != nil || !stored {
		return err
	}
	return l.judge(ctx, b)
}

func (l *live) judge(ctx context.Context, b *ingest.Batch) error {
	now := time.Now()
	take := now.Sub(l.judged) >= judgeDelay
	j := l.line.judge(b, take)
	if l.line.anew { // Rows came that are older than what was judged for good.
		again, err := l.line.judgeAnew(ctx, b.Front)
		if err != nil {
			return err
		}
		j = &again
	}
	if j != nil {
		stored, err := l.persist(ctx, func(ctx context.Context) error { return l.db.WriteJudgement(ctx, *j) })
		if err != nil || !stored {
			return err
		}
		l.judged = now
	}
	stored, err := l.persist(ctx, func(ctx context.Context) error { return l.preview(ctx, j != nil) })
	if err != nil || !stored {
		return err
	}
	l.agent.seen(b, l.line)
	return nil
}

// preview shows what rests on rows that others may still precede. The store drops
// it with the next judgement, so it is stored again after one.
func (l *live) preview(ctx context.Context, dropped bool) error {
	j := l.line.engine.Preview()
	some := len(j.Findings)+len(j.Episodes) > 0
	if !some && (!l.shown || dropped) {
		l.shown = false
		return nil
	}
	l.shown = some
	l.line.count(j)
	return l.db.WriteJudgement(ctx, j)
}

// look does what comes round: it takes on a changed configuration, and prunes.
func (l *live) look(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	l.prune(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			l.prune(ctx)
		case <-tick.C:
			if l.agent.reloadIfChanged() {
				l.cancel(errReload)
				return
			}
		}
	}
}

// prune removes rows that are too old. It takes small steps, between which rows are
// stored.
func (l *live) prune(ctx context.Context) {
	keep, err := l.agent.p.config.keep()
	if err != nil || keep == 0 {
		return
	}
	pruned, err := l.db.Prune(ctx, keep)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, store.ErrDamaged):
		l.cancel(err)
	case err != nil:
		l.agent.say("prune", err)
	default:
		l.agent.heal("prune")
		if pruned.Transactions > 0 {
			l.agent.p.log.Info().Int64("transactions", pruned.Transactions).Str("before", pruned.Before.String()).Msg("old rows removed")
		}
	}
}
