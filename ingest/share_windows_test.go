package ingest

import (
	"os"
	"path/filepath"
	"testing"
)

// A server rolls, renames and deletes its log while it is read.
func TestSharedLog(t *testing.T) {
	dir := t.TempDir()
	path := writeLog(t, dir, "ex261105.log", "#Software\r\n")
	f, err := openShared(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(path, []byte("#Software\r\n#Version\r\n"), 0o600); err != nil {
		t.Errorf("write: got %v; want no error", err)
	}
	moved := filepath.Join(dir, "ex261105.old")
	if err := os.Rename(path, moved); err != nil {
		t.Errorf("rename: got %v; want no error", err)
	}
	if err := os.Remove(moved); err != nil {
		t.Errorf("remove: got %v; want no error", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 21 {
		t.Errorf("got %v, %v; want the file still open", info, err)
	}
}

// Names are matched in any case, with slashes of either kind.
func TestGlob(t *testing.T) {
	dir := t.TempDir()
	want := writeLog(t, dir, "EX261105.LOG", "")
	writeLog(t, dir, "u_ex261105.log", "")
	for _, pattern := range []string{dir + `\ex*.log`, dir + `/Ex2611??.Log`, filepath.Dir(dir) + `\**\e[x]*.log`} {
		got, explicit := Source{Path: pattern}.files(func(path string, err error) { t.Errorf("%s: %v", path, err) })
		if explicit || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, %v; want %q", pattern, got, explicit, want)
		}
	}
}
