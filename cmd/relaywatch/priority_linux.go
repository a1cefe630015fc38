package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// niceness is how far the agent steps back where others want the processor.
const niceness = 10

// What ioprio_set(2) knows; package unix lacks it.
const (
	ioprioThread    = 1 // IOPRIO_WHO_PROCESS: a thread
	ioprioShift     = 13
	ioprioNone      = 0 // The class of who set nothing: it follows from the niceness.
	ioprioIdleClass = 3 // The disk while nobody else wants it.
)

// lowerPriority lets everything else on the host go first.
func lowerPriority() error {
	return eachThread(func(thread int) error { return unix.Setpriority(unix.PRIO_PROCESS, thread, niceness) })
}

// background lets everything else go first at the disk, too, or ends that.
func background(on bool) error {
	class := ioprioNone
	if on {
		class = ioprioIdleClass
	}
	return eachThread(func(thread int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioThread, uintptr(thread), uintptr(class<<ioprioShift))
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// eachThread calls f for every thread of the process, as Linux has priorities of
// threads. One that is made later has those of its maker; one that is made meanwhile
// is found in another round.
func eachThread(f func(thread int) error) error {
	done := map[string]bool{}
	for again := true; again; {
		again = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("set the priority: %w", err)
		}
		for _, t := range threads {
			thread, err := strconv.Atoi(t.Name())
			if err != nil || done[t.Name()] {
				continue
			}
			done[t.Name()], again = true, true
			if err := f(thread); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("set the priority: %w", err)
			}
		}
	}
	return nil
}

// processorTime is what the process has used of all processors.
func processorTime() (time.Duration, error) {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("ask for the processor time: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
