package ingest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nxadm/tail/util"
	"github.com/nxadm/tail/watch"
)

// startWatching makes tail's watcher run, which may be asked for watches from then on.
func startWatching(t *testing.T) {
	t.Helper()
	if pollTails {
		t.Skip("nothing wakes it here")
	}
	dir := t.TempDir()
	must(t, watch.Watch(dir))
	must(t, watch.RemoveWatch(dir))
}

// A tail that ended by itself, here since its log was renamed for a moment, stands
// anew once the log grows.
func TestFollowEndedTail(t *testing.T) {
	startWatching(t)
	dir := t.TempDir()
	whole := w3c("MAIL01", 8, 400, "10.0.0.1")
	one, rest := cutRows(whole, 3000)
	path := writeLog(t, dir, "ex.log", one)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one))
	eventually(t, "the tail watches", func() bool { return watch.Events(path) != nil })
	must(t, os.Rename(path, path+".moved"))
	eventually(t, "the tail ended", func() bool { return watch.Events(path) == nil })
	must(t, os.Rename(path+".moved", path))
	// It is let go when the log grows, and another one stands when it grows after that.
	eventually(t, "a new tail watches", func() bool {
		if part, more := cutRows(rest, 100); more != "" {
			w.append(path, part)
			rest = more
		}
		w.look()
		return watch.Events(path) != nil
	})
	w.atRest()
	before := w.read()
	w.append(path, rest)
	eventually(t, "the rows were written, and no tick came", func() bool { return w.read() > before })
	w.same(whole)
}

// A tail is deaf when looks find growth twice in a row that it did not tell of.
func TestStandingHears(t *testing.T) {
	var s standing
	for i, step := range []struct {
		rows int64 // That it told of since the growth before.
		want bool
	}{{1, true}, {0, true}, {5, true}, {0, true}, {0, false}} {
		s.heard.Add(step.rows)
		if got := s.hears(); got != step.want {
			t.Errorf("growth %d: got %v; want %v", i+1, got, step.want)
		}
	}
	s = standing{}
	s.ended.Store(true)
	if s.hears() {
		t.Error("a tail that ended: got true; want false")
	}
}

// A tail stands again at the same path, as after a rename, and still wakes.
func TestTailsStandAgain(t *testing.T) {
	startWatching(t)
	dir := t.TempDir()
	path := writeLog(t, dir, "ex.log", "")
	tails := newTails()
	defer tails.stopAll()
	w := &following{t: t}
	for round := range 5 {
		info, err := os.Stat(path)
		must(t, err)
		eventually(t, "a tail stands", func() bool {
			tails.rest()
			return tails.stand(path, info.Size())
		})
		eventually(t, "the tail watches", func() bool { return watch.Events(path) != nil })
		w.append(path, "a row\n")
		select {
		case <-tails.wake:
		case <-time.After(10 * time.Second):
			t.Fatalf("round %d: no wake within 10 s", round)
		}
		tails.take()
		tails.stop(path)
		eventually(t, "the watch is taken off", func() bool { return watch.Events(path) == nil })
	}
}

// tail's watcher ends the program where a share drops out; ours lives on.
func TestTailsOutliveFatal(t *testing.T) {
	quietTail()
	done := make(chan struct{})
	go func() {
		defer close(done)
		util.Fatal("Failed to stat file %v: %v", "ex.log", "host is down")
		t.Error("the watcher goes on after Fatal")
	}()
	<-done
}

// A tail that is stuck, here since nobody takes the events of a watch, does not keep
// the follower from ending.
func TestFollowEndsWithStuckTails(t *testing.T) {
	startWatching(t)
	dir := t.TempDir()
	stuck := writeLog(t, t.TempDir(), "stuck", "")
	must(t, watch.Watch(stuck))
	t.Cleanup(func() { must(t, watch.RemoveWatch(stuck)) })
	w := &following{t: t}
	w.append(stuck, "an event\n")
	eventually(t, "tail's watcher is stuck", func() bool { return strings.Contains(stacks(), "(*InotifyTracker).sendEvent") })
	one := w3c("MAIL01", 8, 2, "10.0.0.1")
	writeLog(t, dir, "ex.log", one)
	follow(t, PollAuto, newKept(), dir).same(one)
}
