package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nxadm/tail/watch"
)

// eventually waits until something is so that no tick brings about.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s in vain: %s", what)
		}
	}
}

// read is how many rows were handed on.
func (w *following) read() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept.rows
}

// lookAt looks once, so thoroughly as a slow look, at that time of the clock.
func (w *following) lookAt(at time.Time) {
	for range slowLooks + 1 {
		w.ticks <- at
	}
}

// mode is how a log is followed, by the name of its file.
func (w *following) mode(name string) FollowMode {
	w.t.Helper()
	for _, l := range w.f.Logs() {
		if filepath.Base(l.Path) == name {
			return l.Mode
		}
	}
	w.t.Fatalf("%s is not followed", name)
	return ""
}

// cutRows cuts a log at the end of a row, after about so many bytes.
func cutRows(log string, at int) (before, after string) {
	at += strings.IndexByte(log[at:], '\n') + 1
	return log[:at], log[at:]
}

func rowsIn(log string) int64 {
	return int64(strings.Count(log, "\n") - strings.Count(log, "\n#") - 1)
}

// A row wakes the follower; it needs no look.
func TestFollowWakes(t *testing.T) {
	startWatching(t)
	dir := t.TempDir()
	one, two := cutRows(w3c("MAIL01", 8, 20, "10.0.0.1"), 3000)
	path := writeLog(t, dir, "ex.log", one)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one))
	if got := w.mode("ex.log"); got != FollowTail {
		t.Fatalf("got mode %s; want %s", got, FollowTail)
	}
	eventually(t, "the tail watches", func() bool { return watch.Events(path) != nil })
	w.atRest()
	w.append(path, two)
	eventually(t, "the rows were written, and no tick came", func() bool { return w.read() == rowsIn(one+two) })
	w.same(one + two)
}

// Windows brings a file's time up to date when its server closes it, and reserved
// space keeps its size: neither tells of rows written there.
func TestFollowReservedSpaceOfOldTime(t *testing.T) {
	one := w3c("MAIL01", 8, 20, "10.0.0.1")
	old := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	starts := []struct {
		name string
		at   int
	}{
		{"empty", 0},
		{"half a header", 20},
		{"a header", len(headerW3C)},
		{"half a row", len(headerW3C) + 30},
		{"rows", strings.Index(one, "10:") + 1},
		{"rows and half a row", strings.LastIndex(one, "RCPT")},
	}
	for _, c := range starts {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restart=%v", c.name, restart), func(t *testing.T) {
				dir := t.TempDir()
				at := max(c.at, 0)
				path := writeLog(t, dir, "ex.log", one[:at]+strings.Repeat("\x00", 64<<10-at))
				must(t, os.Chtimes(path, old, old))
				w := follow(t, PollAuto, newKept(), dir)
				w.look()
				if restart {
					w.stop()
					w = follow(t, PollAuto, w.kept, dir)
					w.look()
				}
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				must(t, err)
				for at < len(one) {
					n := min(700, len(one)-at)
					_, err = f.WriteAt([]byte(one[at:at+n]), int64(at))
					must(t, err)
					at += n
					must(t, os.Chtimes(path, old, old))
					w.look()
				}
				must(t, f.Close())
				if got, want := w.read(), rowsIn(one); got != want {
					t.Errorf("got %d rows; want %d", got, want)
				}
				w.same(one)
			})
		}
	}
}

