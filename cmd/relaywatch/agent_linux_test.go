package main

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A full disk is said once; rows wait in the logs, and are stored when there is room.
func TestAgentFullDisk(t *testing.T) {
	s := newStage(t)
	s.newDisk(t, "3m")
	h := newHost(t, 60_000, "")
	h.db = filepath.Join(s.dir, "disk", "a.db")
	h.configure("agent: {interval: 50ms}")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	full := func() bool { return strings.Contains(r.errOut.String(), "the disk is full") }
	for deadline := time.Now().Add(30 * time.Second); !full(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the agent says %s; want that the disk is full", r.errOut)
		}
	}
	before := h.rows()
	time.Sleep(3 * firstRetry)
	if n := strings.Count(r.errOut.String(), "the disk is full"); n != 1 {
		t.Errorf("said %d times; want once: %s", n, r.errOut)
	}
	s.remount(t, 0, "64m")
	h.until(h.wholeRows(), r)
	r.stop()
	if before == 0 || before == h.wholeRows() {
		t.Errorf("got %d rows before the disk was full; want some, and not all of %d", before, h.wholeRows())
	}
	if !strings.Contains(r.errOut.String(), "healed") {
		t.Errorf("the agent says %s; want that it healed", r.errOut)
	}
	h.same("full disk")
}

// A log that can't be read is said once, and read when it can.
func TestAgentUnreadableLog(t *testing.T) {
	s := newStage(t)
	s.newDisk(t, "8m")
	h := newHost(t, 3000, "")
	h.dir = filepath.Join(s.dir, "disk")
	h.configure("agent: {interval: 50ms}")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	// The share drops out, and an empty folder is left in its place.
	if err := syscall.Mount("relaywatch", h.dir, "tmpfs", 0, "mode=000"); err != nil {
		t.Skipf("a disk can't be mounted here: %v", err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := syscall.Unmount(h.dir, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	h.logs[2] += strings.ReplaceAll(h.logs[0][strings.Index(h.logs[0], "\n2")+1:], "2026-11-03", "2026-11-06")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	h.until(h.wholeRows(), r)
	r.stop()
	h.same("share away")
}
