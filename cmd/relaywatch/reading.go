package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"relaywatch/store"
)

// Locks of a store. readingLock is shared by whoever reads logs into it; who changes what
// is stored has it alone, as a run of ingest remembers addresses and would write them back.
const (
	agentLock   = ".lock"
	readingLock = ".reading.lock"
	mailLock    = ".mail.lock"
)

// shareReading takes the lock of a run of ingest. It waits while what is
// stored is changed, and says so.
func (p *program) shareReading(ctx context.Context) (release func(), err error) {
	lock := lockOf(p.config.Store.Path, readingLock)
	held, err := lock.take(lock.TryRLock)
	if err == nil && !held {
		p.log.Info().Msg("relaywatch changes what is stored (forget, recipients): waiting until it is done")
		_, err = lock.take(func() (bool, error) { return lock.TryRLockContext(ctx, time.Second/4) })
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return lock.release, nil
}

// alone keeps agents and runs of ingest away from a store that is there, until release
// is called. The error says what they would do to it, and what to do when they ended.
func (p *program) alone(ctx context.Context, theyDo, then string) (release func(), err error) {
	path := p.config.Store.Path
	if _, err := os.Stat(path); err != nil {
		_, err = store.OpenReadOnly(ctx, path) // It says what is wrong.
		return nil, err
	}
	agent, reading := lockOf(path, agentLock), lockOf(path, readingLock)
	free := func() {
		reading.release()
		agent.release()
	}
	switch held, err := agent.take(agent.TryLock); {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", agent.Path(), err)
	case !held:
		return nil, fmt.Errorf("an agent writes to %s, and %s: stop it (`relaywatch agent stop`), %s, and start it again", path, theyDo, then)
	}
	switch held, err := reading.take(reading.TryLock); {
	case err != nil:
		free()
		return nil, fmt.Errorf("lock %s: %w", reading.Path(), err)
	case !held:
		agent.release()
		return nil, fmt.Errorf("relaywatch ingest reads logs into %s, and %s: %s when that has ended", path, theyDo, then)
	}
	return free, nil
}
