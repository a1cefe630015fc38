package main

import (
	"os"
	"runtime"
	"runtime/debug"
	sampled "runtime/metrics"
	"sync"
)

// garbageRoom is how much garbage `ingest` lets lie, in bytes: it begins with little in
// use, and a share of that would have it collect all the time.
const garbageRoom = 16 << 20

// heapInUse is about what `ingest` has in use with it, in bytes, of a log of a million rows.
const heapInUse = 64 << 20

// keepGarbage has garbage collected when there are so many bytes of it, or a share of
// agentGCPercent of what is in use if that is more, until stop is called. GOGC decides
// instead, if it is set.
func keepGarbage(room uint64) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	g := &garbage{room: room, before: debug.SetGCPercent(agentGCPercent)}
	g.collected(nothing{})
	return g.stop
}

// garbage sets the percentage anew after each collection. It needs no goroutine: the
// runtime calls it.
type garbage struct {
	room   uint64
	before int // The percentage.

	mu      sync.Mutex // Guards stopped, and the percentage against who stops.
	stopped bool
}

type nothing struct{}

// collected is called after a collection, and at first.
func (g *garbage) collected(nothing) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return
	}
	sample := []sampled.Sample{{Name: "/gc/heap/live:bytes"}}
	sampled.Read(sample)
	inUse := max(sample[0].Value.Uint64(), 4<<20) // The runtime lets no less than 4 MB lie, by that percentage.
	debug.SetGCPercent(max(agentGCPercent, int(100*g.room/inUse)))
	runtime.AddCleanup(new([4]*garbage), g.collected, nothing{}) // Garbage itself, when the next collection comes.
}

func (g *garbage) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	debug.SetGCPercent(g.before)
}
