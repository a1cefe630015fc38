package main

import (
	"context"
	"time"

	"relaywatch/store"
)

// doubled is first, doubled so many times, and last at the most.
func doubled(first time.Duration, times int, last time.Duration) time.Duration {
	for ; times > 0 && first < last; times-- {
		first *= 2
	}
	return min(first, last)
}

// outlive is a context that ends a while after ctx, so that the other side of what is
// being sent can still answer. The caller calls done in the end.
func outlive(ctx context.Context, grace time.Duration) (sending context.Context, done func()) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
	})
	return sending, func() {
		stop()
		cancel(nil)
	}
}

// insist notes in the store what came of a try. While the store can't take it the same
// must not be sent again, so it asks until it can, or ctx is done.
func insist(ctx context.Context, note func(context.Context) error) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := note(context.WithoutCancel(ctx))
		if err == nil || !store.Temporary(err) || !sleep(ctx, wait) {
			return err
		}
	}
}
