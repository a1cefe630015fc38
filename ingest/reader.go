package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"relaywatch/mail"
)

// Source is what the configuration says of logs: a file, a folder (read with all
// below it) or a glob.
type Source struct {
	Path     string
	Format   Format // FormatAuto or "" decides by content.
	CodePage string // For text that is no UTF-8; "" is DefaultCodePage.
}

// Progress is how far a run has come.
type Progress struct {
	Bytes, Total int64 // On disk.
	Rows         int64
	Files        int
}

// Reader reads logs to their end, merged by event time. The zero value of every
// optional field is its default. A Reader is used once.
type Reader struct {
	Sources   []Source
	Resume    Resume
	BatchRows int                          // Rows in a Batch; 0 is 50,000.
	Hide      *mail.Pseudonyms             // Of recipients, which are told by nothing else from here on; nil shows them.
	Progress  func(p Progress)             // Optional; called for each Batch.
	Problem   func(path string, err error) // Optional; called for each log that could not be read, or not to its end.

	assembly *assembly
	known    *knownLogs
	waiting  []*source // Not opened yet, by the time of their first row.
	active   []*source // Open, with a decoded row.
	moved    []string  // Where another log, or none, lay when it was to be opened.
	touched  map[*Log]*source
	looked   map[*Log]string // In this run, with the path; "" says that it is Log.Path, where it was read.
	progress Progress
	problems []error
	told     map[string]bool // Their texts.
	front    mail.Time       // Of the last Batch.
}

// liveWithin is how long before the newest row a log's last row may be for the
// log to be one that is still written, and so to hold back what is final. Hourly
// logs change within it.
const liveWithin = time.Hour

// maxTries is how often logs are looked for again that were moved before they could
// be opened. A server renames them once a day or hour.
const maxTries = 3

// maxMistakes is how many rows of a Batch are told that relaywatch stumbled over; all
// are in the quarantine.
const maxMistakes = 10

// Result is what a run read.
type Result struct {
	Files int   // Logs with something new in them.
	Rows  int64 // Rows read, quarantined ones too.
	Same  int   // Files that hold nothing new: read before, or a copy of another.

	Unfinished []Log // Of the logs that were looked at, those that end with an unfinished row; by Path, where it stands.
}

// ErrNoLogs is returned where the paths hold no log that can be read.
var ErrNoLogs = errors.New("no SMTP log found")

// Run reads everything that is written and not read yet, and hands it to sink in
// Batches, the last of them with all cursors. It stops at the first error of
// sink. Logs that can't be read are reported to Problem and by the error, after
// all others have been read; ErrNoLogs says that there was none at all.
func (r *Reader) Run(ctx context.Context, sink func(context.Context, *Batch) error) (Result, error) {
	if err := r.start(); err != nil {
		return Result{}, err
	}
	r.looked = map[*Log]string{}
	result, err := r.discover(ctx)
	if err != nil {
		return result, err
	}
	result.Files = len(r.waiting)
	r.progress.Files = result.Files
	err = r.merge(ctx, sink)
	for tries := 0; err == nil && len(r.moved) > 0 && tries < maxTries; tries++ {
		r.moved = nil
		if _, err = r.discover(ctx); err == nil {
			err = r.merge(ctx, sink)
		}
	}
	result.Rows, result.Unfinished = r.progress.Rows, r.unfinished()
	if err != nil {
		return result, err
	}
	return result, errors.Join(r.problems...)
}

// unfinished are the logs of this run that end with an unfinished row.
func (r *Reader) unfinished() (logs []Log) {
	for l, path := range r.looked {
		if l.Unfinished() > 0 {
			one := *l
			one.Path = cmp.Or(path, l.Path)
			logs = append(logs, one)
		}
	}
	slices.SortFunc(logs, func(a, b Log) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(logs, func(a, b Log) bool { return a.Path == b.Path }) // Who has no whole row yet is told at each look.
}

// start goes on from where an earlier run stopped.
func (r *Reader) start() error {
	var err error
	if r.assembly, err = newAssembly(r.Resume.Sessions); err != nil {
		return err
	}
	r.assembly.tray.hide = r.Hide
	if r.BatchRows == 0 {
		r.BatchRows = 50_000
	}
	r.known = newKnownLogs(r.Resume.Logs)
	r.touched = map[*Log]*source{}
	r.told = map[string]bool{}
	return nil
}

// merge applies the rows of all sources in the order of event time. No log is open
// when it returns, also where sink failed.
func (r *Reader) merge(ctx context.Context, sink func(context.Context, *Batch) error) (err error) {
	defer func() {
		for _, s := range r.active {
			err = errors.Join(err, s.close())
		}
		r.active = nil
	}()
	rows := 0
	for {
		r.activate()
		if len(r.active) == 0 {
			break
		}
		s := r.active[0]
		r.touched[s.log] = s
		for first := true; first || r.stillFirst(s); first = false {
			s.apply(&r.assembly.tray)
			rows++
			if !r.advance(s) {
				break
			}
			if rows >= r.BatchRows {
				if err := r.flush(ctx, sink, r.hold(r.nextTime(s))); err != nil {
					return err
				}
				rows = 0
			}
		}
		r.reorder(s)
	}
	return r.flush(ctx, sink, r.hold(r.newest()))
}

// stillFirst tells whether s, which has moved on, still has the earliest row.
func (r *Reader) stillFirst(s *source) bool {
	if len(r.active) > 1 && r.active[1].compare(s) < 0 {
		return false
	}
	return len(r.waiting) == 0 || s.at < r.waiting[0].first
}

// nextTime is the time of the earliest row that was not applied; s may have moved
// on and lost the first place.
func (r *Reader) nextTime(s *source) mail.Time {
	t := s.at
	if len(r.active) > 1 {
		t = min(t, r.active[1].at)
	}
	if len(r.waiting) > 0 {
		t = min(t, r.waiting[0].first)
	}
	return t
}

// activate opens the waiting sources whose turn has come.
func (r *Reader) activate() {
	for len(r.waiting) > 0 && (len(r.active) == 0 || r.waiting[0].first <= r.active[0].at) {
		s := r.waiting[0]
		r.waiting[0] = nil // A year has many logs.
		r.waiting = r.waiting[1:]
		if err := s.open(r.assembly); err != nil {
			if errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist) {
				r.moved = append(r.moved, s.path)
			} else {
				r.problem(s.path, err)
			}
			r.nextCopy(s)
			continue
		}
		r.touched[s.log] = s
		if r.advance(s) {
			r.active = append(r.active, s)
			slices.SortFunc(r.active, (*source).compare)
		}
	}
}

