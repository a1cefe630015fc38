package ingest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"relaywatch/mail"
)

// clockRows are so many rows of a server, a second apart, that go on from the hour.
func clockRows(server string, hour, n int) string {
	log := w3c(server, hour, 1+n/6, "10.0.0.1")[len(headerW3C):]
	var b strings.Builder
	for line := range strings.Lines(log) {
		if n--; n < 0 {
			break
		}
		second := hour*3600 + strings.Count(b.String(), "\n")
		_, rest, _ := strings.Cut(line[len("2026-11-05 "):], " ")
		fmt.Fprintf(&b, "2026-11-05 %02d:%02d:%02d %s", second/3600, second/60%60, second%60, rest)
	}
	return b.String()
}

// sameMail compares what was followed with a quiet run over one log that was never
// cut, but for the places of rows.
func (w *following) sameMail(log string) {
	w.t.Helper()
	want := newKept()
	want.mustRead(w.t, 0, writeLog(w.t, w.t.TempDir(), "quiet.log", log))
	w.until(want.rows)
	w.look()
	w.stop()
	if w.kept.rows != want.rows {
		w.t.Errorf("got %d rows; want %d", w.kept.rows, want.rows)
	}
	if diff := gocmp.Diff(want.list(), w.kept.list(), cmpopts.IgnoreTypes(mail.LogPos{})); diff != "" {
		w.t.Errorf("transactions (-quiet +followed):\n%s", diff)
	}
}

// A log that is cut and written on: each row counts once, and the cut is told once.
func TestCut(t *testing.T) {
	// Rows of the head, and rows beyond it.
	short, long := headerW3C+clockRows("MAIL01", 8, 20), headerW3C+clockRows("MAIL01", 8, 200)
	early, more, late := clockRows("MAIL02", 8, 100), clockRows("MAIL01", 10, 200), clockRows("MAIL01", 12, 400)
	cases := []struct {
		name string
		log  string
		do   func(w *following, path string, cut int64)
		more string // What is written after the cut.
	}{
		{"cut, looked at, written on", long, func(w *following, path string, cut int64) {
			must(w.t, os.Truncate(path, cut))
			w.look()
			w.append(path, more)
		}, more},
		{"cut, looked at, written on with rows that are not later", long, func(w *following, path string, cut int64) {
			must(w.t, os.Truncate(path, cut))
			w.look()
			w.append(path, early)
			w.look()
			w.append(path, more)
		}, early + more},
		{"cut and written on beyond the cursor between two looks", long, func(w *following, path string, cut int64) {
			writeLog(w.t, filepath.Dir(path), filepath.Base(path), long[:cut]+more+late)
		}, more + late},
		{"cut and written on below the cursor between two looks", long, func(w *following, path string, cut int64) {
			writeLog(w.t, filepath.Dir(path), filepath.Base(path), long[:cut]+more[:strings.IndexByte(more, '\n')+1])
			w.look()
			writeLog(w.t, filepath.Dir(path), filepath.Base(path), long[:cut]+more)
		}, more},
		{"replaced by an old copy, and that written on", long, func(w *following, path string, cut int64) {
			must(w.t, os.Rename(writeLog(w.t, w.t.TempDir(), "restored", long[:cut]), path))
			w.look()
			w.append(path, more)
		}, more},
		{"within the head", short, func(w *following, path string, cut int64) {
			must(w.t, os.Truncate(path, cut))
			w.append(path, more)
		}, more},
		{"within the head, looked at, with half a row", short, func(w *following, path string, cut int64) {
			must(w.t, os.Truncate(path, cut))
			w.look()
			w.append(path, more[:30])
			w.look()
			w.append(path, more[30:])
		}, more},
	}
	for _, c := range cases {
		for _, mode := range []PollMode{PollAuto, PollAlways} {
			t.Run(string(mode)+"/"+c.name, func(t *testing.T) {
				dir := t.TempDir()
				path := writeLog(t, dir, "ex.log", c.log)
				w := follow(t, mode, newKept(), dir)
				w.until(rowsIn(c.log))
				before, _ := cutRows(c.log, len(headerW3C)+(len(c.log)-len(headerW3C))/2)
				c.do(w, path, int64(len(before)))
				w.sameMail(c.log + c.more)
				if len(w.problems) == 0 || !strings.Contains(w.problems[0], "was cut") {
					t.Errorf("got %q; want that it was cut", w.problems)
				}
				if n := strings.Count(strings.Join(w.problems, "\n"), "was cut"); n != 1 {
					t.Errorf("told %d times that it was cut; want once: %q", n, w.problems)
				}
			})
		}
	}
}

// A log that stays cut is told of, once, until it is whole again.
func TestCutStays(t *testing.T) {
	dir := t.TempDir()
	log := headerW3C + clockRows("MAIL01", 8, 200)
	path := writeLog(t, dir, "ex.log", log)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(log))
	for _, size := range []int{9000, 6000, 3000} {
		must(t, os.Truncate(path, int64(size)))
		w.look()
		if got := w.f.Logs()[0].Error; !strings.Contains(got, "was cut to 9000 bytes") {
			t.Errorf("cut to %d: got error %q; want that it was cut", size, got)
		}
	}
	writeLog(t, dir, "ex.log", log)
	w.look()
	w.sameMail(log)
	var want *ShrunkError
	text := (&ShrunkError{ReadBytes: int64(len(log)), SizeBytes: 9000, LastTime: w.kept.resume.Logs[0].LastTime}).Error()
	if len(w.problems) != 2 || w.problems[0] != "ex.log: "+text || w.problems[1] != "ex.log: over" {
		t.Errorf("got %q; want %T once, and that it is over", w.problems, want)
	}
}

