package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/store"
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

// classKeeper notes the class at the disk when the agent says that it gets on.
type classKeeper struct {
	nobodyKeeps
	classes []int
}

func (k *classKeeper) alive() { k.classes = append(k.classes, diskClass(0)) }

// diskClass is the class at the disk of a thread, 0 is the one that asks; -1 if it ended.
func diskClass(thread int) int {
	priority, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, ioprioThread, uintptr(thread), 0)
	if errno != 0 {
		return -1
	}
	return int(priority >> ioprioShift)
}

// Who judges all stored mail anew, at the start or as late rows came, goes behind others, too.
func TestAgentYieldsJudgingAnew(t *testing.T) {
	var log iisLog
	at := time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)
	for n := range 2*judgeEach + 1 {
		log.message(at.Add(time.Duration(n)*10*time.Second), "10.1.4.1", "ann@corp.example", "bob@corp.example", 3000)
	}
	dir := t.TempDir()
	path, file := filepath.Join(dir, "ex261102.log"), filepath.Join(dir, "anew.db")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, "--db", file, "ingest", path)
	db, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ruleSet, err := rulesIn("")
	if err != nil {
		t.Fatal(err)
	}
	for _, atStart := range []bool{true, false} {
		line, err := newPipeline(t.Context(), db, ruleSet, detect.Site{OwnDomains: []string{"corp.example"}})
		if err != nil || line.anew != atStart {
			t.Fatalf("got %v, all is judged anew: %t; want %t", err, line.anew, atStart)
		}
		k := &classKeeper{}
		a := &agent{p: &program{}, keeper: k}
		l := &live{agent: a, db: db, line: line, yielding: yielding{agent: a}, catchingUp: atStart}
		f := &ingest.Follower{}
		line.alive = func() { l.meanwhile(t.Context(), f) }
		if atStart {
			err = l.catchUp(t.Context(), f)
		} else {
			line.anew = true // Late rows came.
			err = l.judgeAnew(t.Context(), false)
			l.yielding.end() // As after a look.
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := []int{ioprioIdleClass, ioprioIdleClass}; !slices.Equal(k.classes, want) || diskClass(0) != ioprioNone {
			t.Errorf("at the start %t: got classes %v at the disk, and %d afterwards; want %v and %d", atStart, k.classes, diskClass(0), want, ioprioNone)
		}
	}
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
		if class := diskClass(id); class >= 0 {
			classes[fmt.Sprint(class)] = true
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
