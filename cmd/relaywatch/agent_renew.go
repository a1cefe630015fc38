package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"relaywatch/store"
)

// checkEvery is how often the file of the store is looked through for damage, if
// that takes no more than a hundredth of the time: SQLite notices damage only where
// it reads.
const checkEvery = time.Minute

// inspect looks for damage, at once and then from time to time.
func (l *live) inspect(ctx context.Context) {
	every := checkEvery
	if l.agent.p.checkEvery > 0 {
		every = l.agent.p.checkEvery
	}
	for {
		began := time.Now()
		if err := store.Check(ctx, l.agent.store); errors.Is(err, store.ErrDamaged) {
			l.cancel(err)
			return
		} // Other trouble is said where the store is read and written.
		if !sleep(ctx, max(every, 100*time.Since(began))) {
			return
		}
	}
}

// maxAside is how many damaged stores may lie beside the store. More mean that the
// disk destroys them, and would fill it.
const maxAside = 3

// renew puts a damaged store aside, if what follow failed with shows that it may be,
// and a check proves it: follow then makes a new one and reads the logs again. It
// returns what is to be said instead of the error, nil if there is nothing more to
// say.
func (a *agent) renew(ctx context.Context, failed error) error {
	if !errors.Is(failed, store.ErrDamaged) && !errors.Is(failed, store.ErrNotDatabase) {
		return nil
	}
	err := store.Check(ctx, a.store)
	// What never was a store here may be anybody's file, and is left alone.
	proven := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotDatabase) && a.opened
	if !proven {
		return nil
	}
	before, listErr := store.Aside(a.store)
	switch {
	case listErr != nil:
		return listErr
	case len(before) >= maxAside:
		return fmt.Errorf("%w; %d damaged stores lie beside it already: check the disk, then remove them (%s…), and a new store is made", err, len(before), before[0])
	}
	aside, moveErr := store.SetAside(a.store, time.Now().UTC().Format("20060102T150405Z"))
	if moveErr != nil {
		return errors.Join(err, moveErr)
	}
	a.opened = false
	a.p.log.Error().Str("what", "store").Msg(visible(asideText(aside)))
	return nil
}

// asideText says what became of a damaged store, and what it alone knew.
func asideText(aside string) string {
	return fmt.Sprintf("the damaged store is kept as %[1]s, and a new one is made from the logs that are still there; "+
		"only the old one knew what people decided about suspects and added to the allow-list, and rows of logs that are gone: `sqlite3 %[1]s .recover | sqlite3 salvaged.db` gets out what can be read; remove it when you need it no more", aside)
}