// A cut in mid-row glues what is left of it to the next row, which is kept; the rows
// behind it are read.
func TestCutInRow(t *testing.T) {
	dir := t.TempDir()
	log, more := headerW3C+clockRows("MAIL01", 8, 200), clockRows("MAIL01", 10, 10)
	path := writeLog(t, dir, "ex.log", log)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(log))
	before, _ := cutRows(log, 8000)
	must(t, os.Truncate(path, int64(len(before)+15)))
	w.look()
	w.append(path, more)
	w.until(rowsIn(log) + 10)
	w.look()
	w.stop()
	if w.kept.rows != rowsIn(log)+10 {
		t.Errorf("got %d rows; want %d", w.kept.rows, rowsIn(log)+10)
	}
	glued := log[len(before):len(before)+15] + more[:strings.IndexByte(more, '\r')]
	if len(w.kept.rejects) != 1 || string(w.kept.rejects[0].Text) != glued {
		t.Errorf("got quarantined %q; want %q", w.kept.rejects, glued)
	}
}

// What a log had that was not read before it was cut is read from a copy.
func TestCutAndCopied(t *testing.T) {
	dir := t.TempDir()
	rows := strings.SplitAfter(clockRows("MAIL01", 8, 200), "\n")
	log, rest := headerW3C+strings.Join(rows[:120], ""), strings.Join(rows[120:], "") // Between two sessions.
	more := clockRows("MAIL01", 10, 20)
	path := writeLog(t, dir, "ex.log", log)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(log))
	before, _ := cutRows(log, 8000)
	writeLog(t, dir, "ex.log", before+more)
	w.look()
	writeLog(t, dir, "ex.1", log+rest)
	w.look()
	w.append(path, clockRows("MAIL01", 11, 20))
	w.sameMail(log + rest + more + clockRows("MAIL01", 11, 20))
}

// A reader that comes after the cut reads what is new, too, and says it.
func TestReadCut(t *testing.T) {
	dir := t.TempDir()
	log, more := headerW3C+clockRows("MAIL01", 8, 200), clockRows("MAIL01", 10, 20)
	path := writeLog(t, dir, "ex.log", log)
	k := newKept()
	k.mustRead(t, 0, dir)
	before, _ := cutRows(log, 8000)
	writeLog(t, dir, "ex.log", before+more)
	_, err := k.read(t, 0, dir)
	var shrunk *ShrunkError
	if !errors.As(err, &shrunk) || shrunk.ReadBytes != int64(len(log)) {
		t.Errorf("got %v; want that it was cut after %d bytes", err, len(log))
	}
	if want := rowsIn(log) + 20; k.rows != want {
		t.Errorf("got %d rows; want %d", k.rows, want)
	}
	if result := k.mustRead(t, 0, dir); result.Rows != 0 {
		t.Errorf("read again: got %+v; want nothing new", result)
	}
	// Its rows are read back from where they stand now, and no others for the former ones.
	for _, l := range k.resume.Logs {
		_, err := Rows(l, []int64{l.ReadBytes - 100})
		if cut := l.ReadBytes == int64(len(log)); errors.Is(err, ErrLogGone) != cut {
			t.Errorf("rows of %v of %s: got %v; want it gone: %v", l.ID, path, err, cut)
		}
	}
}

// However a log is cut to a prefix and written on, with looks and restarts in
// between: each row that was read before the cut, or written after it, counts once.
func TestCutAnyhow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		must(t, err)
		k := newKept()
		rows := strings.SplitAfter(clockRows("MAIL01", 8, 600), "\n")
		path := writeLog(t, dir, "ex.log", headerW3C)
		whole := headerW3C
		stands := []string{} // The rows in the file.
		w := follow(t, PollAuto, k, dir)
		write := func(n int) {
			n = min(n, len(rows)-1) // The last one is empty.
			w.append(path, strings.Join(rows[:n], ""))
			whole += strings.Join(rows[:n], "")
			stands = append(stands, rows[:n]...)
			rows = rows[n:]
		}
		write(rapid.IntRange(1, 150).Draw(rt, "rows at first"))
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "look", "cut", "cut and write", "restart"}).Draw(rt, "step") {
			case "write":
				write(rapid.IntRange(1, 60).Draw(rt, "rows"))
			case "look":
				w.look()
			case "restart":
				w.stop()
				w = follow(t, PollAuto, k, dir)
			case "cut", "cut and write":
				w.look() // What is not read by now is lost.
				stands = stands[:rapid.IntRange(1, len(stands)).Draw(rt, "kept")]
				if rapid.Bool().Draw(rt, "looked at") {
					writeLog(t, dir, "ex.log", headerW3C+strings.Join(stands, ""))
					w.look()
				}
				n := min(rapid.IntRange(1, 60).Draw(rt, "rows"), len(rows)-1)
				whole += strings.Join(rows[:n], "")
				stands = append(stands, rows[:n]...)
				rows = rows[n:]
				writeLog(t, dir, "ex.log", headerW3C+strings.Join(stands, ""))
			}
		}
		w.sameMail(whole)
		if t.Failed() {
			rt.FailNow()
		}
	})
}
