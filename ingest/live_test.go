package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// following is a Follower at work, that looks when the test says so.
type following struct {
	t        testing.TB
	f        *Follower
	ticks    chan time.Time
	mu       sync.Mutex // Guards kept and problems.
	kept     *kept
	problems []string
	stop     func()
}

// follow starts to follow sources, going on from what is kept.
func follow(t testing.TB, mode PollMode, k *kept, paths ...string) *following {
	t.Helper()
	return followAnd(t, mode, k, func(*Follower) {}, paths...)
}

// followAnd calls before each time that a Batch is handed on.
func followAnd(t testing.TB, mode PollMode, k *kept, before func(*Follower), paths ...string) *following {
	t.Helper()
	w := &following{t: t, ticks: make(chan time.Time), kept: k}
	w.f = &Follower{Resume: k.resume, Poll: mode, Tick: w.ticks, BatchRows: 100}
	for _, p := range paths {
		w.f.Sources = append(w.f.Sources, Source{Path: p})
	}
	w.f.Problem = func(path string, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		text := "over"
		if err != nil {
			text = err.Error()
		}
		w.problems = append(w.problems, filepath.Base(path)+": "+text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.f.Run(ctx, func(ctx context.Context, b *Batch) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			before(w.f)
			return w.kept.sink(ctx, b)
		})
	}()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("follow: %v", err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// look makes it look as often as a slow look needs.
func (w *following) look() {
	for range slowLooks + 1 {
		w.ticks <- time.Now()
	}
}

// until looks until there are so many rows.
func (w *following) until(rows int64) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		w.look()
		w.mu.Lock()
		got := w.kept.rows
		w.mu.Unlock()
		if got >= rows {
			return
		}
	}
	w.t.Fatalf("got %d rows; want %d", w.kept.rows, rows)
}

// same compares what was followed with a quiet run over whole logs.
func (w *following) same(logs ...string) {
	w.t.Helper()
	dir := w.t.TempDir()
	want := newKept()
	for i, content := range logs {
		writeLog(w.t, dir, string(rune('a'+i))+".log", content)
	}
	want.mustRead(w.t, 0, dir)
	w.until(want.rows)
	w.look()
	w.stop()
	if w.kept.rows != want.rows {
		w.t.Errorf("got %d rows; want %d", w.kept.rows, want.rows)
	}
	if diff := gocmp.Diff(want.list(), w.kept.list()); diff != "" {
		w.t.Errorf("transactions (-quiet +followed):\n%s", diff)
	}
	ignore := cmpopts.IgnoreFields(Log{}, "Path", "SizeBytes")
	byID := cmpopts.SortSlices(func(a, b Log) bool { return a.ID < b.ID })
	if diff := gocmp.Diff(want.resume.Logs, w.kept.resume.Logs, ignore, byID); diff != "" {
		w.t.Errorf("logs (-quiet +followed):\n%s", diff)
	}
}

