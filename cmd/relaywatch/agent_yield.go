package main

import (
	"context"
	"time"
)

// yielding is how the agent lets a mail server on the same host go first while it works
// off what there was before: logs that were written, or stored mail that it judges anew.
// Only the goroutine that does this uses it.
type yielding struct {
	agent *agent
	full  int64   // Rows of a batch that is full: more waits.
	cores float64 // agent.max_cpu; 0 is no limit.

	on   bool
	paid time.Time     // Until when what was used is paid for; by the monotonic clock.
	used time.Duration // What the process had used of the processors when that was reckoned.
}

// step is called after each part of the work: the agent goes into the background, and
// uses no more of the processors than agent.max_cpu.
func (y *yielding) step(ctx context.Context) {
	first := !y.on
	if first {
		y.on = true
		y.agent.unlessRefused(background(true))
	}
	if y.cores == 0 {
		return
	}
	used, err := processorTime()
	if err != nil {
		y.agent.unlessRefused(err)
		return
	}
	if first {
		y.paid, y.used = time.Now(), used
		return
	}
	for rest := y.owes(time.Now(), used); rest > 0 && sleep(ctx, min(rest, aliveEvery)); rest -= aliveEvery {
		y.agent.keeper.alive()
	}
}

// aliveEvery is how often an agent that rests says that it is not stuck. Judging late
// rows between two batches may take so long that it rests for many minutes.
const aliveEvery = time.Minute

// owes is how long to rest for what was used since it was asked last. Time in which
// less was used, as while another program held the store, is not saved up: after it
// the agent would take all processors for as long.
func (y *yielding) owes(now time.Time, used time.Duration) time.Duration {
	rest := max(0, time.Duration(float64(used-y.used)/y.cores)-now.Sub(y.paid))
	y.paid, y.used = now.Add(rest), used
	return rest
}

// end comes back from the background.
func (y *yielding) end() {
	if y.on {
		y.on = false
		y.agent.unlessRefused(background(false))
	}
}

// unlessRefused says once that the agent can't step back for others.
func (a *agent) unlessRefused(err error) {
	if err != nil && !a.refused {
		a.refused = true
		a.p.log.Warn().Msg(visible("the agent can't step back for others: " + err.Error()))
	}
}
