package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

// Whoever reads logs into a store shares this lock; forget has it alone, as a run of
// ingest remembers addresses and would write them back.
func readingLock(store string) *flock.Flock { return flock.New(store + ".reading.lock") }

// shareReading takes the lock of a run of ingest. It waits while an address is
// forgotten, and says so.
func (p *program) shareReading(ctx context.Context) (release func(), err error) {
	lock := readingLock(p.config.Store.Path)
	release = func() { _ = lock.Unlock() }
	held, err := lock.TryRLock()
	if err == nil && !held {
		p.log.Info().Msg("relaywatch forget is at work on the store: waiting until it is done")
		_, err = lock.TryRLockContext(ctx, time.Second/4)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return release, nil
}
