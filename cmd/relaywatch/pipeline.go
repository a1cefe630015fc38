package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// pipeline is the way of a line: reader, judge, store.
type pipeline struct {
	db    *store.DB
	alive func() // Optional; called while all is judged anew, which takes its time.
	waits int    // Takes the place of maxWaiting, for tests.
	rules []*detect.Rule
	site  detect.Site // With what people decided.

	configured detect.Site // Without it.

	engine *detect.Engine
	by     string    // What judges: a fingerprint of rules and site.
	anew   bool      // All that is stored must be judged anew at the end.
	spoilt error     // Why it must, though nothing changed: what the last judgement left can't be read.
	until  mail.Time // Up to where the store's last judgement went.
	found  map[findingKey]bool

	// New rows of the views of the same name.
	transactions, recipients, quarantined int64
}

type findingKey struct {
	rule      string
	submitter mail.Submitter
	at        mail.Time
}

// How much is in flight: rows in a Batch, of which one is read, one judged, one written,
// and some wait between these, so that a Batch that takes longer than others holds up no
// stage but its own; and after how many Batches the findings so far are stored. Until then
// a stop costs judging them again, nothing else.
const (
	batchRows   = 10_000
	waitToJudge = 2
	waitToWrite = 1
	judgeEvery  = 90
)

// maxWaiting is how many rows may wait in an engine that judges anew, some 50 MB: an hour
// of a busy server whose clock was set back, but not a store to which old logs come.
const maxWaiting = 50_000

func (p *pipeline) room() int { return cmp.Or(p.waits, maxWaiting) }

// newPipeline makes the engine go on where the store's last judgement ended. Rules
// or a site that differ from those of last time judge everything anew, and so does a
// state that can't be read: it holds nothing that the stored rows do not tell.
func newPipeline(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, site detect.Site) (*pipeline, error) {
	p := &pipeline{db: db, rules: ruleSet, configured: site, found: map[findingKey]bool{}}
	var err error
	if p.site, err = decided(ctx, db, ruleSet, site); err != nil {
		return nil, err
	}
	if p.by, err = fingerprint(ruleSet, p.site); err != nil {
		return nil, err
	}
	if p.engine, err = detect.NewEngine(ruleSet, p.site); err != nil {
		return nil, err
	}
	if err := db.SetOwnDomains(ctx, site.OwnDomains); err != nil {
		return nil, err
	}
	c, err := db.Checkpoint(ctx)
	p.until = c.Until
	switch {
	case errors.Is(err, store.ErrCheckpoint):
		p.anew, p.spoilt = true, err
		return p, nil
	case err != nil:
		return nil, err
	case c.By != p.by && c.Until != 0:
		p.anew = true
		return p, nil
	}
	if err := p.restore(ctx, c, judgeEach); err != nil || !p.engine.Late() {
		return p, err
	}
	// A clock was put back meanwhile. The engine has emptied the checkpoint.
	if c, err = db.Checkpoint(ctx); err != nil {
		return nil, err
	}
	if p.engine, err = detect.NewEngine(ruleSet, p.site); err != nil {
		return nil, err
	}
	return p, p.restore(ctx, c, math.MaxInt)
}

// restore makes the engine go on from a checkpoint, if it can be read. So many rows are
// replayed at a time: only these are in memory.
func (p *pipeline) restore(ctx context.Context, c detect.Checkpoint, each int) error {
	if err := p.engine.Restore(c); err != nil {
		p.anew, p.spoilt = true, err
		return nil
	}
	n := 0
	given := func(at mail.Time) {
		if n++; n%each == 0 {
			p.engine.Replayed(at.Add(-detect.Grace)) // Rows come in order, but for disorder within the log.
		}
	}
	err := p.db.Replay(ctx, c.MemoryAt,
		func(t mail.Transaction) { p.engine.Transaction(t); given(t.At) },
		func(l mail.Login) { p.engine.Login(l); given(l.At) },
		func(d mail.Delivery) { p.engine.Delivery(d); given(d.RepliedAt) })
	p.engine.Restored()
	return err
}

// whySpoilt says it for people; nil if nothing is.
func (p *pipeline) whySpoilt() error {
	if p.spoilt == nil {
		return nil
	}
	return fmt.Errorf("what the last judgement left can't be read, so all stored mail is judged anew; nothing is lost: %w", p.spoilt)
}

// show stores what is found for the time being.
func (p *pipeline) show(ctx context.Context) error {
	preview := p.engine.Preview()
	p.count(preview)
	return p.db.WriteJudgement(ctx, preview)
}

// step is what one Batch gives to write.
type step struct {
	batch     *ingest.Batch
	judgement *detect.Judgement // nil if it is not its turn.
}

