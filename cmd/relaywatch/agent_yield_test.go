package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What is used is paid for afterwards, at the rate that is allowed; time in which
// little was used is not saved up for later.
func TestYieldingOwes(t *testing.T) {
	now, used := time.Now(), 7*time.Second
	y := yielding{cores: 0.5, paid: now, used: used}
	for _, step := range []struct {
		passed, used, want time.Duration
	}{
		{time.Second, 2 * time.Second, 3 * time.Second},                          // On two processors.
		{4 * time.Second, time.Second, time.Second},                              // It rested for three of them.
		{time.Second, 0, 0},                                                      // It rested only.
		{time.Second, 400 * time.Millisecond, 0},                                 // Less than it may.
		{10 * time.Minute, 0, 0},                                                 // Another program holds the store,
		{time.Second, 2 * time.Second, 3 * time.Second},                          // and lets it go.
		{3 * time.Second, 0, 0},                                                  // It rested.
		{100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond}, // At work again,
		{50 * time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond},   // and the rest was cut short: it is still due,
		{0, 0, 150 * time.Millisecond},                                           // once.
	} {
		now, used = now.Add(step.passed), used+step.used
		if got := y.owes(now, used); got != step.want {
			t.Errorf("%v used in %v: got a rest of %v; want %v", step.used, step.passed, got, step.want)
		}
	}
}

// countingKeeper counts how often the agent says that it gets on.
type countingKeeper struct {
	nobodyKeeps
	alives int
}

func (k *countingKeeper) alive() { k.alives++ }

// Who rests for long says every minute that it is alive, and a stop does not wait for
// the end of it.
func TestYieldingRests(t *testing.T) {
	if _, err := processorTime(); err != nil {
		t.Skip(err)
	}
	for _, stopped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k := &countingKeeper{}
			y := yielding{agent: &agent{p: &program{}, keeper: k}, cores: 1e-6, on: true, paid: time.Now()}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if stopped {
				stop()
			}
			began := time.Now()
			y.step(ctx)
			rested := time.Since(began)
			if stopped != (rested == 0) || !stopped && rested < 10*aliveEvery {
				t.Errorf("stopped %t: it rested for %v", stopped, rested)
			}
			if want := int((rested + aliveEvery - 1) / aliveEvery); k.alives != want {
				t.Errorf("it said %d times in %v that it is alive; want %d", k.alives, rested, want)
			}
		})
	}
}
