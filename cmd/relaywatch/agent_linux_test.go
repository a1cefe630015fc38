package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A full disk is said once, until there is room; rows wait in the logs, and are stored when there is room.
func TestAgentFullDisk(t *testing.T) {
	s := newStage(t)
	s.newDisk(t, "3m")
	h := newHost(t, 60_000, "")
	h.db = filepath.Join(s.dir, "disk", "a.db")
	h.configure("agent: {interval: 50ms}")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	r.await("the disk is full")
	before := h.rows()
	time.Sleep(3 * firstRetry)
	h.untilStatus(exitDone, "trouble    store: store "+h.db+": the disk is full: make room")
	s.remount(t, 0, "64m")
	h.until(h.wholeRows(), r)
	// Just before the end, SQLite may make room once more by itself: it healed, then, and
	// when it has done so twice, a moment later.
	times := func(text string) int { return strings.Count(r.errOut.String(), text) }
	for deadline := time.Now().Add(30 * time.Second); times("INF healed") < times("the disk is full") && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	r.stop()
	if before == 0 || before == h.wholeRows() {
		t.Errorf("got %d rows before the disk was full; want some, and not all of %d", before, h.wholeRows())
	}
	said, healed := times("the disk is full"), times("INF healed")
	if said != healed || said > 4 {
		t.Errorf("said %d times that the disk is full, and %d times that it healed; want as many, and few: %s", said, healed, r.errOut)
	}
	h.same("full disk")
}

// A log and a folder that the agent may not read are said once, and read when it may.
func TestAgentForbiddenLog(t *testing.T) {
	s := newStage(t)
	h := newHost(t, 6000, "")
	h.dir, h.db, h.config = filepath.Join(s.dir, "logs"), filepath.Join(s.dir, "a.db"), filepath.Join(s.dir, "relaywatch.yaml")
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h.configure("agent: {interval: 50ms}")
	s.chmod(t, "relaywatch.yaml", 0o644)
	whole := h.logs
	h.logs = whole[:1]
	h.writeAtOnce()
	s.chmod(t, "logs/ex0.log", 0o644)
	r := h.run(s.command(t, "--config", h.config, "agent"))
	h.until(h.wholeRows(), r)

	h.logs = whole
	h.writeAtOnce() // Files of 0600.
	r.await("ex2.log")
	h.status(exitDone, "trouble    log "+filepath.Join(h.dir, "ex1.log")+": ", "give this account the right")
	s.chmod(t, "logs", 0o700)
	r.await("logs can't be read")
	r.await("ex0.log can't be read")
	time.Sleep(600 * time.Millisecond) // It looks again, and says nothing.
	s.chmod(t, "logs/ex1.log", 0o644)
	s.chmod(t, "logs/ex2.log", 0o644)
	s.chmod(t, "logs", 0o755)
	h.until(h.wholeRows(), r)
	r.await("healed")
	r.stop()
	h.same("forbidden for a while")
	h.status(exitDone, "quarantine 0 rows")
	for _, name := range []string{"/ex0.log", "/ex1.log", "/ex2.log", ""} {
		r.saysOnce("ERR " + h.dir + name + " can't be read: give this account the right to read it")
	}
	if n := strings.Count(r.errOut.String(), "INF healed"); n != 4 {
		t.Errorf("healed %d times; want four times: %s", n, r.errOut)
	}
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
