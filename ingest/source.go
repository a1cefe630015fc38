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
	page   string // Code page.
	plain  bool   // Not compressed.
	first  mail.Time
	copies []*source // The same log elsewhere: read on there once this one has ended.

	f       *file
	lines   *lines
	decoder decoder
	at      mail.Time // Merge key: the latest row time so far, so that disorder within a log waits for nobody.
	row     mail.Time // Time of the decoded row.
	next    int64     // Its offset.
	pending bool      // It was not applied yet.
	done    int64     // Raw bytes of the file that were counted as progress.
}

// compare orders sources by the row that comes next.
func (s *source) compare(o *source) int {
	if c := cmp.Compare(s.at, o.at); c != 0 {
		return c
	}
	return cmp.Compare(s.log.ID, o.log.ID)
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
	s.f, s.lines, s.decoder, s.pending = nil, nil, nil, false
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
			s.row, s.next, s.pending = at, offset, true
			return true, nil
		}
	}
}

// decode looks at a line. A decoder that panics costs one row, which goes to the
// quarantine, and no other log.
func (s *source) decode(line []byte, offset int64) (row bool, at mail.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			row, err = false, fmt.Errorf("relaywatch could not read this row, which is a mistake of its own: %v", p)
		}
	}()
	return s.decoder.decode(line, mail.LogPos{Log: s.log.ID, Offset: offset})
}

// reject quarantines a row.
func (s *source) reject(t *tray, offset int64, line []byte, why error) {
	s.log.Rows++
	s.log.Quarantined++
	t.rows++
	text := strings.Clone(string(line[:min(len(line), mail.MaxRejectText)]))
	t.rejects = append(t.rejects, mail.Reject{
		Pos:    mail.LogPos{Log: s.log.ID, Offset: offset},
		Reason: why.Error(),
		Text:   []byte(strings.TrimRight(text, "\r")),
	})
}

// apply hands the decoded row to the sessions.
func (s *source) apply(t *tray) {
	s.decoder.apply()
	s.pending = false
	s.log.Rows++
	t.rows++
	if s.log.FirstTime == 0 || s.row < s.log.FirstTime {
		s.log.FirstTime = s.row
	}
	s.log.LastTime = max(s.log.LastTime, s.row)
}

// mark brings the log's cursor up to the row that was applied last.
func (s *source) mark() {
	if s.lines == nil {
		return
	}
	s.log.ReadBytes = s.lines.offset
	if s.pending {
		s.log.ReadBytes = s.next
	}
	s.log.SizeBytes = max(s.log.SizeBytes, s.lines.offset)
	s.log.Decoder = s.decoder.save()
	about := s.decoder.about()
	if s.log.Server == "" {
		s.log.Server = about.server
	}
	s.log.Missing = about.missing
	s.log.Path = s.path
}
