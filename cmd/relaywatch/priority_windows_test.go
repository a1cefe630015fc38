package main

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

// The process goes behind others, and comes back at the disk.
func TestPriority(t *testing.T) {
	before, err := processorTime()
	if err != nil {
		t.Fatal(err)
	}
	if err := lowerPriority(); err != nil {
		t.Error(err)
	}
	if class, err := windows.GetPriorityClass(windows.CurrentProcess()); err != nil || class != windows.BELOW_NORMAL_PRIORITY_CLASS {
		t.Errorf("got priority class %#x, %v; want %#x", class, err, windows.BELOW_NORMAL_PRIORITY_CLASS)
	}
	after := before
	for after == before { // In steps of 16 ms.
		if after, err = processorTime(); err != nil {
			t.Fatal(err)
		}
	}
	for _, on := range []bool{true, false} {
		err := background(on)
		if errors.Is(err, windows.STATUS_NOT_IMPLEMENTED) {
			t.Skip("what runs this, wine it seems, has no priorities at the disk: only the processor's is tried")
		}
		if err != nil {
			t.Errorf("background %v: %v", on, err)
		}
	}
}
