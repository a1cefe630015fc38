package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"relaywatch/mail"
)

// Row is a row as it stands in its log.
type Row struct {
	Pos  mail.LogPos
	Path string // Of the log, where it was last read.
	Line int    // Number of the row's line in it, from 1.
	Text string // Without its line end.
}

// ErrLogGone is returned where a log no longer lies where it was read.
var ErrLogGone = errors.New("the log is gone")

// Rows reads rows back from their log, by their offsets, in the order of these.
// It returns ErrLogGone if the log was moved or deleted, or is another one now.
func Rows(l Log, offsets []int64) ([]Row, error) {
	f, err := openFile(l.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLogGone, err)
	}
	defer f.Close()
	b, err := f.beginning()
	if err != nil {
		return nil, err
	}
	if !l.Head.Same(newHead(b)) {
		return nil, fmt.Errorf("%w: %s is another log now", ErrLogGone, l.Path)
	}
	if long, same, err := f.holds(&l); err != nil || !long || !same {
		return nil, errors.Join(fmt.Errorf("%w: %s was cut since", ErrLogGone, l.Path), err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	offsets = slices.Clone(offsets)
	slices.Sort(offsets)
	offsets = slices.Compact(offsets)
	r := bufio.NewReaderSize(f, readSize)
	rows := make([]Row, 0, len(offsets))
	line, at := 1, int64(0)
	for _, offset := range offsets {
		n, err := countLines(r, offset-at)
		if err != nil {
			return rows, fmt.Errorf("read %s: %w", l.Path, err)
		}
		line, at = line+n, offset
		text, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return rows, fmt.Errorf("read %s: %w", l.Path, err)
		}
		at += int64(len(text))
		rows = append(rows, Row{mail.LogPos{Log: l.ID, Offset: offset}, l.Path, line, strings.TrimRight(text, "\r\n")})
		line++
	}
	return rows, nil
}

// countLines skips n bytes and returns how many lines ended in them.
func countLines(r *bufio.Reader, n int64) (int, error) {
	lines := 0
	for n > 0 {
		b, err := r.Peek(int(min(n, readSize/2)))
		if len(b) == 0 {
			return lines, err
		}
		lines += bytes.Count(b, []byte{'\n'})
		n -= int64(len(b))
		if _, err := r.Discard(len(b)); err != nil {
			return lines, err
		}
	}
	return lines, nil
}