func (w *following) append(path, text string) {
	w.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	// Within half an hour: a session silent for longer is over.
	one, two := w3c("MAIL01", 8, 40, "10.0.0.1")[:12_000], w3c("MAIL01", 8, 25, "10.0.0.22")
	one = one[:strings.LastIndex(one, "\n")+1]
	half := strings.Index(one, "RCPT") + 10
	cases := []struct {
		name string
		do   func(w *following, dir string)
		want []string // The logs, whole.
	}{
		{"half a row completed later", func(w *following, dir string) {
			w.append(filepath.Join(dir, "ex.log"), one[:half])
			w.until(2)
			w.look()
			w.append(filepath.Join(dir, "ex.log"), one[half:])
		}, []string{one}},
		{"header in mid-file", func(w *following, dir string) {
			w.append(filepath.Join(dir, "ex.log"), one)
			w.until(1)
			w.append(filepath.Join(dir, "ex.log"), two)
		}, []string{one + two}},
		{"roll to a new name", func(w *following, dir string) {
			w.append(filepath.Join(dir, "ex1.log"), one)
			w.until(1)
			w.append(filepath.Join(dir, "ex2.log"), two)
		}, []string{one, two}},
		{"a burst into the old file after the new one exists", func(w *following, dir string) {
			w.append(filepath.Join(dir, "ex1.log"), one[:half])
			w.until(1)
			w.append(filepath.Join(dir, "ex2.log"), two)
			w.until(100)
			w.append(filepath.Join(dir, "ex1.log"), one[half:])
		}, []string{one, two}},
		{"rename and create", func(w *following, dir string) {
			path := filepath.Join(dir, "ex.log")
			w.append(path, one[:half])
			w.until(1)
			w.append(path, one[half:])
			must(w.t, os.Rename(path, filepath.Join(dir, "ex.old")))
			w.append(path, two)
		}, []string{one, two}},
		{"copy and truncate", func(w *following, dir string) {
			path := filepath.Join(dir, "ex.log")
			w.append(path, one)
			w.until(int64(strings.Count(one, "\n") - 4))
			writeLog(w.t, dir, "ex.1", one)
			must(w.t, os.Truncate(path, 0))
			w.append(path, two)
		}, []string{one, two}},
		{"truncated and rewritten with as many bytes", func(w *following, dir string) {
			path := filepath.Join(dir, "ex.log")
			other := strings.ReplaceAll(one, "MAIL01", "MAIL09")
			w.append(path, one)
			w.until(int64(strings.Count(one, "\n") - 4))
			writeLog(w.t, dir, "ex.log", other)
		}, []string{one, strings.ReplaceAll(one, "MAIL01", "MAIL09")}},
		{"delete and recreate", func(w *following, dir string) {
			path := filepath.Join(dir, "ex.log")
			w.append(path, one)
			w.until(int64(strings.Count(one, "\n") - 4))
			must(w.t, os.Remove(path))
			w.look()
			w.append(path, two)
		}, []string{one, two}},
		{"reserved space overwritten and trimmed", func(w *following, dir string) {
			path := writeLog(w.t, dir, "ex.log", one[:half]+strings.Repeat("\x00", 64<<10))
			w.until(1)
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(w.t, err)
			for at := half; at < len(one); at += 1000 {
				_, err := f.WriteAt([]byte(one[at:min(at+1000, len(one))]), int64(at))
				must(w.t, err)
				w.look()
			}
			must(w.t, f.Truncate(int64(len(one))))
			must(w.t, f.Close())
		}, []string{one}},
		{"a row of 1 MB is one row", func(w *following, dir string) {
			path := filepath.Join(dir, "ex.log")
			w.append(path, one)
			w.until(1)
			long := "2026-11-05 09:00:00 10.0.0.1 pc MAIL01 x-noop +" + strings.Repeat("a", 1000<<10) + " 250 4\r\n"
			w.append(path, long[:500_000])
			w.look()
			w.append(path, long[500_000:])
			w.append(path, two)
		}, []string{one + "2026-11-05 09:00:00 10.0.0.1 pc MAIL01 x-noop +" + strings.Repeat("a", 1000<<10) + " 250 4\r\n" + two}},
		{"a folder that vanishes and comes back", func(w *following, dir string) {
			w.append(filepath.Join(dir, "ex.log"), one[:half])
			w.until(1)
			must(w.t, os.Rename(dir, dir+".away"))
			w.look()
			w.append(filepath.Join(dir+".away", "ex.log"), one[half:])
			must(w.t, os.Rename(dir+".away", dir))
		}, []string{one}},
	}
	for _, mode := range []PollMode{PollAuto, PollAlways} {
		for _, c := range cases {
			t.Run(string(mode)+"/"+c.name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "logs")
				must(t, os.Mkdir(dir, 0o700))
				w := follow(t, mode, newKept(), dir)
				c.do(w, dir)
				w.same(c.want...)
			})
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Trouble is told once, and once that it is over.
func TestFollowTellsTroubleOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	must(t, os.Mkdir(dir, 0o700))
	w := follow(t, PollAuto, newKept(), dir)
	one := w3c("MAIL01", 8, 2, "10.0.0.1")
	w.append(filepath.Join(dir, "ex.log"), one)
	w.until(1)
	must(t, os.Rename(dir, dir+".away"))
	for range 5 {
		w.look()
	}
	must(t, os.Rename(dir+".away", dir))
	w.append(filepath.Join(dir, "ncsa.log"), "192.0.2.121 - pc7 [05/Nov/2026:13:16:39 -0600] \"EHLO -?+pc7 SMTP\" 250 46\n")
	for range 5 {
		w.look()
	}
	w.same(one)
	if len(w.problems) != 3 || !strings.Contains(w.problems[0], "logs") || w.problems[1] != "logs: over" || !strings.Contains(w.problems[2], "NCSA") {
		t.Errorf("got %q; want the folder gone, over, and the refused log", w.problems)
	}
	for _, l := range w.f.Logs() {
		if want := filepath.Base(l.Path) == "ncsa.log"; (l.Mode == FollowUnreadable) != want {
			t.Errorf("%s is %s %s", l.Path, l.Mode, l.Error)
		}
	}
}

