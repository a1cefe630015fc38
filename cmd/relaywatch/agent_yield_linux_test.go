package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// While it catches up, the agent uses no more of the processors than it may, and all
// its threads go behind others, also at the disk; afterwards only at the processor.
func TestAgentYields(t *testing.T) {
	const cores = 0.1
	h := newHost(t, 30_000, fmt.Sprintf("agent: {interval: 50ms, max_cpu: %g}", cores))
	h.writeAtOnce()
	r := h.start()
	h.until(h.wholeRows()/4, r)
	began, before := time.Now(), cpuOf(t, r.proc.Pid)
	if nice, class := priorities(t, r.proc.Pid); nice != "10" || class != "3" {
		t.Errorf("while it catches up: got niceness %s, class %s of the disk in all threads; want 10 and 3", nice, class)
	}
	h.until(h.wholeRows()*3/4, r)
	took, used := time.Since(began), cpuOf(t, r.proc.Pid)-before
	// What was used last is paid for afterwards.
	if share := used.Seconds() / took.Seconds(); share > 1.3*cores {
		t.Errorf("it used %.2f processors (%v in %v); want %g at the most", share, used, took, cores)
	}
	h.until(h.wholeRows(), r)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		nice, class := priorities(t, r.proc.Pid)
		if nice == "10" && class == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: got niceness %s, class %s of the disk in all threads; want 10 and 0", nice, class)
		}
	}
	r.stop()
	h.same("in the background")
}

// priorities are the niceness and the class at the disk of all threads of a process:
// several where they differ.
func priorities(t *testing.T, pid int) (nice, class string) {
	t.Helper()
	threads, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	nices, classes := map[string]bool{}, map[string]bool{}
	for _, thread := range threads {
		stat, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "task", thread.Name(), "stat"))
		if err != nil {
			continue // It ended.
		}
		_, fields, _ := strings.Cut(string(stat), ") ") // The name may hold spaces.
		nices[strings.Fields(fields)[16]] = true
		var id int
		if _, err := fmt.Sscan(thread.Name(), &id); err != nil {
			t.Fatal(err)
		}
		priority, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioThread, uintptr(id), 0)
		if errno == 0 {
			classes[fmt.Sprint(priority>>ioprioShift)] = true
		}
	}
	join := func(m map[string]bool) (s string) {
		for k := range m {
			s += k
		}
		return s
	}
	return join(nices), join(classes)
}
