package main

import (
	"cmp"
	"context"
	"runtime/debug"
	"time"
)

// restEvery is how often the agent gives memory back while nothing is written. It
// costs some 0.1 s of one core with 20,000 submitters.
const restEvery = 30 * time.Second

// rest gives back the memory that catching up and busy hours took, once they are over:
// the garbage collector alone would keep as much again as is in use.
func (l *live) rest(ctx context.Context) {
	tick := time.NewTicker(cmp.Or(l.agent.p.lookEvery, reloadEvery))
	defer tick.Stop()
	for rows := int64(-1); ; { // -1 until all logs were looked at once.
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !l.looked.Load() {
			continue
		}
		l.agent.mu.Lock()
		now := l.agent.last.Rows
		l.agent.mu.Unlock()
		if now == rows || rows < 0 {
			debug.FreeOSMemory()
		}
		if rows < 0 {
			tick.Reset(restEvery)
		}
		rows = now
	}
}
