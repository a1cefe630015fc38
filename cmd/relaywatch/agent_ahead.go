package main

import (
	"context"
	"maps"
	"slices"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// ahead judges what is written at the ends of logs while a backlog is read, so that
// nobody who sends spam now waits for the mail of a year to be judged. It knows these
// rows alone and judges them as the first of a log, of which nobody knows what is usual:
// quietly, see detect. What it finds is shown for the time being, until the rows had
// their turn.
type ahead struct {
	engine   *detect.Engine
	findings map[findingKey]detect.Finding
	episodes map[episodeKey]detect.Episode
	ends     map[mail.LogID]int64 // Up to where logs were read ahead, of those that are not read so far in their turn.
}

type episodeKey struct {
	submitter mail.Submitter
	first     mail.Time
}

// sinkAhead judges what is read ahead; nil says that all of it had its turn. An engine that
// is about to be replaced takes it, too: it knows what came before, and who is in the middle
// of an attack needs not begin anew to be seen.
func (l *live) sinkAhead(ctx context.Context, b *ingest.Batch) error {
	l.judging.Lock()
	defer l.judging.Unlock()
	if b == nil {
		l.early, l.owed = nil, true
		return l.judge(ctx)
	}
	if b = unread(b, l.read); len(b.Logs) == 0 {
		return nil
	}
	l.owed = true
	if l.replacing {
		give(l.line.engine, b)
		return l.judge(ctx)
	}
	if l.early == nil {
		l.early = &ahead{findings: map[findingKey]detect.Finding{}, episodes: map[episodeKey]detect.Episode{}, ends: map[mail.LogID]int64{}}
	}
	for i := range b.Logs {
		l.early.ends[b.Logs[i].ID] = b.Logs[i].ReadBytes
	}
	if err := l.early.take(l.line, b); err != nil {
		return err
	}
	return l.judge(ctx)
}

// unread is what is in b of rows that had not their turn yet: whoever looks ahead goes on
// from where it looked last, and rows since then may have been read in their turn meanwhile.
func unread(b *ingest.Batch, read map[mail.LogID]int64) *ingest.Batch {
	had := func(at mail.LogPos) bool { return at.Offset < read[at.Log] }
	rest := &ingest.Batch{
		Logins:     slices.DeleteFunc(slices.Clone(b.Logins), func(l mail.Login) bool { return had(l.Pos) }),
		Deliveries: slices.DeleteFunc(slices.Clone(b.Deliveries), func(d mail.Delivery) bool { return had(d.Pos) }),
		Logs:       slices.DeleteFunc(slices.Clone(b.Logs), func(l ingest.Log) bool { return l.ReadBytes <= read[l.ID] }),
		Front:      b.Front,
	}
	for _, t := range b.Transactions {
		if had(t.Pos) { // It goes on with what is left of it.
			n := len(t.Recipients)
			t.Recipients = slices.DeleteFunc(slices.Clone(t.Recipients), func(r mail.Recipient) bool { return had(r.Pos) })
			if len(t.Recipients) == 0 {
				continue
			}
			t.Continued, t.Former = true, t.Former+n-len(t.Recipients)
		}
		rest.Transactions = append(rest.Transactions, t)
	}
	return rest
}

// passed notes what had its turn with a Batch of sink. It is nil once all had: a stop leaves
// nothing for the time being that rests on the newest rows alone.
func (a *ahead) passed(b *ingest.Batch) *ahead {
	if a == nil {
		return nil
	}
	for i := range b.Logs {
		if log := &b.Logs[i]; log.ReadBytes >= a.ends[log.ID] {
			delete(a.ends, log.ID)
		}
	}
	if len(a.ends) == 0 {
		return nil
	}
	return a
}

// take gives a Batch to the engine. Rows that come late begin a new one: what was found
// before them stays.
func (a *ahead) take(line *pipeline, b *ingest.Batch) error {
	if a.engine == nil || a.engine.Late() {
		engine, err := detect.NewEngine(line.rules, line.site)
		if err != nil {
			return err
		}
		a.engine = engine
	}
	give(a.engine, b)
	a.engine.Advance(b.Front.Add(-detect.Grace))
	a.keep(a.engine.Take())
	return nil
}

// keep notes what was found.
func (a *ahead) keep(j detect.Judgement) {
	for _, f := range j.Findings {
		a.findings[findingKey{f.Rule, f.Submitter, f.FlaggedAt}] = f
	}
	for _, e := range j.Episodes {
		a.episodes[episodeKey{e.Submitter, e.FirstFlagged}] = e
	}
}

// show adds what was found to a preview, which is right where both know of something.
func (a *ahead) show(j *detect.Judgement) {
	if a == nil {
		return
	}
	all := ahead{findings: map[findingKey]detect.Finding{}, episodes: map[episodeKey]detect.Episode{}}
	all.keep(detect.Judgement{Findings: slices.Collect(maps.Values(a.findings)), Episodes: slices.Collect(maps.Values(a.episodes))})
	if !a.engine.Late() {
		all.keep(a.engine.Preview())
	}
	all.keep(*j)
	j.Findings, j.Episodes = slices.Collect(maps.Values(all.findings)), slices.Collect(maps.Values(all.episodes))
}
