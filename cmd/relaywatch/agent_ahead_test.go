package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// Who sends spam while a backlog is read is a suspect before it is through, and the store
// is what one quiet run makes in the end.
func TestAgentAhead(t *testing.T) {
	h := newHost(t, 30_000, "")
	attack := attackRows(h.logs[2])
	h.writeAtOnce()
	l := h.live()
	db := l.db
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	batches, found, looks := 0, 0, 0
	f := &ingest.Follower{Sources: []ingest.Source{{Path: h.dir}}, BatchRows: 100, Interval: 1, Poll: ingest.PollAlways, Ahead: l.sinkAhead}
	f.Looked = func() {
		if looks++; looks > 20 && l.early == nil {
			stop()
		}
	}
	err := f.Run(ctx, func(ctx context.Context, b *ingest.Batch) error {
		if batches == 0 {
			h.append(filepath.Join(h.dir, "ex2.log"), attack)
			h.logs[2] += attack
		}
		batches++
		l.ahead = pace{} // However long previews take.
		if err := l.sink(ctx, b); err != nil || found > 0 {
			return err
		}
		if suspected(t, db) {
			found = batches
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 || found > batches/4 {
		t.Errorf("the live end: found after batch %d of %d; want it within the first quarter", found, batches)
	}
	if err := l.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.same("read ahead")
}

// What is written at the end of a log while a look reads it, and is read in that look,
// had its turn: who looks ahead afterwards judges none of it again as if nobody knew what
// came before.
func TestAgentAheadOfNothing(t *testing.T) {
	h := newHost(t, 10, "")
	day := time.Date(2026, time.November, 2, 0, 0, 0, 0, time.UTC)
	h.logs = []string{mailFrom(day.Add(22*time.Hour+59*time.Minute), 5), mailFrom(day.Add(21*time.Hour), 2100)}
	attack := attackRows(h.logs[0])
	begun := firstRows(attack, 3*200)
	h.writeAtOnce()
	l := h.live()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f := &ingest.Follower{Sources: []ingest.Source{{Path: h.dir}}, BatchRows: 400, Poll: ingest.PollAlways, Ahead: l.sinkAhead, Looked: stop}
	batches := 0
	err := f.Run(ctx, func(ctx context.Context, b *ingest.Batch) error {
		switch batches++; batches {
		case 1: // It is looked ahead after eight of them, and after sixteen.
			h.append(filepath.Join(h.dir, "ex0.log"), begun)
		case 9:
			h.append(filepath.Join(h.dir, "ex0.log"), attack[len(begun):])
		}
		return l.sink(ctx, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.logs[0] += attack
	if n := h.rows(); batches <= 16 || n != h.wholeRows() {
		t.Errorf("got %d rows in %d batches; want %d in more than 16", n, batches, h.wholeRows())
	}
	if !suspected(t, l.db) {
		t.Error("got no suspect; the comparison shows nothing")
	}
	h.same("looked ahead of nothing")
}

// live is an agent's stretch of following, whose Follower is the test's.
func (h *host) live() *live {
	h.t.Helper()
	c, err := loadConfig(h.config, os.Getenv)
	if err != nil {
		h.t.Fatal(err)
	}
	a := newAgent(&program{config: c, out: h.t.Output(), err: h.t.Output()})
	db, err := store.Open(h.t.Context(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = db.Close() })
	ruleSet, err := rulesIn("")
	if err != nil {
		h.t.Fatal(err)
	}
	site, err := c.judgingSite()
	if err != nil {
		h.t.Fatal(err)
	}
	line, err := newPipeline(h.t.Context(), db, ruleSet, site)
	if err != nil {
		h.t.Fatal(err)
	}
	return &live{
		agent: a, db: db, line: line, hearing: newHearing([]ingest.Source{{Path: h.dir}}, site.Hours, nil),
		yielding: yielding{full: 1 << 30}, read: map[mail.LogID]int64{}, cancel: func(err error) { h.t.Error(err) },
	}
}

// suspected tells whether the store names who sends attackRows.
func suspected(t *testing.T, db *store.DB) bool {
	t.Helper()
	suspects, err := db.Suspects(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(suspects, func(s store.Suspect) bool { return s.Submitter.Value == "10.9.9.9" })
}

// attackRows are rows of a client that mails 400 strangers within minutes, behind the
// last row of a log.
func attackRows(log string) string {
	last := strings.Fields(log[strings.LastIndex(strings.TrimSpace(log), "\n")+1:])
	var b strings.Builder
	row := func(second int, verb, arg string) {
		columns := slices.Clone(last)
		columns[1] = fmt.Sprintf("23:%02d:%02d", second/60, second%60)
		columns[2], columns[3] = "10.9.9.9", "PC-9"
		for i, name := range strings.Fields(log[strings.Index(log, "#Fields:")+len("#Fields:") : strings.Index(log, "\n2")]) {
			switch name {
			case "cs-method":
				columns[i] = verb
			case "cs-uri-query":
				columns[i] = arg
			case "sc-status":
				columns[i] = "250"
			}
		}
		b.WriteString(strings.Join(columns, " ") + "\r\n")
	}
	for i := range 400 {
		row(i, "MAIL", "+FROM:<eve@corp.example>")
		row(i, "RCPT", fmt.Sprintf("+TO:<stranger%d@example.net>", i))
		row(i, "DATA", "+<id@corp.example>")
	}
	return b.String()
}

// append has a server write on.
func (h *host) append(path, text string) {
	h.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		h.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		h.t.Fatal(err)
	}
}
