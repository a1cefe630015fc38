package main

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// lowerPriority lets everything else on the host go first.
func lowerPriority() error {
	if err := windows.SetPriorityClass(windows.CurrentProcess(), windows.BELOW_NORMAL_PRIORITY_CLASS); err != nil {
		return fmt.Errorf("set the priority: %w", err)
	}
	return nil
}

// Priorities at the disk (IO_PRIORITY_HINT).
const (
	ioPriorityVeryLow = 0
	ioPriorityNormal  = 2
)

// background lets everything else go first at the disk, too, or ends that. It is not
// done by PROCESS_MODE_BACKGROUND_BEGIN, which holds a process to 32 MB of memory:
// then most of its time goes to fetching pages back.
func background(on bool) error {
	priority := uint32(ioPriorityNormal)
	if on {
		priority = ioPriorityVeryLow
	}
	err := windows.NtSetInformationProcess(windows.CurrentProcess(), windows.ProcessIoPriority, unsafe.Pointer(&priority), uint32(unsafe.Sizeof(priority)))
	if err != nil {
		return fmt.Errorf("set the priority at the disk: %w", err)
	}
	return nil
}

// processorTime is what the process has used of all processors.
func processorTime() (time.Duration, error) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0, fmt.Errorf("ask for the processor time: %w", err)
	}
	const tick = 100 * time.Nanosecond
	ticks := func(t windows.Filetime) time.Duration {
		return time.Duration(uint64(t.HighDateTime)<<32 | uint64(t.LowDateTime))
	}
	return (ticks(kernel) + ticks(user)) * tick, nil
}
