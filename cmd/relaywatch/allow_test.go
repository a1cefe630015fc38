package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestAgentTakesOnAllowList: entries of the command line are in force without a
// restart, and so is their removal.
func TestAgentTakesOnAllowList(t *testing.T) {
	t.Setenv("TEST_LOOK_EVERY", "100ms")
	h := newHost(t, 4000, "agent: {interval: 50ms}")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	accused := func(want bool) {
		t.Helper()
		out := ""
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			out = mustRun(t, 0, "--db", h.db, "query", "SELECT submitter FROM v_suspects", "--format", "csv")
			if strings.Contains(out, "ip:10.9.0.11") == want {
				return
			}
		}
		t.Fatalf("got suspects %s; want that 10.9.0.11 is among them: %t; %s", out, want, r.errOut)
	}
	accused(true)
	mustRun(t, 0, "--config", h.config, "allow", "add", "ip:10.9.0.11", "--reason", "test", "--until", "never")
	accused(false)
	if out := mustRun(t, 0, "--config", h.config, "allow", "list"); !strings.Contains(out, "#1     ip:10.9.0.11  every rule  never ") {
		t.Errorf("got %s; want the entry", out)
	}
	mustRun(t, 0, "--config", h.config, "allow", "remove", "1")
	accused(true)
	r.stop()
	h.same("allowed for a while")
}
