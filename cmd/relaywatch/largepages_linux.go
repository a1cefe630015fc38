package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// largePages asks the kernel for pages of 2 MB for so many bytes of the heap, its lowest,
// which the runtime fills first. What is asked for lies scattered over tens of megabytes:
// with pages of 4 kB most look-ups wait for the page table, too. No memory is taken before
// it is used. Where the kernel has none, all stays as it is.
func largePages(bytes int) {
	heap := make([]byte, bytes) // Fresh from the kernel: nothing in it was touched.
	_ = unix.Madvise(heap, unix.MADV_HUGEPAGE)
	runtime.KeepAlive(heap)
	runtime.GC() // It is free again, and keeps what was said of it.
}
