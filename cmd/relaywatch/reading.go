package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"relaywatch/store"
)

// Locks of a store. An agent holds agentLock, a run of ingest readingLock, and never both
// at once: each judges by the rows that it knows, and a session goes on in one memory. Who
// changes what is stored holds both.
const (
	agentLock   = ".lock"
	readingLock = ".reading.lock"
	mailLock    = ".mail.lock"
)

// takeReading takes the lock of a run of ingest. It waits while another one reads or
// what is stored is changed, and says so. Beside an agent there is an error that says
// what to do.
func (p *program) takeReading(ctx context.Context) (release func(), err error) {
	reading, agent := lockOf(p.config.Store.Path, readingLock), lockOf(p.config.Store.Path, agentLock)
	err = reading.await(ctx, func(first bool) {
		if first {
			p.log.Info().Msg("another relaywatch reads logs into the store, or changes what is stored (ingest, forget, recipients): waiting until it is done")
		}
	})
	if err != nil {
		return nil, err
	}
	held, err := agent.take(agent.TryLock)
	switch {
	case err != nil:
		reading.release()
		return nil, fmt.Errorf("lock %s: %w", agent.Path(), err)
	case !held:
		reading.release()
		return nil, fmt.Errorf("an agent reads logs into %s: add these to logs in its configuration, and it reads them within seconds; "+
			"or read them into another store, with --db", p.config.Store.Path)
	}
	agent.release()
	return reading.release, nil
}

// takeAgent takes the lock of an agent for ctx; held is false if another one has it. It
// waits for a run of ingest to end.
func (a *agent) takeAgent(ctx context.Context) (release func(), held bool, err error) {
	agent, reading := lockOf(a.store, agentLock), lockOf(a.store, readingLock)
	for tries := 0; ; tries++ { // A run of ingest has it for a moment, to see whether there is an agent.
		if held, err = agent.take(agent.TryLock); held || err != nil || tries == 10 || !sleep(ctx, 20*time.Millisecond) {
			break
		}
	}
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("lock %s: %w", agent.Path(), err)
	case !held:
		return nil, false, nil
	}
	err = reading.await(ctx, func(first bool) {
		if first {
			a.p.log.Info().Msg("relaywatch ingest reads logs into the store: waiting until it is done")
		}
		a.works()
	})
	if err != nil {
		agent.release()
		return nil, false, err
	}
	reading.release()
	return agent.release, true, nil
}

// await takes a lock alone. While others hold it, it calls waiting, several times a second.
func (l fileLock) await(ctx context.Context, waiting func(first bool)) error {
	for first := true; ; first = false {
		held, err := l.take(l.TryLock)
		if err == nil && !held {
			if waiting(first); sleep(ctx, time.Second/4) {
				continue
			}
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.Path(), err)
		}
		return nil
	}
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
