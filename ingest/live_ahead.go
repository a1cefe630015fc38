package ingest

import (
	"bytes"
	"context"
	"io"
	"math"

	"relaywatch/mail"
)

// aheadEvery is after how many Batches of a look the live ends of logs are looked at:
// some 80,000 rows of a backlog, a third of a second at best.
const aheadEvery = 8

// ahead reads what is written at the ends of logs while a look reads a backlog before
// them. It is a second reader beside that of the Follower, with sessions and cursors of
// its own, so that the one way of the rows into the store, in the order of time, stays
// as it is; what it hands on is read again in its turn. Of sessions that were open when
// the look began it sees the rest only.
type ahead struct {
	reader *Reader
	ends   map[string]*end // By path.
	news   bool            // Something was handed on since the last look began.
}

// end is how far a log is looked at.
type end struct {
	size     int64 // On disk, or what is written of it if it ends in reserved space; 0 of a new file.
	reserved bool  // It does: rows come without a change of size.
	begun    bool  // The log's cursor stands behind the backlog.
	never    bool  // It is no log whose end is live.
}

// slices is a sink that looks at the live ends between slices of a backlog.
func (f *Follower) slices(sink func(context.Context, *Batch) error) func(context.Context, *Batch) error {
	if f.Ahead == nil {
		return sink
	}
	n := 0
	return func(ctx context.Context, b *Batch) error {
		if err := sink(ctx, b); err != nil {
			return err
		}
		if n++; n%aheadEvery != 0 {
			return nil
		}
		return f.LookAhead(ctx)
	}
}

// LookAhead hands to Ahead what was written at the ends of logs since the last look
// began. It is for whoever takes his time in sink or Looked; or before Run, where all is
// ahead that is not read yet, if it is little (see littleWaits), else what is written after
// the first call.
func (f *Follower) LookAhead(ctx context.Context) error {
	first := f.reader == nil
	if err := f.start(); err != nil {
		return err
	}
	if f.ahead == nil {
		r := &Reader{BatchRows: f.BatchRows, Hide: f.Hide}
		if err := r.start(); err != nil {
			return err
		}
		f.ahead = &ahead{reader: r, ends: map[string]*end{}}
	}
	if first {
		f.standBefore()
	}
	a := f.ahead
	byLog := map[*Log]*source{}
	f.eachFile(func(src Source, path string) {
		if s := f.grownSince(src, path); s != nil {
			a.reader.enlist(byLog, s)
		}
	})
	if len(a.reader.waiting) == 0 {
		return nil
	}
	a.news = true
	a.reader.sortWaiting()
	a.reader.moved, a.reader.problems = nil, nil
	return a.reader.merge(ctx, f.Ahead)
}

// eachFile calls do for all files of the sources.
func (f *Follower) eachFile(do func(src Source, path string)) {
	seen := map[string]bool{}
	for _, src := range f.Sources {
		paths, _ := src.files(func(string, error) {}) // The look that follows tells of trouble.
		for _, path := range paths {
			if !seen[path] {
				seen[path] = true
				do(src, path)
			}
		}
	}
}

// littleWaits is how many bytes may wait in logs to be as good as written just now: some
// 200,000 rows, what a restart misses.
const littleWaits = 32 << 20

// standBefore notes, before Run, up to where the logs are read, or where they end now if
// more than littleWaits lies between.
func (f *Follower) standBefore() {
	read := map[string]int64{}
	for i := range f.Resume.Logs {
		l := &f.Resume.Logs[i]
		read[l.Path] = max(read[l.Path], l.ReadBytes)
	}
	waits := int64(0)
	f.eachFile(func(_ Source, path string) {
		if now, err := statLog(path); err == nil {
			e := endOf(path, now.size)
			f.ahead.ends[path] = e
			waits += max(0, e.size-read[path])
		}
	})
	if waits > littleWaits {
		return
	}
	for path, e := range f.ahead.ends {
		e.size = min(e.size, read[path])
	}
}

// endOf is the end of a file that was so big when a look began.
func endOf(path string, size int64) *end {
	if at := writtenEnd(path); at < size { // Nobody knows how far it was when the look began.
		return &end{size: at, reserved: true}
	}
	return &end{size: size}
}

// grownSince is what is to be read of a file since the look began, if anything.
func (f *Follower) grownSince(src Source, path string) *source {
	a := f.ahead
	e := a.ends[path]
	if e == nil {
		e = &end{}
		if l := f.logs[path]; l != nil {
			e = endOf(path, l.SizeBytes)
		}
		a.ends[path] = e
	}
	now, err := statLog(path)
	if err == nil && now.size < e.size {
		*e = end{} // Another log took its place.
	}
	if err != nil || e.never || now.size <= e.size && !e.reserved {
		return nil
	}
	s, err := a.reader.examine(src, path)
	if err != nil || s.log == nil {
		return nil
	}
	if e.never = !s.plain; e.never {
		return nil // Nobody writes on in a compressed log.
	}
	if !e.begun && s.log.ReadBytes == 0 { // Else it goes on under another name.
		if err := a.begin(s, f.backlogOf(s.log.ID, e.size)); err != nil {
			e.never = true
			return nil
		}
		if s, err = a.reader.examine(src, path); err != nil || s.log == nil {
			return nil
		}
	}
	e.begun = true
	e.size = now.size
	e.reserved = writtenEnd(path) < now.size
	if s.first == 0 {
		return nil
	}
	return s
}

// backlogOf is how much of a log the look that goes on has before it: what lay at the
// path when it began, or at the former path of a log that was renamed since.
func (f *Follower) backlogOf(id mail.LogID, size int64) int64 {
	l := f.reader.known.byID[id]
	if l == nil {
		return size
	}
	size = max(size, l.ReadBytes)
	for _, other := range f.logs {
		if other.log == l {
			size = max(size, other.SizeBytes)
		}
	}
	return size
}

// begin has the reader go on behind the backlog of a log. It looks at all rows before,
// for the columns in force and the day, at some millions a second.
func (a *ahead) begin(s *source, backlog int64) error {
	f, err := openFile(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var at *source
	cursor := int64(-1)
	err = a.reader.replay(f, s.log, s.page, func(s *source, line []byte, offset int64) bool {
		at = s
		if offset >= backlog {
			cursor = offset
			return false
		}
		_, _, _ = s.decode(line, offset) // What is wrong is said when its turn comes.
		return true
	})
	if at == nil || err != nil {
		return err
	}
	if cursor < 0 {
		cursor = at.lines.offset
	}
	s.log.ReadBytes, s.log.Decoder = cursor, at.decoder.save()
	return nil
}

// passed is called after a look, and says that looks at all files have caught up with
// what was read ahead, once they have.
func (f *Follower) passed(ctx context.Context) error {
	if f.ahead == nil || !f.slow {
		return nil
	}
	if f.ahead.news {
		f.ahead.news = false // The next look will have.
		return nil
	}
	f.ahead = nil
	return f.Ahead(ctx, nil)
}

// writtenEnd is the size of a file without the NUL bytes at its end, which are not
// written yet; math.MaxInt64 if it can't be read.
func writtenEnd(path string) int64 {
	file, err := openShared(path)
	if err != nil {
		return math.MaxInt64
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	b := make([]byte, 4<<10)
	for err == nil && size > 0 {
		part := b[:min(int64(len(b)), size)]
		if _, err = file.ReadAt(part, size-int64(len(part))); err == nil {
			left := bytes.TrimRight(part, "\x00")
			size -= int64(len(part) - len(left))
			if len(left) > 0 {
				return size
			}
		}
	}
	if err != nil {
		return math.MaxInt64
	}
	return 0
}
