package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"relaywatch/mail"
)

// source is one log of a run: where it lies, how far it is read, and, while it is
// open, the row that comes next.
type source struct {
	log    *Log // Shared by copies of the same log.
	path   string
	page   string       // Code page.
	plain  bool         // Not compressed.
	seen   int64        // How much of its beginning was looked at.
	first  mail.Time    // Of the next row, when it was looked at; 0 if there is none,
	rest   int64        // and then how much of an unfinished one there is.
	shrunk *ShrunkError // The log was cut, and this is not told yet or goes on.
	copies []*source    // The same log elsewhere: read on there once this one has ended.

	f       *file
	lines   *lines
	decoder decoder
	line    []byte    // The decoded row: of the memory of lines.
	at      mail.Time // Merge key: the latest row time so far, so that disorder within a log waits for nobody.
	row     mail.Time // Time of the decoded row.
	next    int64     // Its offset.
	pending bool      // It was not applied yet.
	done    int64     // Raw bytes of the file that were counted as progress.
}

// compare orders sources by the row that comes next. Rows of the same second are
// first of all those of the log that began earlier: a server rolls its log at any
// time, also between two commands of a session.
func (s *source) compare(o *source) int {
	if c := cmp.Compare(s.at, o.at); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(s.began(), o.began()), cmp.Compare(s.log.ID, o.log.ID))
}

// began is the time of the log's first row.
func (s *source) began() mail.Time {
	if s.log.FirstTime != 0 {
		return s.log.FirstTime
	}
	return s.first
}

// errMoved is returned by open where another log lies at the path by now.
var errMoved = errors.New("another log lies there by now")

// open opens the source at its cursor, after a look whether it is still the log
// that was examined: a server may have renamed it since.
func (s *source) open(a *assembly) error {
	f, err := openFile(s.path)
	if err != nil {
		return err
	}
	s.f = f
	b, err := f.beginning()
	if err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", s.path, err), s.close())
	}
	if !s.log.Head.Same(newHead(b)) {
		return errors.Join(errMoved, s.close())
	}
	if s.lines, err = newLines(f, s.log.ReadBytes); err != nil {
		return errors.Join(fmt.Errorf("read %s: %w", s.path, err), s.close())
	}
	if m := s.lines.mark(s.log.ReadBytes); m != s.log.Mark && m != 0 && s.log.Mark != 0 {
		return errors.Join(errMoved, s.close())
	}
	if s.decoder, err = a.decoder(s.log, s.page); err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// close closes the file. The log's cursor stays what it is.
func (s *source) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f, s.lines, s.decoder, s.line, s.pending = nil, nil, nil, nil, false
	return err
}

// advance decodes the next row. Lines that are not understood go to the tray's
// quarantine. It returns false at the end of what is written.
func (s *source) advance(t *tray) (bool, error) {
	s.pending = false
	for {
		line, offset, err := s.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case errors.Is(err, errTooLong):
			s.reject(t, offset, line, err)
			continue
		case err != nil:
			return false, fmt.Errorf("read %s: %w", s.path, err)
		}
		row, at, err := s.decode(line, offset)
		switch {
		case err != nil:
			s.reject(t, offset, line, err)
		case row:
			s.at = max(s.at, at)
			s.line, s.row, s.next, s.pending = line, at, offset, true
			return true, nil
		}
	}
}

// decode looks at a line. A decoder that panics costs one row, which goes to the
// quarantine, and no other log.
func (s *source) decode(line []byte, offset int64) (row bool, at mail.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			row, err = false, &MistakeError{offset, p}
		}
	}()
	return s.decoder.decode(line, mail.LogPos{Log: s.log.ID, Offset: offset})
}

// MistakeError is a row that made relaywatch itself stumble. It is in the
// quarantine.
type MistakeError struct {
	Offset int64 // Of the row in its log.
	Panic  any   // What Go says of it.
}

func (e *MistakeError) Error() string {
	return fmt.Sprintf("relaywatch could not read the row at offset %d, which is a mistake of its own: please report it: %v", e.Offset, e.Panic)
}

// reject quarantines a row.
func (s *source) reject(t *tray, offset int64, line []byte, why error) {
	s.log.Rows++
	s.log.Quarantined++
	t.rows++
	var mistake *MistakeError
	if errors.As(why, &mistake) {
		t.mistakes = append(t.mistakes, rowMistake{s.path, mistake})
	}
	text := strings.Clone(string(line[:min(len(line), mail.MaxRejectText)]))
	t.rejects = append(t.rejects, mail.Reject{
		Pos:    mail.LogPos{Log: s.log.ID, Offset: offset},
		Reason: why.Error(),
		Text:   []byte(strings.TrimRight(text, "\r")),
	})
}

// apply hands the decoded row to the sessions, or to the quarantine if they panic.
func (s *source) apply(t *tray) {
	s.pending = false
	if err := s.applyDecoded(); err != nil {
		s.reject(t, s.next, s.line, err)
		return
	}
	s.log.Rows++
	t.rows++
	if s.log.FirstTime == 0 || s.row < s.log.FirstTime {
		s.log.FirstTime = s.row
	}
	s.log.LastTime = max(s.log.LastTime, s.row)
}

func (s *source) applyDecoded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &MistakeError{s.next, p}
		}
	}()
	s.decoder.apply()
	return nil
}

// mark brings the log's cursor up to the row that was applied last.
func (s *source) mark() {
	if s.lines == nil {
		return
	}
	cursor, size := s.lines.offset, s.lines.offset+s.lines.rest
	if s.pending {
		cursor, size = s.next, s.next
	}
	mark := s.lines.mark(cursor)
	switch {
	case cursor != s.log.ReadBytes:
		s.log.ReadBytes, s.log.Mark = cursor, mark
	case size < s.log.SizeBytes || mark == 0:
		return // It is a copy that shows less than another one did.
	}
	s.log.SizeBytes = size
	s.log.Decoder = s.decoder.save()
	about := s.decoder.about()
	if s.log.Server == "" {
		s.log.Server = about.server
	}
	s.log.Missing = about.missing
	s.log.Path = s.path
}
