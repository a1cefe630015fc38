package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

// lowerPriority lets everything else on the host go first.
func lowerPriority() error {
	if err := windows.SetPriorityClass(windows.CurrentProcess(), windows.BELOW_NORMAL_PRIORITY_CLASS); err != nil {
		return fmt.Errorf("set the priority: %w", err)
	}
	return nil
}

// background lets everything else go first at the disk and in memory, too, or ends
// that.
func background(on bool) error {
	mode := uint32(windows.PROCESS_MODE_BACKGROUND_END)
	if on {
		mode = windows.PROCESS_MODE_BACKGROUND_BEGIN
	}
	if err := windows.SetPriorityClass(windows.CurrentProcess(), mode); err != nil {
		return fmt.Errorf("set the priority: %w", err)
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
