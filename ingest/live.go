package ingest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"relaywatch/mail"
)

// PollMode tells how a Follower learns that a log grew.
type PollMode string

const (
	PollAuto   PollMode = "auto"   // nxadm/tail on local disks, else looking.
	PollAlways PollMode = "always" // Looking at size and time only.
	PollNever  PollMode = "never"  // nxadm/tail also where a disk seems to be on the network. Looking goes on, more slowly.
)

// Defaults of a Follower.
const (
	DefaultInterval = 250 * time.Millisecond
	idleAfter       = 15 * time.Minute // A log that did not grow for so long is looked at more slowly.
	slowLooks       = 4                // How many intervals apart slow looks are, which also find new logs.
	linger          = 20 * time.Millisecond
)

// Follower follows logs as they grow, for ever.
//
// It owns the set of logs and their cursors. Looking every Interval finds what grew,
// what is new, and what was renamed, truncated or replaced; the rows are read from
// the cursor on by the reader that also reads whole logs, so that there is one way
// to be right about half rows, reserved space, copies and identities. nxadm/tail
// stands at the live end of each log that grows, and wakes the reader within
// milliseconds: what it does not see (see tails) costs an Interval, never a row.
type Follower struct {
	Sources   []Source
	Resume    Resume
	Poll      PollMode
	Interval  time.Duration                // Between looks; 0 is DefaultInterval.
	BatchRows int                          // As Reader.BatchRows.
	Hide      *mail.Pseudonyms             // As Reader.Hide.
	Problem   func(path string, err error) // Optional. Trouble with a log, once until it changes; nil: it is over.
	Tick      <-chan time.Time             // Optional: takes the place of the clock, for tests.
	Looked    func()                       // Optional: called after each look, when all that it found is handed on.

	// Ahead is optional. While a look reads a backlog, it is handed what is written
	// meanwhile at the ends of logs, within a slice of the backlog (aheadEvery), and by
	// LookAhead; sink gets those rows in their turn. nil says that it has got them all.
	Ahead func(context.Context, *Batch) error

	reader *Reader
	tails  *tails
	looks  int               // Until the next slow one.
	slow   bool              // This one is.
	list   []candidate       // Memory for turn: there are many looks.
	told   map[string]string // Trouble that was told, by what it is about.
	failed map[string]bool   // Folders and sources that could not be read in the last slow look.
	ahead  *ahead            // nil while nothing was read ahead.

	mu   sync.Mutex // Guards logs.
	logs map[string]*Followed
}

// FollowMode tells how a log is followed.
type FollowMode string

const (
	FollowTail       FollowMode = "tail"       // nxadm/tail stands at its end.
	FollowPoll       FollowMode = "poll"       // Its size is looked at.
	FollowIdle       FollowMode = "idle"       // It did not grow for long; its size is looked at more slowly.
	FollowUnreadable FollowMode = "unreadable" // See Followed.Error.
)

// Followed is a log file as its Follower sees it.
type Followed struct {
	Path      string
	Mode      FollowMode
	SizeBytes int64     // On disk.
	ReadBytes int64     // Of the log, decompressed.
	Grown     time.Time // When it was seen to grow, by the clock; before that, the file's own time.
	Waits     time.Time // Since when rows of it wait to be handed on, by the clock; zero if none do.
	Error     string    // Why it can't be read, or is refused; "" if it is.

	from   Source
	remote bool // See the function.
	stamp  stamp
	log    *Log  // nil until it is known.
	plain  bool  // Not compressed.
	seen   int64 // How much of it was looked at while log is nil.
	grows  bool  // It was once read to its end: what comes now is growth.
}

// stamp tells whether a file may have changed.
type stamp struct {
	size int64
	at   time.Time
}

// Logs are the files that are followed, by path. It may be called while Run runs.
func (f *Follower) Logs() []Followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Followed, 0, len(f.logs))
	for _, l := range f.logs {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Followed) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// Run follows until ctx is done; then it hands on what it has read, and returns
// nil. It stops at the first error of sink.
func (f *Follower) Run(ctx context.Context, sink func(context.Context, *Batch) error) error {
	if err := f.start(); err != nil {
		return err
	}
	f.tails = newTails()
	defer f.tails.stopAll()
	ticks := f.Tick
	if ticks == nil {
		interval := f.Interval
		if interval == 0 {
			interval = DefaultInterval
		}
		t := time.NewTicker(interval)
		defer t.Stop()
		ticks = t.C
	}
	now := time.Now()
	var woken map[string]bool // Logs to look at; nil for all.
	for {
		if err := f.look(ctx, sink, now, woken); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if f.Looked != nil {
			f.Looked()
		}
		if err := f.passed(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-ticks:
			woken = nil
		case <-f.tails.wake:
			// Rows mostly come in groups: a moment more makes one batch of them.
			select {
			case <-time.After(linger):
			case <-ctx.Done():
			}
			now, woken = time.Now(), f.tails.take()
		}
	}
}

// start goes on from where an earlier run stopped, if it was not called before.
func (f *Follower) start() error {
	if f.reader != nil {
		return nil
	}
	r := &Reader{Resume: f.Resume, BatchRows: f.BatchRows, Hide: f.Hide}
	if err := r.start(); err != nil {
		return err
	}
	f.reader = r
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = map[string]*Followed{}
	return nil
}

// look reads everything that grew of the woken logs, or of all if it is nil.
func (f *Follower) look(ctx context.Context, sink func(context.Context, *Batch) error, now time.Time, woken map[string]bool) error {
	byLog := map[*Log]*source{}
	read := map[*Followed]bool{}
	for _, c := range f.turn(woken) {
		if s := f.examine(c, now); s != nil {
			read[f.logs[c.path]] = true
			f.reader.enlist(byLog, s)
		}
	}
	if len(f.reader.waiting) == 0 {
		return nil
	}
	f.reader.sortWaiting()
	f.reader.Problem = f.trouble
	f.reader.problems = nil
	clear(f.reader.told)
	err := f.reader.merge(ctx, f.slices(sink))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range f.reader.moved {
		l := f.logs[path]
		delete(read, l)
		l.stamp = stamp{} // What lies there now is looked at,
		f.looks = 0       // and the log is looked for everywhere.
	}
	f.reader.moved = nil
	for l := range read {
		l.ReadBytes = l.log.ReadBytes
		if err == nil {
			l.Waits = time.Time{}
		}
		if l.Error == "" {
			f.stand(l, now)
		}
	}
	return err
}

// turn is what a look is for: the woken logs, or those that grew lately, or, in a
// slow look, all files of the sources.
func (f *Follower) turn(woken map[string]bool) []candidate {
	f.slow = false
	if woken == nil {
		f.tails.rest()
		f.looks--
		f.slow = f.looks < 0
		if f.slow {
			f.looks = slowLooks - 1
			return f.candidates()
		}
	}
	f.list = f.list[:0]
	for path, l := range f.logs {
		if woken[path] || woken == nil && (l.Mode == FollowTail || l.Mode == FollowPoll) {
			f.list = append(f.list, candidate{l.from, path})
		}
	}
	return f.list
}
