package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No log stays open when a run ends in the middle, or its server could never be rid
// of it on Windows.
func TestLogsAreClosed(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "a.log", w3c("MAIL01", 8, 40, "10.0.0.1"))
	writeLog(t, dir, "b.log", w3c("MAIL02", 8, 40, "10.0.0.2"))
	broken := errors.New("disk full")
	during := 0
	sink := func(context.Context, *Batch) error {
		during = len(openIn(t, dir))
		return broken
	}
	r := &Reader{Sources: []Source{{Path: dir}}, BatchRows: 50}
	if _, err := r.Run(t.Context(), sink); !errors.Is(err, broken) {
		t.Errorf("reader: got %v; want %v", err, broken)
	}
	if after := openIn(t, dir); during != 2 || len(after) > 0 {
		t.Errorf("reader: got %d logs open while it read, and %q after it; want 2 and none", during, after)
	}
	f := &Follower{Sources: []Source{{Path: dir}}, BatchRows: 50}
	if err := f.Run(t.Context(), sink); !errors.Is(err, broken) {
		t.Errorf("follower: got %v; want %v", err, broken)
	}
	if after := openIn(t, dir); len(after) > 0 {
		t.Errorf("follower: got %q open after it; want none", after)
	}
}

// openIn are the files of a folder that this process has open.
func openIn(t *testing.T, dir string) []string {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	var open []string
	for _, fd := range fds {
		path, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err == nil && strings.HasPrefix(path, dir) { // That of ReadDir is closed by now.
			open = append(open, path)
		}
	}
	return open
}
