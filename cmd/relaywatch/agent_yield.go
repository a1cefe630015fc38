package main

import (
	"cmp"
	"context"
	"time"

	"relaywatch/ingest"
)

// yielding is how the agent lets a mail server on the same host go first while it
// reads what was written before. Only the goroutine that follows uses it.
type yielding struct {
	on    bool
	began time.Time     // When it began, by the clock,
	used  time.Duration // and what the process had used of the processors.
}

// yield is called after each batch. A full one means that more waits: then the agent
// goes into the background, and uses no more of the processors than agent.max_cpu.
func (l *live) yield(ctx context.Context, b *ingest.Batch) {
	if b.Rows < int64(cmp.Or(l.agent.p.batchRows, batchRows)) {
		return
	}
	y := &l.yielding
	if !y.on {
		y.on = true
		l.agent.unlessRefused(background(true))
		y.began = time.Now()
		y.used, _ = processorTime() // It is asked again below.
	}
	cores := l.agent.p.config.Agent.MaxCPU
	if cores == 0 {
		return
	}
	used, err := processorTime()
	if err != nil {
		l.agent.unlessRefused(err)
		return
	}
	// What was used is due over so long a time.
	due := time.Duration(float64(used-y.used) / cores)
	sleep(ctx, due-time.Since(y.began))
}

// caughtUp comes back from the background.
func (l *live) caughtUp() {
	if l.yielding.on {
		l.yielding.on = false
		l.agent.unlessRefused(background(false))
	}
}

// unlessRefused says once that the agent can't step back for others.
func (a *agent) unlessRefused(err error) {
	if err != nil && !a.refused {
		a.refused = true
		a.p.log.Warn().Msg(visible("the agent can't step back for others: " + err.Error()))
	}
}