// run reads everything new, judges it and stores it: three stages, each beside the
// others, since each takes about as much time. All see the Batches in one order, so
// that the store is as if it had been done one after the other.
func (p *pipeline) run(ctx context.Context, reader *ingest.Reader) (ingest.Result, error) {
	batches := make(chan *ingest.Batch, waitToJudge) // Each channel is closed by its one sender.
	steps := make(chan step, waitToWrite)
	g, all := errgroup.WithContext(ctx)
	var result ingest.Result
	var problems error // Of single logs: what was read of the others counts.
	var front mail.Time
	g.Go(func() error {
		defer close(batches)
		var err error
		result, err = reader.Run(all, func(ctx context.Context, b *ingest.Batch) error { return hand(ctx, batches, b) })
		if all.Err() != nil {
			return all.Err()
		}
		problems = err
		return nil
	})
	g.Go(func() error {
		defer close(steps)
		n := 0
		for b := range batches {
			n++
			front = max(front, b.Front)
			if err := hand(all, steps, step{batch: b, judgement: p.judge(b, n%judgeEvery == 0)}); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error { return p.write(all, steps) })
	if err := g.Wait(); err != nil {
		return result, err
	}
	return result, joinFirst(p.finish(ctx, front), problems)
}

// hand passes something on to the next stage, unless that has ended.
func hand[T any](ctx context.Context, to chan<- T, what T) error {
	select {
	case to <- what:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the one writer.
func (p *pipeline) write(ctx context.Context, steps <-chan step) error {
	for s := range steps {
		if err := p.db.Write(ctx, s.batch); err != nil {
			return err
		}
		if s.judgement != nil {
			if err := p.db.WriteJudgement(ctx, *s.judgement); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge gives a Batch to the engine. It returns what was found if take is set.
func (p *pipeline) judge(b *ingest.Batch, take bool) *detect.Judgement {
	p.tally(b)
	if p.anew {
		return nil
	}
	p.feed(b)
	if p.anew {
		return nil
	}
	p.engine.Advance(b.Front.Add(-detect.Grace))
	if !take {
		return nil
	}
	j := p.take()
	return &j
}

// feed gives the rows of a Batch to the engine. If some are older than what it judged
// for good, all must be judged anew; until then what it finds lacks only those.
func (p *pipeline) feed(b *ingest.Batch) {
	give(p.engine, b)
	p.anew = p.anew || p.engine.Late()
}

// give gives the rows of a Batch to an engine.
func give(e *detect.Engine, b *ingest.Batch) {
	for i := range b.Transactions {
		e.Transaction(b.Transactions[i])
	}
	for _, l := range b.Logins {
		e.Login(l)
	}
	for i := range b.Deliveries {
		e.Delivery(b.Deliveries[i])
	}
}

// tally counts what a Batch adds to the views.
func (p *pipeline) tally(b *ingest.Batch) {
	for i := range b.Transactions {
		t := &b.Transactions[i]
		if t.Hop {
			continue
		}
		if !t.Continued {
			p.transactions++
		}
		if t.Direction == mail.In {
			p.recipients += int64(len(t.Recipients))
		}
	}
	p.quarantined += int64(len(b.Rejects))
}

// finish judges what the last rows allow, and shows what they suggest.
func (p *pipeline) finish(ctx context.Context, front mail.Time) error {
	j, err := p.judgeAnew(ctx, front)
	if err != nil {
		return err
	}
	if err := p.db.WriteJudgement(ctx, j); err != nil {
		return err
	}
	return p.show(ctx)
}

// judgeAnew judges all that is stored, if that is needed, and returns what is new
// since the last take.
func (p *pipeline) judgeAnew(ctx context.Context, front mail.Time) (detect.Judgement, error) {
	until := front.Add(-detect.Grace)
	if !p.anew {
		p.engine.Advance(until)
		return p.take(), nil
	}
	engine, err := p.replayAll(ctx, until, until)
	if err != nil {
		return detect.Judgement{}, err
	}
	return p.adopt(engine), nil
}

// replayAll makes a new engine judge all that is stored up to a time, or up to the latest
// if else more would wait in it than it has room for. The pipeline stays as it is, and may
// be used meanwhile for what comes.
func (p *pipeline) replayAll(ctx context.Context, until, latest mail.Time) (*detect.Engine, error) {
	engine, err := p.replay(ctx, until, latest, judgeEach)
	if err == nil && engine.Late() { // A clock was put back meanwhile.
		engine, err = p.replay(ctx, until, latest, math.MaxInt)
	}
	return engine, err
}

// adopt goes on with an engine that judged all that is stored, and returns all it found.
func (p *pipeline) adopt(engine *detect.Engine) detect.Judgement {
	p.engine, p.anew = engine, false
	j := p.take()
	j.Reset = true
	return j
}

// replay makes a new engine judge what is stored up to a time, so many transactions
// and logins at a time. What is later waits in it, see replayAll.
func (p *pipeline) replay(ctx context.Context, until, latest mail.Time, each int) (*detect.Engine, error) {
	engine, err := detect.NewEngine(p.rules, p.site)
	if err != nil {
		return nil, err
	}
	return engine, stored{db: p.db, until: until, ahead: true, latest: latest, room: p.room(), each: each, alive: p.alive}.judge(ctx, engine)
}

func (p *pipeline) take() detect.Judgement {
	j := p.engine.Take()
	j.By = p.by
	p.count(j)
	return j
}

// count notes findings by their key, since one may be handed out several times.
func (p *pipeline) count(j detect.Judgement) {
	for _, f := range j.Findings {
		p.found[findingKey{f.Rule, f.Submitter, f.FlaggedAt}] = true
	}
}

func joinFirst(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
