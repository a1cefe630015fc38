package ingest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Folders of logs are often links to a share. A link may lead to a folder that it
// stands in, or to one that is read already.
func TestFoldersBehindLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a right on Windows that few have")
	}
	dir := t.TempDir()
	logs := filepath.Join(dir, "share", "iis")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	writeLog(t, logs, "ex.log", w3c("MAIL01", 8, 1, "10.0.0.1"))
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("share", "direct")
	link(filepath.Join(dir, "share"), "share/up")
	link("..", "share/iis/round")
	link("nowhere", "share/iis/dangling")
	if err := os.Mkdir(filepath.Join(dir, "collected"), 0o700); err != nil {
		t.Fatal(err)
	}
	link("../share/iis", "collected/ex01")
	for _, path := range []string{"direct", "collected", "share"} {
		t.Run(path, func(t *testing.T) {
			k := newKept()
			result, err := k.read(t, 0, filepath.Join(dir, path))
			if k.rows != 6 || len(k.transactions) != 1 {
				t.Errorf("got %d rows, result %+v, error %v; want the 6 rows once", k.rows, result, err)
			}
			if err == nil {
				t.Error("no word of the link that leads nowhere")
			}
		})
	}
}
