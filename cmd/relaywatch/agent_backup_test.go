package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/store"
)

// Backups taken while the agent writes are sound, and an agent goes on from each as
// if nothing had been: it reads on where the backup was taken.
func TestAgentBackup(t *testing.T) {
	h := newHost(t, 20_000, "agent: {interval: 50ms}")
	written := make(chan struct{})
	t.Cleanup(func() { <-written })
	r := h.start()
	go func() {
		defer close(written)
		h.write(rand.New(rand.NewPCG(1, 1)), 5*time.Millisecond)
	}()
	var copies []string
	for i := range 3 {
		h.until(1+h.wholeRows()*i/3, r)
		path := filepath.Join(t.TempDir(), fmt.Sprintf("backup%d.db", i))
		mustRun(t, 0, "--db", h.db, "backup", path)
		copies = append(copies, path)
	}
	<-written
	h.until(h.wholeRows(), r)
	r.stop()
	last := filepath.Join(t.TempDir(), "last.db")
	mustRun(t, 0, "--db", h.db, "backup", last)
	if diff := cmp.Diff(viewsOf(t, h.db), viewsOf(t, last)); diff != "" {
		t.Errorf("the backup differs (- store, + backup):\n%.4000s", diff)
	}
	some := 0
	for _, path := range copies {
		if err := store.Check(t.Context(), path); err != nil {
			t.Error(err)
		}
		h.db = path
		h.configure("agent: {interval: 50ms}")
		if n := h.rows(); 0 < n && n < h.wholeRows() {
			some++
		}
		r := h.start()
		h.until(h.wholeRows(), r)
		r.stop()
		h.same(filepath.Base(path))
	}
	if some == 0 {
		t.Error("no backup was taken in the middle: the test shows nothing")
	}
}
