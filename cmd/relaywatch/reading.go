package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"relaywatch/store"
)

// readingLock is shared by whoever reads logs into a store; who changes what is stored has
// it alone, as a run of ingest remembers addresses and would write them back. Its file is
// there only while it is held: one that stayed would be of the user who ran first, and
// keep others out.
type readingLock struct{ *flock.Flock }

func readingLockOf(store string) readingLock {
	return readingLock{flock.New(store + ".reading.lock")}
}

// take takes the lock by try, shared or alone, unless others hold it.
func (l readingLock) take(try func() (bool, error)) (bool, error) {
	for {
		held, err := try()
		if !held || err != nil {
			return held, err
		}
		mine, err := l.Stat()
		if err != nil {
			return true, err
		}
		if there, err := os.Stat(l.Path()); err == nil && os.SameFile(mine, there) {
			return true, nil
		}
		if err := l.Unlock(); err != nil { // Its last holder removed the file meanwhile.
			return false, err
		}
	}
}

// release lets go of the lock, and removes its file if nobody else holds it.
func (l readingLock) release() {
	if alone, err := l.TryLock(); alone && err == nil {
		_ = os.Remove(l.Path())
	}
	_ = l.Unlock()
	if runtime.GOOS == "windows" { // Removes no file that is open, by whomever.
		_ = os.Remove(l.Path())
	}
}

// shareReading takes the lock of a run of ingest. It waits while what is
// stored is changed, and says so.
func (p *program) shareReading(ctx context.Context) (release func(), err error) {
	lock := readingLockOf(p.config.Store.Path)
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
	agent, reading := flock.New(path+".lock"), readingLockOf(path)
	free := func() {
		reading.release()
		_ = agent.Unlock()
	}
	switch held, err := agent.TryLock(); {
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
		_ = agent.Unlock()
		return nil, fmt.Errorf("relaywatch ingest reads logs into %s, and %s: %s when that has ended", path, theyDo, then)
	}
	return free, nil
}