// advance moves s to its next row, or on to its next copy. It returns false, and
// takes s out, when nothing more is written.
func (r *Reader) advance(s *source) bool {
	more, err := s.advance(&r.assembly.tray)
	if err != nil {
		r.problem(s.path, err)
	}
	if more {
		return true
	}
	r.progressed(s)
	if b, ok := s.f.grown(s.log); ok {
		r.known.grew(s.log, newHead(b))
	}
	s.mark()
	if err := s.close(); err != nil {
		r.problem(s.path, err)
	}
	r.active = slices.DeleteFunc(r.active, func(o *source) bool { return o == s })
	r.nextCopy(s)
	return false
}

// nextCopy lets another copy of s have its turn, in which more of the log may stand.
func (r *Reader) nextCopy(s *source) {
	if len(s.copies) > 0 {
		s.copies[0].copies, s.copies[0].first = s.copies[1:], s.at
		r.waiting = slices.Insert(r.waiting, 0, s.copies[0])
	}
}

// reorder puts s, the first of the active sources, where its next row belongs.
func (r *Reader) reorder(s *source) {
	if len(r.active) == 0 || r.active[0] != s {
		return
	}
	i := 1
	for i < len(r.active) && r.active[i].compare(s) < 0 {
		r.active[i-1] = r.active[i]
		i++
	}
	r.active[i-1] = s
}

// flush hands on a Batch.
func (r *Reader) flush(ctx context.Context, sink func(context.Context, *Batch) error, front mail.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.front = front
	for i, m := range r.assembly.tray.mistakes {
		if i == maxMistakes {
			break
		}
		r.problem(m.path, m.err)
	}
	b := &Batch{Front: front, Rows: r.assembly.tray.rows}
	r.assembly.tray.take(b)
	for l, s := range r.touched {
		s.mark()
		r.progressed(s)
		b.Logs = append(b.Logs, *l)
		if s.lines == nil {
			delete(r.touched, l)
		}
	}
	slices.SortFunc(b.Logs, func(x, y Log) int { return compareID(x.ID, y.ID) })
	var err error
	if b.Sessions, err = r.assembly.save(); err != nil {
		return fmt.Errorf("save the sessions still open: %w", err)
	}
	r.progress.Rows += b.Rows
	if r.Progress != nil {
		r.Progress(r.progress)
	}
	return sink(ctx, b)
}

// newest is the time of the newest row that was ever read.
func (r *Reader) newest() mail.Time {
	var newest mail.Time
	for _, l := range r.known.logs {
		newest = max(newest, l.LastTime)
	}
	return newest
}

// hold takes a front back to the last row of the slowest log that was still
// written shortly before it and has nothing more to read: a later run may find
// more of it.
func (r *Reader) hold(front mail.Time) mail.Time {
	from := front.Add(-liveWithin)
	for _, l := range r.known.logs {
		if s := r.touched[l]; s != nil && s.lines != nil {
			continue
		}
		if l.LastTime >= from && l.LastTime > 0 {
			front = min(front, l.LastTime)
		}
	}
	return max(front, r.front)
}

// problem tells of trouble with a log, once.
func (r *Reader) problem(path string, err error) {
	full := fmt.Errorf("%s: %w", path, err)
	if r.told[full.Error()] {
		return
	}
	r.told[full.Error()] = true
	r.problems = append(r.problems, full)
	if r.Problem != nil {
		r.Problem(path, err)
	}
}

// progressed counts what was read of s on disk.
func (r *Reader) progressed(s *source) {
	if s.f == nil {
		return
	}
	at := s.f.position()
	r.progress.Bytes += at - s.done
	s.done = at
}