// A log that grows counts as one that grows, whatever its time says.
func TestFollowGrowthOfOldTime(t *testing.T) {
	dir := t.TempDir()
	one, two := cutRows(w3c("MAIL01", 8, 20, "10.0.0.1"), 3000)
	path := writeLog(t, dir, "ex.log", one)
	old := time.Now().Add(-5 * time.Hour)
	must(t, os.Chtimes(path, old, old))
	w := follow(t, PollAuto, newKept(), dir)
	w.look()
	if got := w.mode("ex.log"); got != FollowIdle {
		t.Errorf("before it grew: got mode %s; want %s", got, FollowIdle)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(two)
	must(t, err)
	must(t, os.Chtimes(path, old, old))
	must(t, f.Close())
	w.look()
	if got := w.mode("ex.log"); got != FollowTail {
		t.Errorf("after it grew: got mode %s; want %s", got, FollowTail)
	}
	w.same(one + two)
}

// Servers begin a log each hour or day, and sessions go on in the next.
func TestFollowRolls(t *testing.T) {
	iis := []string{w3c("MAIL01", 8, 6, "10.0.0.1"), w3c("MAIL01", 9, 6, "10.0.0.1"), w3c("MAIL01", 10, 6, "10.0.0.1")}
	cases := []struct {
		name  string
		names []string
	}{
		{"by day", []string{"ex261104.log", "ex261105.log", "ex261106.log"}},
		{"by hour", []string{"u_ex26110508.log", "u_ex26110509.log", "u_ex26110510.log"}},
		{"by hour and number", []string{"RECV2026110508-1.LOG", "RECV2026110509-1.LOG", "RECV2026110509-2.LOG"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// A session is under way when the log rolls.
			logs := append([]string(nil), iis...)
			for i := range len(logs) - 1 {
				cut := strings.LastIndex(logs[i], "\n2026-11-05") + 1
				cut = strings.LastIndex(logs[i][:cut-1], "\n") + 1
				logs[i+1] = headerW3C + logs[i][cut:] + logs[i+1][len(headerW3C):]
				logs[i] = logs[i][:cut]
			}
			dir := t.TempDir()
			w := follow(t, PollAuto, newKept(), filepath.Join(dir, "*.[lL][oO][gG]"))
			for i, name := range c.names {
				half := strings.Index(logs[i], "MAIL01 RCPT")
				w.append(filepath.Join(dir, name), logs[i][:half])
				w.look()
				w.append(filepath.Join(dir, name), logs[i][half:])
				w.look()
			}
			w.same(logs...)
		})
	}
}

// Whatever the clock says, rows are read, and a log that grows is not idle.
func TestFollowClockJumps(t *testing.T) {
	dir := t.TempDir()
	rest := w3c("MAIL01", 8, 40, "10.0.0.1")
	whole := rest
	path := filepath.Join(dir, "ex.log")
	w := follow(t, PollAuto, newKept(), dir)
	jumps := []time.Duration{0, -time.Hour, time.Hour, -30 * 24 * time.Hour, 10 * 365 * 24 * time.Hour, -56 * 365 * 24 * time.Hour, 0}
	want := int64(0)
	for _, jump := range jumps {
		var part string
		part, rest = cutRows(rest, 1500)
		w.append(path, part)
		want += int64(strings.Count(part, "\n"))
		w.lookAt(time.Now().Add(jump))
		if got := w.read(); got != want-int64(strings.Count(headerW3C, "\n")) {
			t.Errorf("clock %v off: got %d rows; want %d", jump, got, want-int64(strings.Count(headerW3C, "\n")))
		}
	}
	w.append(path, rest)
	w.same(whole)
}

// A log that did not grow for long is let go, and found again when it grows.
func TestFollowIdle(t *testing.T) {
	dir := t.TempDir()
	one, two := cutRows(w3c("MAIL01", 8, 20, "10.0.0.1"), 3000)
	path := writeLog(t, dir, "ex.log", one)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one))
	later := time.Now().Add(idleAfter + time.Second)
	w.lookAt(later)
	if got := w.mode("ex.log"); got != FollowIdle {
		t.Errorf("got mode %s; want %s", got, FollowIdle)
	}
	w.append(path, two)
	w.lookAt(later)
	if got := w.mode("ex.log"); got == FollowIdle {
		t.Errorf("got mode %s after it grew", got)
	}
	w.same(one + two)
}

// atRest waits until no look is under way. One that sees a write of some rows in the
// middle lets the tail go, as behind half a row, and another stands after a tick only.
func (w *following) atRest() {
	w.t.Helper()
	eventually(w.t, "no look is under way", func() bool {
		return strings.Contains(stacks(), " [select]:\nrelaywatch/ingest.(*Follower).Run(")
	})
}

// stacks are those of all goroutines.
func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// Run ends after every goroutine that it started.
func TestFollowLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		writeLog(t, dir, fmt.Sprintf("ex%d.log", i), w3c(fmt.Sprintf("MAIL%d", i), 8, 2, "10.0.0.1"))
	}
	w := follow(t, PollAuto, newKept(), dir)
	w.until(20 * 12)
	w.stop()
	eventually(t, "all goroutines ended", func() bool {
		for one := range strings.SplitSeq(stacks(), "\n\n") {
			if strings.Contains(one, "InotifyTracker") { // One for the whole process.
				continue
			}
			if strings.Contains(one, "nxadm/tail") || strings.Contains(one, "(*Follower)") {
				return false
			}
		}
		return true
	})
}

// Trouble with a log is over when the log is gone.
func TestFollowForgetsTrouble(t *testing.T) {
	dir := t.TempDir()
	path := writeLog(t, dir, "ncsa.log", "192.0.2.121 - pc7 [05/Nov/2026:13:16:39 -0600] \"EHLO -?+pc7 SMTP\" 250 46\n")
	w := follow(t, PollAuto, newKept(), dir)
	for range 3 {
		w.look()
	}
	must(t, os.Remove(path))
	w.look()
	w.stop()
	if len(w.problems) != 2 || !strings.Contains(w.problems[0], "NCSA") || w.problems[1] != "ncsa.log: over" {
		t.Errorf("got %q; want that it is refused, and that this is over", w.problems)
	}
}

// Logs may be asked for before, while and after Run runs.
func TestFollowLogsAtAnyTime(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "ex.log", w3c("MAIL01", 8, 2, "10.0.0.1"))
	w := follow(t, PollAuto, newKept(), dir)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for w.read() == 0 {
			w.f.Logs()
		}
	}()
	w.until(12)
	<-done
	w.stop()
	if got := w.f.Logs(); len(got) != 1 || got[0].ReadBytes != got[0].SizeBytes {
		t.Errorf("got %+v; want one log, read", got)
	}
}
