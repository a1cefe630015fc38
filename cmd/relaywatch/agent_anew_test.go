package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/store"
)

// newJudgedHost is a host with so much mail in its store that judging it takes two steps.
// It was judged by its configuration, or without one.
func newJudgedHost(t *testing.T, configured bool) *host {
	t.Helper()
	h := newHost(t, 10, "agent: {interval: 50ms}")
	h.logs = []string{mailFrom(time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC), 2*judgeEach)}
	h.writeAtOnce()
	args := []string{"--db", h.db, "ingest", h.dir}
	if configured {
		args = append([]string{"--config", h.config}, args...)
	}
	mustRun(t, 0, args...)
	return h
}

// mailFrom is a log of so many messages, one every six seconds.
func mailFrom(at time.Time, messages int) string {
	var log iisLog
	for n := range messages {
		log.message(at.Add(time.Duration(n)*6*time.Second), fmt.Sprintf("10.1.4.%d", n%50), "ann@corp.example", fmt.Sprintf("bob%d@corp.example", n%7), 3000)
	}
	return log.String()
}

// hookedKeeper has a test look whenever the agent says that it gets on.
type hookedKeeper struct {
	nobodyKeeps
	hook func()
}

func (k *hookedKeeper) alive() { k.hook() }

// follow has an agent follow the logs in this goroutine until the hook stops it.
func (h *host) follow(hook func(stop func())) {
	h.t.Helper()
	c, err := loadConfig(h.config, func(string) string { return "" })
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(h.t.Context())
	defer stop()
	a := newAgent(&program{config: c, out: h.t.Output(), err: h.t.Output(), keeper: &hookedKeeper{hook: func() { hook(stop) }}})
	if err := a.follow(ctx); err != nil && ctx.Err() == nil {
		h.t.Fatal(err)
	}
}

// Who sends spam while an agent judges all anew at its start is a suspect meanwhile, with
// the rows of the log. It is stopped in the middle of that, and the next one finds what a
// quiet run does.
func TestAgentAheadJudgingAnew(t *testing.T) {
	h := newJudgedHost(t, false)
	stored, attack := h.rows(), attackRows(h.logs[0])
	found, steps := 0, 0
	h.follow(func(stop func()) {
		switch steps++; {
		case steps == 1:
			h.append(filepath.Join(h.dir, "ex0.log"), attack)
			h.logs[0] += attack
		case found == 0:
			db, err := store.OpenReadOnly(t.Context(), h.db)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if suspected(t, db) {
				found = steps
				stop()
			}
		}
	})
	if found != 2 || h.rows() != stored {
		t.Fatalf("found after %d steps, with %d rows stored; want 2 and %d", found, h.rows(), stored)
	}
	if out := mustRun(t, 0, "--config", h.config, "explain", "ip:10.9.9.9"); !strings.Contains(out, "+TO:<stranger") {
		t.Errorf("explain has no row of the log:\n%s", out)
	}
	looks := 0
	h.follow(func(stop func()) {
		if h.rows() == h.wholeRows() {
			if looks++; looks > 20 {
				stop()
			}
		}
	})
	h.same("stopped while it judged anew")
}

