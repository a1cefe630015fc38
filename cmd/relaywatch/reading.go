package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"relaywatch/store"
)

// Whoever reads logs into a store shares this lock; who changes what is stored has it
// alone, as a run of ingest remembers addresses and would write them back.
func readingLock(store string) *flock.Flock { return flock.New(store + ".reading.lock") }

// shareReading takes the lock of a run of ingest. It waits while what is
// stored is changed, and says so.
func (p *program) shareReading(ctx context.Context) (release func(), err error) {
	lock := readingLock(p.config.Store.Path)
	release = func() { _ = lock.Unlock() }
	held, err := lock.TryRLock()
	if err == nil && !held {
		p.log.Info().Msg("relaywatch changes what is stored (forget, recipients): waiting until it is done")
		_, err = lock.TryRLockContext(ctx, time.Second/4)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return release, nil
}

// alone keeps agents and runs of ingest away from a store that is there, until release
// is called. The error says what they would do to it, and what to do when they ended.
func (p *program) alone(ctx context.Context, theyDo, then string) (release func(), err error) {
	path := p.config.Store.Path
	if _, err := os.Stat(path); err != nil {
		_, err = store.OpenReadOnly(ctx, path) // It says what is wrong.
		return nil, err
	}
	agent, reading := flock.New(path+".lock"), readingLock(path)
	free := func() { _, _ = reading.Unlock(), agent.Unlock() }
	defer func() {
		if err != nil {
			free()
		}
	}()
	for _, lock := range []*flock.Flock{agent, reading} {
		held, err := lock.TryLock()
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
		case !held && lock == agent:
			return nil, fmt.Errorf("an agent writes to %s, and %s: stop it (`relaywatch agent stop`), %s, and start it again", path, theyDo, then)
		case !held:
			return nil, fmt.Errorf("relaywatch ingest reads logs into %s, and %s: %s when that has ended", path, theyDo, then)
		}
	}
	return free, nil
}