// 400 old logs are read at the first start, merged by time, and then cost nothing.
func TestFollowManyOldLogs(t *testing.T) {
	dir := t.TempDir()
	for i := range 400 {
		log := w3c("MAIL"+string(rune('A'+i%26))+string(rune('A'+i/26)), 8, 2, "10.0.0.1")
		writeLog(t, dir, "ex"+string(rune('a'+i%26))+string(rune('a'+i/26))+".log", log)
	}
	w := follow(t, PollAuto, newKept(), dir)
	w.until(400 * 12)
	w.look()
	w.stop()
	if len(w.kept.transactions) != 800 || w.kept.rows != 4800 {
		t.Errorf("got %d transactions of %d rows; want 800 of 4800", len(w.kept.transactions), w.kept.rows)
	}
}

// However a server writes, rolls, renames and reserves, and however often the
// follower is stopped, every row counts once.
func TestFollowAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		must(t, err)
		k := newKept()
		w := follow(t, rapid.SampledFrom([]PollMode{PollAuto, PollAlways}).Draw(rt, "mode"), k, dir)
		var contents []string
		written := 0 // Of the last log.
		path := ""
		reserved := false
		next := func() {
			contents = append(contents, w3c("MAIL01", 8+len(contents), 12, "10.0.0.1"))
			path, written, reserved = filepath.Join(dir, "ex"+string(rune('a'+len(contents)))+".log"), 0, false
		}
		next()
		write := func(n int) {
			content := contents[len(contents)-1]
			n = min(n, len(content)-written)
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
			must(t, err)
			_, err = f.WriteAt([]byte(content[written:written+n]), int64(written))
			must(t, err)
			written += n
			if reserved && written == len(content) {
				must(t, f.Truncate(int64(written)))
			}
			must(t, f.Close())
		}
		finish := func() { write(1 << 30) }
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "write", "look", "roll", "rename", "reserve", "restart"}).Draw(rt, "step") {
			case "write":
				write(rapid.IntRange(1, 700).Draw(rt, "bytes"))
			case "look":
				w.look()
			case "roll":
				finish()
				next()
			case "rename":
				if written > 0 {
					moved := path + ".old"
					must(t, os.Rename(path, moved))
					path = moved
				}
			case "reserve":
				if !reserved {
					reserved = true
					f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
					must(t, err)
					must(t, f.Truncate(64<<10))
					must(t, f.Close())
				}
			case "restart":
				w.stop()
				w = follow(t, PollAuto, k, dir)
			}
		}
		finish()
		w.same(contents...)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// A sink that fails ends the follower, and a new one goes on from what was kept.
func TestFollowSinkFails(t *testing.T) {
	dir := t.TempDir()
	one := w3c("MAIL01", 8, 40, "10.0.0.1")
	writeLog(t, dir, "ex.log", one)
	k := newKept()
	broken := errors.New("disk full")
	f := &Follower{Sources: []Source{{Path: dir}}, BatchRows: 50}
	n := 0
	err := f.Run(t.Context(), func(ctx context.Context, b *Batch) error {
		if n++; n == 3 {
			return broken
		}
		return k.sink(ctx, b)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v; want %v", err, broken)
	}
	follow(t, PollAuto, k, dir).same(one)
}
