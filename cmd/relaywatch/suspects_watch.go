package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// eventStands is that an episode was there when the watch began. The others are
// detect's.
const eventStands = "stands"

// watch follows the episodes in a store that somebody else writes, by looking at it
// again and again. It opens the store for reading only.
type watch struct {
	p      *program
	json   bool
	filter store.Filter

	db       *store.DB   // nil until it is opened, and after it failed.
	file     fs.FileInfo // Of db.
	told     []detect.Told
	began    bool   // What stood at the beginning is told.
	troubled string // What was said last of the store or the agent, so that it is said once.
}

// Bounds of --interval.
const (
	minLook = 100 * time.Millisecond
	maxLook = time.Hour
)

// watchSuspects prints what is new at each tick until ctx is done.
func (p *program) watchSuspects(ctx context.Context, f suspectsFlags, filter store.Filter) error {
	switch {
	case f.failOn.severity != "":
		return usageError{errors.New("--watch goes on until it is stopped, so that --fail-on can't: choose one")}
	case f.format == "csv":
		return usageError{errors.New("--watch prints a table, or with --format json a line for each change")}
	case f.interval < minLook || f.interval > maxLook:
		return usageError{fmt.Errorf("--interval %v: use a time span from 100ms to 1h", f.interval)}
	}
	w := &watch{p: p, json: f.format == "json", filter: filter}
	defer w.close()
	if err := w.open(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	return w.run(ctx, time.Now(), tick.C)
}

// run looks at once, and at each tick until ctx is done. What keeps it from looking is
// said once, and tried again; the error is that of writing.
func (w *watch) run(ctx context.Context, now time.Time, tick <-chan time.Time) error {
	for {
		if err := w.look(ctx, now); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick:
		}
	}
}

// look prints what changed since it looked last.
func (w *watch) look(ctx context.Context, now time.Time) error {
	suspects, until, err := w.read(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		w.close() // The next look opens it anew.
		w.say("%v; it is tried again", err)
		return nil
	}
	w.sayAgent(now)
	if !w.began {
		if err := w.head(); err != nil {
			return err
		}
	}
	for _, s := range slices.Backward(suspects) { // The worst stand last, where the terminal ends.
		if err := w.episode(ctx, &s); err != nil {
			return err
		}
	}
	w.began = true
	return w.withdraw(suspects, until)
}

// read are the episodes that may still go on, whatever their state: those within two
// days of what is judged, or of --since. Episodes and until are of the same moment, or
// one that is made anew between two looks would seem to be none.
func (w *watch) read(ctx context.Context) ([]store.Suspect, mail.Time, error) {
	if err := w.open(ctx); err != nil {
		return nil, 0, err
	}
	const within = 2 * detect.Quiet
	f := w.filter
	f.State = ""
	suspects, until, err := w.db.Lately(ctx, f, within)
	if err != nil {
		return nil, 0, err
	}
	since := cmp.Or(f.Since, until.Add(-within))
	w.told = slices.DeleteFunc(w.told, func(t detect.Told) bool { return t.LastFlagged < since })
	return suspects, until, nil
}

// episode tells of an episode if there is something to tell.
func (w *watch) episode(ctx context.Context, s *store.Suspect) error {
	wanted := s.InWork()
	if w.filter.State != "" {
		wanted = s.State == w.filter.State
	}
	i := slices.IndexFunc(w.told, func(t detect.Told) bool { return t.About(s.Submitter, s.FirstFlagged, s.LastFlagged) })
	if !wanted {
		if i >= 0 {
			w.told[i].LastFlagged = max(w.told[i].LastFlagged, s.LastFlagged) // It is there, though it needs nobody any more.
		}
		return nil
	}
	event, grew := detect.Grown, []string(nil)
	if i < 0 {
		event = detect.Opened
		if !w.began {
			event = eventStands
		}
		i = len(w.told)
		w.told = append(w.told, detect.Told{Submitter: s.Submitter, FirstFlagged: s.FirstFlagged})
	} else if grew = w.told[i].Grew(s.Severity, s.Rules, s.Recipients); grew == nil {
		w.told[i].LastFlagged = max(w.told[i].LastFlagged, s.LastFlagged)
		return nil
	}
	t := &w.told[i]
	t.LastFlagged = max(t.LastFlagged, s.LastFlagged)
	t.Tell(s.Severity, s.Rules, s.Recipients)
	sentence, err := why(ctx, w.db, *s)
	if err != nil {
		sentence = s.Summary // The next look says what is wrong with the store.
	}
	return w.print(event, grew, s, sentence)
}

// withdraw tells of episodes that were told and turned out to be none.
func (w *watch) withdraw(suspects []store.Suspect, until mail.Time) error {
	var err error
	w.told = slices.DeleteFunc(w.told, func(t detect.Told) bool {
		still := slices.ContainsFunc(suspects, func(s store.Suspect) bool { return t.About(s.Submitter, s.FirstFlagged, s.LastFlagged) })
		if still || !t.Settled(until) || err != nil {
			return false
		}
		s := store.Withdrawn(&t)
		err = w.print(detect.Withdrawn, nil, &s, s.Summary)
		return true
	})
	return err
}

const watchLine = "%-9s  %-22s  %-8s  %-16s  %-5s  %7s  %7s  %s"

func (w *watch) head() error {
	if w.json {
		return nil
	}
	return w.line(watchLine, "EVENT", "SUSPECT", "SEVERITY", "SINCE (UTC)", "UNTIL", "SENT TO", "OUTSIDE", "WHY")
}

func (w *watch) line(format string, args ...any) error {
	to := &page{w: w.p.out, width: terminalWidth(w.p.out)}
	to.line(proseHang, format, args...)
	return to.err
}

func (w *watch) print(event string, grew []string, s *store.Suspect, sentence string) error {
	if w.json {
		return printLine(w.p.out, changed{Event: event, Grew: grew, Suspect: *s})
	}
	if len(grew) > 0 {
		sentence += " Grown: " + strings.Join(grew, ", ") + "."
	}
	return w.line(watchLine, event, tableText(s.Submitter.String()), string(s.Severity), short(s.FirstFlagged), shortAfter(s.LastFlagged, s.FirstFlagged),
		tableText(count(s.Recipients)), tableText(optional(s.External, "?")), visible(sentence))
}

const nothingComes = "nothing new comes until one does, or `relaywatch ingest` is run"

// sayAgent says plainly that nothing new can come.
func (w *watch) sayAgent(now time.Time) {
	h, err := readReport(w.p.config.Store.Path)
	state := h.state(now)
	switch {
	case err != nil:
		w.say("%v", err)
	case h == nil:
		w.say("no agent ever ran on this store: %s", nothingComes)
	case state != "":
		w.say("no agent runs on this store (%s UTC): %s", state, nothingComes)
	case w.troubled != "":
		w.say("an agent runs on this store")
		w.troubled = ""
	}
}

// say says something on standard error, once.
func (w *watch) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != w.troubled {
		w.troubled = text
		fmt.Fprintln(w.p.err, "relaywatch: "+strings.ReplaceAll(visibleLines(text), "\n", "; "))
	}
}

// open opens the store, and again if there is another file in its place.
func (w *watch) open(ctx context.Context) error {
	path := w.p.config.Store.Path
	info, err := os.Stat(path)
	if err == nil && w.db != nil && os.SameFile(info, w.file) {
		return nil
	}
	w.close()
	db, err := store.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	w.db, w.file = db, info
	return nil
}

func (w *watch) close() {
	if w.db != nil {
		_ = w.db.Close() // It was only read.
		w.db = nil
	}
}
