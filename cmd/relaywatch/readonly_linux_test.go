package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newDisk mounts a disk in memory at a folder of the stage.
func (s stage) newDisk(t *testing.T, size string) {
	t.Helper()
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("relaywatch", disk, "tmpfs", 0, "mode=777,size="+size); err != nil {
		t.Skipf("a disk can't be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// remount changes a disk that newDisk has mounted.
func (s stage) remount(t *testing.T, flags uintptr, size string) {
	t.Helper()
	if err := syscall.Mount("relaywatch", filepath.Join(s.dir, "disk"), "tmpfs", syscall.MS_REMOUNT|flags, "size="+size); err != nil {
		t.Skipf("a disk can't be mounted anew here: %v", err)
	}
}

// TestReadOnlyDisk: a store on it can be asked, and not be written.
func TestReadOnlyDisk(t *testing.T) {
	s := newStage(t)
	copyFile(t, sampleLog, filepath.Join(s.dir, "open.log"), 0o644)
	s.newDisk(t, "8m")
	s.expect(t, exitDone, "read 880 rows", "--db", "disk/a.db", "ingest", "open.log")
	s.remount(t, syscall.MS_RDONLY, "8m")
	want := "the disk of folder " + filepath.Join(s.dir, "disk") + " is read-only: choose a file on another one"
	s.expect(t, exitFailed, want, "--db", "disk/a.db", "ingest", "open.log")
	s.expect(t, exitFailed, want, "--db", "disk/new.db", "ingest", "open.log")
	s.expect(t, exitDone, "no suspects", "--db", "disk/a.db", "suspects")
}

// TestFullDisk: what was read before the disk was full stays, and the next run goes
// on from there.
func TestFullDisk(t *testing.T) {
	s := newStage(t)
	log := benchLog(t, 60_000)
	copyFile(t, log, filepath.Join(s.dir, "bench.log"), 0o644)
	s.newDisk(t, "3m")
	t.Setenv("TEST_BATCH_ROWS", "2000")
	s.expect(t, exitFailed, "disk is full", "--db", "disk/a.db", "ingest", "bench.log")
	s.remount(t, 0, "64m")
	s.expect(t, exitDone, "read ", "--db", "disk/a.db", "ingest", "bench.log")

	quiet := filepath.Join(t.TempDir(), "quiet.db")
	mustRun(t, 0, "--db", quiet, "ingest", log)
	want, got := viewsOf(t, quiet), viewsOf(t, filepath.Join(s.dir, "disk/a.db"))
	delete(want, "v_logs") // The path differs.
	delete(got, "v_logs")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the store differs (- in a quiet run, + after a full disk):\n%.4000s", diff)
	}
}

// TestExportFullDisk: what does not fit leaves nothing behind.
func TestExportFullDisk(t *testing.T) {
	s := newStage(t)
	copyFile(t, benchLog(t, 30_000), filepath.Join(s.dir, "bench.log"), 0o644)
	s.expect(t, exitDone, "read 30,000 rows", "--db", "a.db", "ingest", "bench.log")
	s.newDisk(t, "100k")
	for _, name := range []string{"disk/all.csv", "disk/all.parquet"} {
		s.expect(t, exitFailed, "no space left on device", "--db", "a.db", "export", "--out", name)
		if files, err := os.ReadDir(filepath.Join(s.dir, "disk")); err != nil || len(files) > 0 {
			t.Errorf("%s: got %v, %v on the disk; want nothing", name, files, err)
		}
	}
}
