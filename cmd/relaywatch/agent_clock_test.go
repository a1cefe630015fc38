package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
)

// shifted moves the times of all rows of an IIS log.
func shifted(t *testing.T, text string, by time.Duration) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			out.WriteString(line)
			continue
		}
		at, err := time.Parse(time.DateTime, line[:len(time.DateTime)])
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(at.Add(by).Format(time.DateTime) + line[len(time.DateTime):])
	}
	return out.String()
}

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
				text += shifted(t, part, c.shifts[i])
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
