package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
)

// firstRows are the first lines of a text.
func firstRows(text string, n int) string {
	end := 0
	for range n {
		end += strings.IndexByte(text[end:], '\n') + 1
	}
	return text[:end]
}

// untilJudged waits until all is judged for good but for the grace.
func (h *host) untilJudged(r *running) {
	h.t.Helper()
	var s struct {
		Newest time.Time `json:"newest_row"`
		Judged time.Time `json:"judged_until"`
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := json.Unmarshal([]byte(mustRun(h.t, 0, "--config", h.config, "status", "--json")), &s); err != nil {
			h.t.Fatal(err)
		}
		if s.Newest.Sub(s.Judged) <= detect.Grace {
			return
		}
	}
	h.t.Fatalf("judged until %s of %s; the agent says %s", s.Judged, s.Newest, r.errOut)
}

// A server's clock that is set back, and one that jumps ahead and is set right: it
// is said once, heals, loses nothing, and finds what a quiet run finds.
func TestAgentServersClock(t *testing.T) {
	for _, c := range []struct {
		name   string
		shifts [3]time.Duration // Of the rows of each third.
		heals  bool             // While the agent runs: when rows are as late as before.
	}{
		{"set back by one hour", [3]time.Duration{0, -time.Hour, 0}, true},
		{"years ahead for a while", [3]time.Duration{0, 70 * 365 * 24 * time.Hour, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, 20_000, "agent: {interval: 50ms}\nrules: {path: ''}")
			var text string
			for i, part := range h.logs {
				text += setClock(t, part, c.shifts[i])
			}
			log, err := os.Create(filepath.Join(h.dir, "ex.log"))
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			cmd, _ := child(t, "--config", h.config, "agent")
			cmd.Env = append(cmd.Env, "TEST_JUDGE_DELAY=100ms")
			r := h.run(cmd)
			write := func(rows string) {
				t.Helper()
				if _, err := log.WriteString(rows); err != nil {
					t.Fatal(err)
				}
				text = text[len(rows):]
			}
			stored := 0
			for i, rows := range []int{len(strings.Split(h.logs[0], "\n")), 40, 40, 40, 40, 40, 40} { // As a server that flushes now and then.
				part := firstRows(text, rows)
				stored += strings.Count(part, "\n") - strings.Count(part, "#")
				write(part)
				h.until(stored, r)
				if i == 0 {
					h.untilJudged(r)
				}
			}
			write(text)
			h.until(h.wholeRows(), r)
			if c.heals {
				r.await("healed")
			} else {
				h.status(exitDone, "trouble    clock: rows of 2026-")
			}
			r.stop()
			r.saysOnce("WRN")
			mustRun(t, 0, "--config", h.config, "ingest") // What the agent had no time for at its end.
			h.same(c.name)
		})
	}
}

// The agent prunes beside its work, and a clock that ran ahead has it prune nothing.
func TestAgentPrunes(t *testing.T) {
	for _, c := range []struct {
		name, keep, says string
		shift            time.Duration // Of the last third of the rows.
		all              bool          // All is kept.
	}{
		{name: "two days", keep: "2d", says: "old rows removed"},
		{name: "a clock ahead", keep: "30d", says: "a server's clock runs ahead", shift: 70 * 365 * 24 * time.Hour, all: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, 6000, "")
			h.configure("agent: {interval: 50ms}")
			h.logs[2] = setClock(t, h.logs[2], c.shift)
			h.writeAtOnce()
			cmd, _ := child(t, "--config", h.config, "agent")
			cmd.Env = append(cmd.Env, "TEST_PRUNE_AFTER=3s", "RELAYWATCH_STORE_KEEP="+c.keep)
			r := h.run(cmd)
			h.until(h.wholeRows(), r)
			r.await(c.says)
			r.stop()
			r.saysOnce(c.says)
			got := h.transactions(h.db)
			whole := filepath.Join(t.TempDir(), "whole.db")
			mustRun(t, 0, "--config", h.config, "--db", whole, "ingest")
			if want := h.transactions(whole); got > want || (got == want) != c.all || got == 0 {
				t.Errorf("%d of %d transactions are left; want all: %v", got, want, c.all)
			}
		})
	}
}

// transactions is how many a store has.
func (h *host) transactions(db string) int {
	h.t.Helper()
	var got []struct{ N int }
	if err := json.Unmarshal([]byte(mustRun(h.t, 0, "--db", db, "query", "SELECT count(*) AS n FROM v_transactions", "--format", "json")), &got); err != nil {
		h.t.Fatal(err)
	}
	return got[0].N
}

// A mail server's clock that is set an hour back, and forward again: the agent finds
// in rows as they come what a run over the whole logs finds.
func TestAgentServerClockJumps(t *testing.T) {
	h := newHost(t, 6000, "agent: {interval: 50ms}")
	for i := range h.logs {
		cut := cutAtRow(h.logs[i], len(h.logs[i])/2)
		back := setClock(t, h.logs[i][cut:], -time.Hour)
		if i == 1 {
			back = setClock(t, h.logs[i][cut:], time.Hour) // And an hour forward.
		}
		h.logs[i] = h.logs[i][:cut] + back
	}
	r := h.start()
	h.write(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond)
	h.until(h.wholeRows(), r)
	r.stop()
	h.same("clock set")
}

// setClock changes the time of rows.
func setClock(t *testing.T, rows string, by time.Duration) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(rows) {
		const layout = "2006-01-02 15:04:05"
		if at, err := time.Parse(layout, line[:min(len(layout), len(line))]); err == nil {
			line = at.Add(by).Format(layout) + line[len(layout):]
		}
		b.WriteString(line)
	}
	if by != 0 && b.String() == rows {
		t.Fatal("no row has a time")
	}
	return b.String()
}
