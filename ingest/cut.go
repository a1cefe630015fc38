package ingest

import (
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// ShrunkError is told of a log that was cut before the end of what was read of it,
// and so loses what only a copy can bring back. What is written behind the cut is
// read as a log of its own: see Reader.branch.
type ShrunkError struct {
	ReadBytes int64     // How much of it was read before the cut.
	SizeBytes int64     // When it was first seen cut; more than ReadBytes if it was written on meanwhile.
	LastTime  mail.Time // Of the last row read before the cut.
}

func (e *ShrunkError) Error() string {
	cut := fmt.Sprintf("was cut to %d bytes after %d had been read", e.SizeBytes, e.ReadBytes)
	if e.SizeBytes > e.ReadBytes {
		cut = fmt.Sprintf("was cut below the %d bytes that had been read, and written on", e.ReadBytes)
	}
	return cut + ": what was read stays stored, and what is written from now on is read; rows may be missing that were written " +
		"just before the cut, or after it and not later than " + e.LastTime.String() + ". Have the server begin new logs, or " +
		"rename them, rather than cut them. If there is a copy of the whole log, put it into a folder that is read: what is missing is read from it"
}

// which tells which of the logs with the same beginning a file is: the one read
// farthest of those whose last bytes read stand in it. If there is none, the file is
// an excerpt, or was cut.
func (r *Reader) which(f *file, s *source, size int64, head Head, logs []*Log) error {
	excerpt := true
	for _, l := range logs {
		long, same, err := f.holds(l)
		if err != nil {
			return err
		}
		if same && l.Head.Same(head) {
			s.log = l
			r.known.places[s.path] = l
			delete(r.known.cuts, l)
			return nil
		}
		excerpt = excerpt && !long
	}
	s.log = r.known.former(s.path, logs)
	switch {
	case s.log == nil && excerpt:
		s.log = logs[0]
		return nil
	case s.log == nil:
		s.log = logs[0]
	}
	return r.cut(f, s, size, head)
}

// cut looks for rows that were written into a log after it was cut. Without such
// rows the file holds nothing new.
func (r *Reader) cut(f *file, s *source, size int64, head Head) error {
	l := s.log
	c := r.known.cuts[l]
	if c == nil {
		c = &cut{told: &ShrunkError{l.ReadBytes, size, l.LastTime}, size: size}
		r.known.cuts[l] = c
		s.shrunk = c.told
	}
	known := l.ReadBytes // Nothing before it is new for being behind it.
	if c.looks >= cutLooks {
		known = min(c.size, known)
	}
	at, err := r.written(f, l, head, known, s.page)
	if err != nil {
		return err
	}
	c.size, c.looks = size, 0
	if at < 0 {
		s.shrunk = c.told // Until it is written on.
		return nil
	}
	delete(r.known.cuts, l)
	s.log, err = r.branch(f, l, at, head, s.page)
	r.known.places[s.path] = s.log
	return err
}

// cut is what is known of a log that was cut and not written on yet.
type cut struct {
	told  *ShrunkError
	size  int64 // When it was last looked at.
	looks int   // How often it has been found so since.
}

// cutLooks is how many looks in a row a log must be of one size for that to be where
// it was cut: someone may be copying an old state of it there, a piece at a time.
const cutLooks = 3

// written is where the rows begin that were written after a log was cut, or -1.
// Those behind known are new, whatever their time; before it, those that are later
// than all that were read. Where a line of the head differs, that is where.
func (r *Reader) written(f *file, l *Log, head Head, known int64, page string) (int64, error) {
	if !l.Head.Same(head) {
		return min(l.Head.common(head), l.ReadBytes), nil
	}
	at := int64(-1)
	err := r.replay(f, l, page, func(s *source, line []byte, offset int64) bool {
		row, t, bad := s.decode(line, offset)
		if s.lines.offset > known || row && bad == nil && t > l.LastTime {
			at = offset
		}
		return at < 0
	})
	return at, err
}

// replay looks at the lines of a file from its beginning on, as rows of l, until
// more is false.
func (r *Reader) replay(f *file, l *Log, page string, more func(s *source, line []byte, offset int64) bool) error {
	scratch, err := newAssembly(nil)
	if err != nil {
		return err
	}
	s := &source{log: &Log{ID: l.ID, Format: l.Format}}
	if s.decoder, err = scratch.decoder(s.log, page); err != nil {
		return err
	}
	if s.lines, err = newLines(f, 0); err != nil {
		return err
	}
	for {
		line, offset, err := s.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, errTooLong):
			return err
		case !more(s, line, offset):
			return nil
		}
	}
}

// branch makes a log of what stands in a file from at on, where it went on as l
// until l was cut. Its identity is the hash of everything up to the end of its first
// line, which stays as it is while it grows, and at which the rest of l is another
// log: both are told apart by what was read of them last.
func (r *Reader) branch(f *file, l *Log, at int64, head Head, page string) (*Log, error) {
	n := &Log{Format: l.Format, Server: l.Server, Head: head, ReadBytes: at, State: LogRead}
	end := int64(-1)
	err := r.replay(f, l, page, func(s *source, line []byte, offset int64) bool {
		if offset < at {
			_, _, _ = s.decode(line, offset) // For the columns in force; what is wrong was said when l was read.
			return true
		}
		n.Decoder, n.Mark = s.decoder.save(), s.lines.mark(offset)
		end = s.lines.offset
		return false
	})
	if err != nil {
		return nil, err
	}
	if end < 0 {
		return l, nil // It was cut again just now: the next look will see.
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	hash := xxhash.New()
	if _, err := io.CopyN(hash, f, end); err != nil {
		return nil, err
	}
	n.ID = mail.LogID(hash.Sum64())
	if known := r.known.byID[n.ID]; known != nil {
		return known, nil
	}
	r.known.add(n)
	return n, nil
}

// holds tells whether a file is so long as what was read of a log, and whether the
// last bytes of that stand in it.
func (l *file) holds(known *Log) (long, same bool, err error) {
	b := make([]byte, min(known.ReadBytes, markBytes))
	if len(b) == 0 {
		return true, true, nil
	}
	if _, err := l.Seek(known.ReadBytes-int64(len(b)), io.SeekStart); err != nil {
		return false, false, err
	}
	switch _, err := io.ReadFull(l, b); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return false, false, nil
	case err != nil:
		return false, false, err
	}
	return true, known.Mark == 0 || known.Mark == xxhash.Sum64(b), nil
}
