package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

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
	if b.String() == rows {
		t.Fatal("no row has a time")
	}
	return b.String()
}
