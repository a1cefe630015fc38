package main

import (
	"context"
	"time"

	"relaywatch/detect"
	"relaywatch/ingest"
)

// catchUp does before anything is read what whoever reads for ever has no end to do it
// at: it judges anew where rules or site changed, and shows what is found in rows whose
// run ended when they were stored and not yet judged, since no row may ever follow them.
// Others on the host go first.
func (l *live) catchUp(ctx context.Context, f *ingest.Follower) error {
	var engine *detect.Engine
	if l.line.anew {
		err := f.LookAhead(ctx)
		if err == nil {
			engine, err = l.line.replayAll(ctx, l.line.until, l.line.until)
		}
		l.yielding.end()
		switch {
		case ctx.Err() != nil:
			return nil // What was under way is left to the next start.
		case err != nil:
			return err
		}
	}
	l.judging.Lock()
	defer l.judging.Unlock()
	l.catchingUp = false
	if err := l.adopt(ctx, engine); err != nil {
		return err
	}
	l.agent.heal("judgement")
	l.agent.heal("store")
	return nil
}

// judgeAnew judges all that is stored anew, if late rows want it; it is put off if it was
// done lately, and while more waits in the logs, which may be as late: but not for longer
// than the engine has room for what it can't judge until then. Whoever reads the logs calls it, so that no row is stored meanwhile.
func (l *live) judgeAnew(ctx context.Context, more bool) error {
	began := time.Now()
	l.judging.Lock()
	due := l.line.anew && l.anew.due(began) && l.ahead.due(began) && (!more || l.line.engine.Waiting() > l.line.room())
	l.replacing = due && !more
	until, latest := l.front.Add(-detect.Grace), l.reader.Add(-detect.Grace)
	l.judging.Unlock()
	if !due {
		return nil
	}
	engine, err := l.line.replayAll(ctx, until, latest)
	l.anew.did(began, l.agent.judgeDelay())
	l.judging.Lock()
	defer l.judging.Unlock()
	l.replacing = false
	switch {
	case ctx.Err() != nil:
		return nil // The end does it, or the next start.
	case err != nil:
		return err
	}
	return l.adopt(ctx, engine)
}

// adopt goes on with an engine that judged all anew, unless it is nil, and shows what is
// found for the time being. The caller holds l.judging.
func (l *live) adopt(ctx context.Context, engine *detect.Engine) error {
	l.owed, l.ahead = true, pace{}
	if engine == nil {
		return l.tell(ctx, nil)
	}
	j := l.line.adopt(engine)
	return l.tell(ctx, &j)
}

// Looking at the ends of logs takes a tenth of the time in which all is judged anew, but
// is not put off for longer than maxLookPause.
const maxLookPause = 15 * time.Second

// meanwhile is called while all is judged anew, by whoever does it: the agent says that it
// is not stuck, lets others go first, and judges what is written at the ends of logs, see ahead. These rows are
// stored in their turn, so that what is judged anew is all that is stored.
func (l *live) meanwhile(ctx context.Context, f *ingest.Follower) {
	l.yielding.step(ctx)
	l.agent.keeper.alive()
	began := time.Now()
	if ctx.Err() != nil || began.Before(l.nextLook) {
		return
	}
	if err := f.LookAhead(ctx); err != nil {
		l.cancel(err)
	}
	now := time.Now()
	l.nextLook = now.Add(min(9*now.Sub(began), maxLookPause))
}

// previewBeside shows what was found ahead of its turn beside what the store shows already.
func (l *live) previewBeside(ctx context.Context) error {
	j := detect.Judgement{Provisional: true, Beside: true}
	l.early.show(&j)
	if len(j.Findings)+len(j.Episodes) == 0 {
		return nil
	}
	l.line.count(j)
	return l.db.WriteJudgement(ctx, j)
}
