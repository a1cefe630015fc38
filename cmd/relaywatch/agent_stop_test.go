package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/store"
)

// A stop waits neither for a backlog nor until all is judged anew, and loses
// nothing of them.
func TestAgentStopsAtWork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 10 s")
	}
	h := newHost(t, 300_000, "")
	h.batchRows = 20_000
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	waitForRows(t, h.db)
	took := r.stop()
	if n := h.rows(); n == 0 || n == h.wholeRows() {
		t.Errorf("got %d rows stored at the stop; want some of %d", n, h.wholeRows())
	}
	t.Logf("stopped within %v while a backlog of %d rows was read", took, h.wholeRows())
	r = h.start()
	h.until(h.wholeRows(), r)
	r.stop()

	// Own domains change what every row says, and the state of the engine.
	before := h.judge()
	h.reconfigure("[corp.example]", "[corp.example, inbox.example]")
	stops := h.stopsUntil(func() bool { return h.judge() != before })
	t.Logf("%d stops before all %d rows were judged anew: %v", len(stops), h.wholeRows(), stops)
	if len(stops) == 0 {
		t.Error("all was judged anew before the first stop; want stops in the middle")
	}
	h.same("stopped at work")
}

// Rows that are older than what was judged for good are judged also if the agent
// was stopped between storing and judging them.
func TestAgentStoppedWithLateRows(t *testing.T) {
	h := newHost(t, 20_000, "agent: {interval: 50ms}")
	h.batchRows = 50_000
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	r.stop()
	judged := h.judge()
	if judged == "" {
		t.Fatal("got no judgement; want one")
	}
	late := strings.ReplaceAll(h.logs[0], "2026-11-0", "2026-10-0")
	if late == h.logs[0] {
		t.Fatal("the log has no row of November 2026")
	}
	if err := os.WriteFile(filepath.Join(h.dir, "late.log"), []byte(late), 0o600); err != nil {
		t.Fatal(err)
	}
	h.logs = append(h.logs, late)
	r = h.start()
	h.until(h.wholeRows(), r)
	r.kill()
	if got := h.judge(); got != "" && got != judged {
		t.Errorf("got judge %q; want none, or %q if all was judged anew", got, judged)
	}
	r = h.start()
	for deadline := time.Now().Add(30 * time.Second); h.judge() != judged; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the stored rows are not judged anew: %s", r.errOut)
		}
	}
	r.stop()
	quiet := filepath.Join(t.TempDir(), "quiet.db")
	mustRun(t, 0, "--config", h.config, "--db", quiet, "ingest")
	want, got := viewsOf(t, quiet), viewsOf(t, h.db)
	for _, view := range []string{"v_findings", "v_suspects"} {
		if diff := cmp.Diff(want[view], got[view]); diff != "" || len(want[view]) == 0 {
			t.Errorf("%s differs (- in a quiet run, + in the agent's):\n%.4000s", view, diff)
		}
	}
}

// A stop does not wait for whoever holds the store.
func TestAgentStopsWhileHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 5 s")
	}
	h := newHost(t, 6000, "agent: {interval: 50ms}")
	whole := h.logs
	h.logs = whole[:1]
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	release := hold(t, h.db)
	h.logs = whole
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	time.Sleep(300 * time.Millisecond) // The agent finds the rows meanwhile.
	t.Logf("stopped within %v while another program held the store", r.stop())
	if !strings.Contains(r.errOut.String(), "agent stopped") {
		t.Errorf("the agent says %s; want that it stopped", r.errOut)
	}
	release()
	r = h.start()
	h.until(h.wholeRows(), r)
	r.stop()
	h.same("stopped while held")
}

// stuckKeeper blocks the agent for ever, from a word that it works on, as a disk or
// share does that hangs.
type stuckKeeper struct {
	nobodyKeeps
	words atomic.Int32 // Until then.
}

func (k *stuckKeeper) alive() {
	n := k.words.Add(-1)
	if n == 0 {
		fmt.Fprintln(os.Stderr, "now it hangs")
	}
	if n <= 0 {
		select {}
	}
}

func (k *stuckKeeper) stopping() { fmt.Fprintln(os.Stderr, "it was told") }

// runStuck runs the agent of a configuration until it hangs, and is stopped.
func (p *program) runStuck(ctx context.Context, config string, words int) int {
	k := &stuckKeeper{}
	k.words.Store(int32(words))
	p.keeper, p.configFile = k, config
	var err error
	if p.config, err = loadConfig(config, os.Getenv); err == nil {
		err = p.runAgent(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

// A stop is in time also where a batch of a backlog takes for ever. The process then
// ends as if it were killed.
func TestAgentStopsWhileStuck(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 5 s")
	}
	const promised = 5 * time.Second
	if stopWithin > promised*9/10 {
		t.Errorf("the agent gives its work %v to end; want that it leaves a tenth of %v for the process to end", stopWithin, promised)
	}
	h := newHost(t, 20_000, "agent: {interval: 50ms}")
	h.writeAtOnce()
	cmd, _ := child(t, "--config", h.config, "agent")
	cmd.Env = append(cmd.Env, "TEST_STUCK_AFTER=5")
	r := h.run(cmd)
	r.await("now it hangs")
	r.stop()
	r.saysOnce("it was told", "agent stopped in the middle of its work")
	if n := h.rows(); n == 0 || n == h.wholeRows() {
		t.Errorf("got %d rows stored at the stop; want some of %d", n, h.wholeRows())
	}
	r = h.start()
	h.until(h.wholeRows(), r)
	r.stop()
	h.same("stopped while stuck")
}

// judge is who judged what is stored; "" if it is to be judged anew.
func (h *host) judge() string {
	h.t.Helper()
	db, err := store.OpenReadOnly(h.t.Context(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Checkpoint(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return c.By
}

func (h *host) reconfigure(old, text string) {
	h.t.Helper()
	b, err := os.ReadFile(h.config)
	if err != nil || !strings.Contains(string(b), old) {
		h.t.Fatalf("the configuration has no %s: %v", old, err)
	}
	if err := os.WriteFile(h.config, []byte(strings.Replace(string(b), old, text, 1)), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// stopsUntil starts and stops the agent, each time a little later, until its work
// is done. It returns how long the stops before that took.
func (h *host) stopsUntil(done func() bool) []time.Duration {
	h.t.Helper()
	var stops []time.Duration
	deadline := time.Now().Add(2 * time.Minute)
	for wait := 50 * time.Millisecond; time.Now().Before(deadline); wait += wait / 2 {
		r := h.start()
		r.says("agent started")
		time.Sleep(wait)
		took := r.stop().Round(time.Millisecond)
		if done() {
			return stops
		}
		stops = append(stops, took)
	}
	h.t.Fatalf("the work is not done after %d stops", len(stops))
	return nil
}

// says waits until the agent says something.
func (r *running) says(text string) {
	r.h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		if strings.Contains(r.errOut.String(), text) {
			return
		}
	}
	r.h.t.Fatalf("the agent says %s; want %s", r.errOut, text)
}
