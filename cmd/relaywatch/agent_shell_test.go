package main

import (
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// While an agent writes, the sqlite3 shell reads every view as often as it can, as an
// analyst's tool does: neither keeps the other waiting, and nothing is missing in the end.
func TestAgentReadByShell(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("no sqlite3 on this machine: the shell was not tried beside an agent")
	}
	h := newHost(t, 20_000, "agent: {interval: 50ms}")
	written := make(chan struct{})
	t.Cleanup(func() { <-written })
	r := h.start()
	go func() {
		defer close(written)
		h.write(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond)
	}()
	h.until(1, r) // There is a store.
	views := strings.Fields(h.shell(shell, `SELECT group_concat(name, ' ') FROM sqlite_schema WHERE type = 'view'`))
	if len(views) < 14 {
		t.Fatalf("got the views %q; want all", views)
	}
	// Sorted, so that columns are computed and not only rows counted.
	counts := ""
	for _, view := range views {
		counts += "SELECT '" + view + "', count(*) FROM (SELECT * FROM " + view + " ORDER BY 1, 2);\n"
	}
	reads, between := 0, 0
	for done := false; !done; reads++ {
		select {
		case <-written:
			done = true
		default:
		}
		h.shell(shell, counts)
		if n := h.rows(); n < h.wholeRows() {
			between++
		}
	}
	if between == 0 {
		t.Errorf("got %d reads, none of them before the end: the test shows nothing", reads)
	}
	h.until(h.wholeRows(), r)
	r.stop()
	if trouble := regexp.MustCompile(`(?m)^.*\b(WRN|ERR|locked|busy)\b.*$`).FindString(r.errOut.String()); trouble != "" {
		t.Errorf("the agent says %q; want nothing of its readers", trouble)
	}
	h.same("read by the shell")
}

// shell has the sqlite3 shell, which does not wait for locks, read the store.
func (h *host) shell(shell, statements string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), shell, "-batch", "-bail", "-readonly", h.db)
	cmd.Stdin = strings.NewReader(statements)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "rror") {
		h.t.Fatalf("sqlite3: %s, %v; want rows", out, err)
	}
	return string(out)
}
