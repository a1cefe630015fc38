package main

import (
	"context"
	"fmt"
	"time"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// pace puts off what is dear: after it, nine times as long passes as it took, so that
// it takes a tenth of the time at the most.
type pace struct {
	took time.Duration
	next time.Time
}

func (p *pace) due(now time.Time) bool { return !now.Before(p.next) }

func (p *pace) did(began time.Time, least time.Duration) {
	now := time.Now()
	p.took = now.Sub(began)
	p.next = now.Add(max(least, 9*p.took))
}

// judgeDelay is the least time between judgements for good: what is found for the
// time being comes with every batch.
func (a *agent) judgeDelay() time.Duration {
	if a.p.judgeDelay > 0 {
		return a.p.judgeDelay
	}
	return 10 * time.Second
}

const (
	settleEvery  = 250 * time.Millisecond // How often the agent looks for what was put off.
	cheapPreview = 50 * time.Millisecond  // What takes less is not put off.
	farBehind    = 30 * time.Minute       // Rows that come later than this are said.
)

// sink stores a batch, judges it, and shows what was found.
func (l *live) sink(ctx context.Context, b *ingest.Batch) error {
	stored, err := l.take(ctx, b)
	if err != nil || !stored {
		return err
	}
	more := b.Rows >= l.yielding.full
	if err := l.judgeAnew(ctx, more); err != nil {
		return err
	}
	if more {
		l.yielding.step(ctx)
	}
	return nil
}

// take stores a batch and gives it to the engine. Nothing is judged between the two: a
// judgement that is taken before late rows are stored, and stored after them, would undo
// the store's note that they wait to be judged.
func (l *live) take(ctx context.Context, b *ingest.Batch) (stored bool, err error) {
	l.judging.Lock()
	defer l.judging.Unlock()
	stored, err = l.persist(ctx, func(ctx context.Context) error { return l.db.Write(ctx, b) })
	if err != nil || !stored {
		return false, err
	}
	l.heard(b)
	l.agent.works()
	l.line.tally(b)
	l.line.feed(b)
	l.reader, l.front = b.Front, l.frontOf(b)
	l.sayLate()
	l.early = l.early.passed(b)
	for i := range b.Logs {
		l.read[b.Logs[i].ID] = b.Logs[i].ReadBytes
	}
	l.owed = true
	if err := l.judge(ctx); err != nil {
		return false, err
	}
	l.agent.seen(b)
	return true, nil
}

// settle judges what sink has put off.
func (l *live) settle(ctx context.Context) {
	for sleep(ctx, settleEvery) {
		l.judging.Lock()
		var err error
		if l.owed || l.front > l.taken {
			err = l.judge(ctx)
		}
		l.judging.Unlock()
		if err != nil {
			l.cancel(err)
			return
		}
	}
}

// judge stores what was found: for good what the front allows, the rest for the time
// being. While all is to be judged anew what it shows lacks the late rows. The caller
// holds l.judging.
func (l *live) judge(ctx context.Context) error { return l.tell(ctx, l.final()) }

// tell stores a judgement, if there is one, and what was found for the time being. The
// caller holds l.judging.
func (l *live) tell(ctx context.Context, j *detect.Judgement) error {
	defer func() { l.agent.finds(l.line) }()
	if j != nil {
		stored, err := l.persist(ctx, func(ctx context.Context) error { return l.db.WriteJudgement(ctx, *j) })
		if err != nil || !stored {
			return err
		}
		l.agent.watches(j.Watched)
		l.judged, l.taken, l.owed = time.Now(), l.front, true
		l.shown = l.shown || len(j.Watched) > 0
	}
	if !l.line.anew && l.bound == 0 {
		l.agent.heal("clock")
	}
	began := time.Now()
	if !l.owed || !l.ahead.due(began) {
		return nil
	}
	l.owed = false
	stored, err := l.persist(ctx, func(ctx context.Context) error { return l.preview(ctx, j != nil && len(j.Watched) == 0) })
	if took := time.Since(began); stored && took > cheapPreview {
		l.ahead.did(began, 0)
	}
	return err
}

// final judges for good; nil if it is not the time for that.
func (l *live) final() *detect.Judgement {
	now := time.Now()
	if !l.ahead.due(now) || l.line.anew {
		return nil // The store would lose what it shows for the time being.
	}
	l.line.engine.Advance(l.front.Add(-detect.Grace))
	if now.Sub(l.judged) < l.agent.judgeDelay() {
		return nil
	}
	j := l.line.take()
	return &j
}

// preview shows what rests on rows that others may still precede. The store drops
// it with the next judgement, so it is stored again after one.
func (l *live) preview(ctx context.Context, dropped bool) error {
	if l.catchingUp {
		return l.previewBeside(ctx)
	}
	j := l.line.engine.Preview()
	l.early.show(&j)
	some := len(j.Findings)+len(j.Episodes)+len(j.Watched) > 0
	if !some && (!l.shown || dropped) {
		l.shown = false
		l.agent.watches(nil)
		return nil
	}
	l.shown = some
	l.line.count(j)
	if err := l.db.WriteJudgement(ctx, j); err != nil {
		return err
	}
	l.agent.watches(j.Watched)
	return nil
}

// frontOf is up to where b lets rows be judged for good. After rows came late it is
// the newest row since, until that has caught up: a server whose clock was set back
// writes on from there, and its every row would be late again.
func (l *live) frontOf(b *ingest.Batch) mail.Time {
	if l.line.anew || l.bound != 0 {
		l.bound = max(l.bound, newestOf(b))
	}
	if l.bound.Add(detect.Grace) >= b.Front {
		l.bound = 0
	}
	if l.bound != 0 {
		return l.bound
	}
	return b.Front
}

// newestOf is the time of the newest row of mail in b; 0 if there is none.
func newestOf(b *ingest.Batch) (newest mail.Time) {
	for i := range b.Transactions {
		t := &b.Transactions[i]
		newest = max(newest, t.At, t.EndAt)
		if n := len(t.Recipients); n > 0 {
			newest = max(newest, t.Recipients[n-1].At)
		}
	}
	for i := range b.Logins {
		newest = max(newest, b.Logins[i].At)
	}
	return newest
}

// sayLate says once that rows come far behind others.
func (l *live) sayLate() {
	if l.bound == 0 || l.reader.Sub(l.bound) < farBehind || l.agent.troubled("clock") {
		return
	}
	l.agent.warn("clock", fmt.Errorf("rows of %s came after rows of %s: a server's clock was set back or had run ahead, or its log comes late; "+
		"nothing is lost, but late rows are judged only every now and then", l.bound, l.reader))
}
