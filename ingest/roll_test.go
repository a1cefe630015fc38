package ingest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// onFirst calls f before the first Batch is handed on.
func onFirst(f func()) func(*Follower) {
	once := sync.OnceFunc(f)
	return func(*Follower) { once() }
}

// A copy of a log is read at once where the first file of the same content is gone
// before it was opened.
func TestRollCopyReadAtOnce(t *testing.T) {
	one, two := w3c("MAIL01", 8, 60, "10.0.0.1"), w3c("MAIL01", 9, 60, "10.0.0.1")
	for _, c := range []struct {
		name string
		gone func(t *testing.T, dir string)
	}{
		{"deleted", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "b.log"))) }},
		{"replaced", func(t *testing.T, dir string) {
			must(t, os.Rename(writeLog(t, t.TempDir(), "other", headerW3C), filepath.Join(dir, "b.log")))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeLog(t, dir, "a.log", one)
			writeLog(t, dir, "b.log", two)
			writeLog(t, dir, "c.log", two)
			w := followAnd(t, PollAuto, newKept(), onFirst(func() { c.gone(t, dir) }), dir)
			w.ticks <- time.Now() // It is taken after the first look.
			if got, want := w.read(), rowsIn(one)+rowsIn(two); got != want {
				t.Errorf("after one look: got %d rows; want %d", got, want)
			}
			w.same(one, two)
		})
	}
}

// A log that was renamed before it could be opened is read under its new name in the
// next look; the reader of whole logs looks again by itself.
func TestRollMovedBeforeOpen(t *testing.T) {
	one, two, three := w3c("MAIL01", 8, 60, "10.0.0.1"), w3c("MAIL01", 9, 60, "10.0.0.1"), w3c("MAIL01", 10, 3, "10.0.0.1")
	stage := func() (dir string, roll func()) {
		dir = t.TempDir()
		writeLog(t, dir, "a.log", one)
		path := writeLog(t, dir, "b.log", two)
		return dir, func() {
			must(t, os.Rename(path, path+".old"))
			writeLog(t, dir, "b.log", three)
		}
	}
	want := rowsIn(one) + rowsIn(two) + rowsIn(three)

	dir, roll := stage()
	w := followAnd(t, PollAuto, newKept(), onFirst(roll), dir)
	w.ticks <- time.Now()
	w.ticks <- time.Now() // It is taken after the second look.
	if got := w.read(); got != want {
		t.Errorf("follower, after two looks: got %d rows; want %d", got, want)
	}
	w.same(one, two, three)
	if len(w.problems) > 0 {
		t.Errorf("follower: got %q; want no trouble", w.problems)
	}

	dir, roll = stage()
	k := newKept()
	r := &Reader{Sources: []Source{{Path: dir}}, BatchRows: 50}
	result, err := r.Run(t.Context(), func(ctx context.Context, b *Batch) error {
		if k.batches == 0 {
			roll()
		}
		return k.sink(ctx, b)
	})
	if err != nil || k.rows != want || result.Rows != want {
		t.Errorf("reader: got %d rows, %+v, %v; want %d", k.rows, result, err, want)
	}
}