// Who began to send spam before old logs have an agent judge all anew, and goes on, is a
// suspect meanwhile, and the store is what one quiet run makes in the end.
func TestAgentAheadJudgingLate(t *testing.T) {
	h := newJudgedHost(t, true)
	l := h.live()
	attack := attackRows(h.logs[0])
	begun := firstRows(attack, 3*120)
	attack = firstRows(attack[len(begun):], 3*100)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f := &ingest.Follower{Sources: []ingest.Source{{Path: h.dir}}, BatchRows: 2000, Interval: 1, Poll: ingest.PollAlways, Ahead: l.sinkAhead}
	resume, err := l.db.Resume(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f.Resume = resume
	if l.line.anew {
		t.Fatal("all is to be judged anew before any row is late")
	}
	steps, found, looks := 0, 0, 0
	l.line.alive = func() {
		if steps++; steps == 1 {
			if suspected(t, l.db) {
				t.Error("a suspect before it went on")
			}
			h.append(filepath.Join(h.dir, "ex0.log"), attack)
			h.logs[0] += attack
		}
		l.nextLook, l.ahead = time.Time{}, pace{} // However long it takes.
		l.meanwhile(ctx, f)
		if found == 0 && suspected(t, l.db) {
			found = steps
		}
	}
	f.Looked = func() {
		if err := l.judgeAnew(ctx, false); err != nil {
			t.Error(err)
		}
		if looks++; looks == 1 {
			h.logs = append(h.logs, mailFrom(time.Date(2026, time.October, 30, 9, 0, 0, 0, time.UTC), 1000))
			h.logs[0] += begun
			h.writeAtOnce()
		}
		if looks > 20 && l.early == nil && !l.line.anew {
			stop()
		}
	}
	if err := f.Run(ctx, func(ctx context.Context, b *ingest.Batch) error {
		l.ahead = pace{}
		return l.sink(ctx, b)
	}); err != nil {
		t.Fatal(err)
	}
	if found != 1 {
		t.Errorf("found at step %d of %d; want the first", found, steps)
	}
	if err := l.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.same("judged late rows anew")
}

// Old logs have an agent judge all anew once, when they are read, and the mail since does
// not wait in memory for it, though no server writes.
func TestAgentOldLogs(t *testing.T) {
	h := newJudgedHost(t, true)
	l := h.live()
	l.yielding.full, l.line.waits = 2000, 500
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	resume, err := l.db.Resume(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f := &ingest.Follower{Sources: []ingest.Source{{Path: h.dir}}, Resume: resume, BatchRows: 2000, Interval: 1, Poll: ingest.PollAlways}
	steps, looks := 0, 0
	l.line.alive = func() { steps++ }
	f.Looked = func() {
		if err := l.judgeAnew(ctx, false); err != nil {
			t.Error(err)
		}
		if looks++; looks == 1 {
			h.logs = append(h.logs, mailFrom(time.Date(2026, time.October, 30, 9, 0, 0, 0, time.UTC), 3000))
			h.writeAtOnce()
		}
		if looks > 20 && !l.line.anew {
			stop()
		}
	}
	if err := f.Run(ctx, l.sink); err != nil {
		t.Fatal(err)
	}
	if n := l.line.engine.Waiting(); steps != 2 || n > 500 {
		t.Errorf("judged anew in %d steps, %d rows wait; want 2, and 500 at the most", steps, n)
	}
	if err := l.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.same("old logs came")
}

// A judgement is not stored after late rows that it was taken before: the store would no
// longer say that they wait to be judged, and an agent that is killed then would leave it so.
func TestAgentLateRowsBesideJudgement(t *testing.T) {
	h := newHost(t, 10, "")
	day := time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)
	h.logs = []string{mailFrom(day, 100)}
	h.writeAtOnce()
	l := h.live()
	l.anew.next = time.Now().Add(time.Hour) // A killed agent judges nothing anew.
	read := func(sink func(context.Context, *ingest.Batch) error) {
		t.Helper()
		resume, err := l.db.Resume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&ingest.Reader{Sources: []ingest.Source{{Path: h.dir}}, Resume: resume}).Run(t.Context(), sink); err != nil {
			t.Fatal(err)
		}
	}
	read(l.sink)
	rows := h.rows()
	if rows == 0 || h.judge() == "" {
		t.Fatalf("got %d rows, judged by %q; want some that are judged", rows, h.judge())
	}
	if err := os.WriteFile(filepath.Join(h.dir, "late.log"), []byte(mailFrom(day.AddDate(0, 0, -2), 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	read(func(ctx context.Context, b *ingest.Batch) error {
		l.judging.Lock() // settle has it, and has taken a judgement.
		l.judged = time.Time{}
		j := l.final()
		if j == nil {
			t.Fatal("got no judgement; want one")
		}
		sunk := make(chan error, 1)
		go func() { sunk <- l.sink(ctx, b) }()
		for deadline := time.Now().Add(200 * time.Millisecond); h.rows() == rows && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		err := l.db.WriteJudgement(ctx, *j)
		l.judging.Unlock()
		return errors.Join(err, <-sunk)
	})
	if h.rows() == rows {
		t.Fatal("the late rows are not stored; want them")
	}
	if by := h.judge(); by != "" {
		t.Errorf("got stored rows judged by %q; want that the late ones wait", by)
	}
}
