package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"
)

// maxLine is the longest line that is taken for a row. Servers cut what a client
// sends at some kilobytes; a longer line is damage, and is quarantined.
const maxLine = 1 << 20

// readSize is how much is read at once: large enough that the system calls cost
// nothing beside the parsing, small enough for the second-level cache. The first reads
// take less, from firstRead on twice as much each time: a log that is followed has some
// rows to read, many times a second.
const (
	readSize  = 256 << 10
	firstRead = 8 << 10
)

// markBytes is how many bytes before a log's cursor tell whether they are still those
// that were read: some rows, with their times.
const markBytes = 512

// errTooLong is returned for a line longer than maxLine, with its beginning.
var errTooLong = fmt.Errorf("row is longer than %d bytes: no server writes such a row", maxLine)

// lines reads the complete lines of one log. What is not written yet is not
// read: a last line without its line feed, and NUL bytes up to the end, which IIS
// leaves where it has reserved space. NUL bytes with rows behind them are a gap
// left by a crash: they end the line before them.
type lines struct {
	r      io.ReadSeeker // nil-safe only after open; seeks are in decompressed bytes.
	buf    []byte
	start  int   // buf[start:end] is read and not handed on. Before it are markBytes more, where the log has them.
	end    int   //
	offset int64 // Of buf[start].
	rest   int64 // At io.EOF: how much of a line stands behind offset that is not complete.
	gap    int64 // Offset of a NUL that was looked at twice; -1 if none.
	eof    bool
}

// newLines reads from offset on.
func newLines(r io.ReadSeeker, offset int64) (*lines, error) {
	l := &lines{r: r, gap: -1}
	return l, l.seek(offset)
}

// seek goes on at offset. The log may end before it: then there is no line, and no
// mark either.
func (l *lines) seek(offset int64) error {
	back := min(offset, markBytes)
	if _, err := l.r.Seek(offset-back, io.SeekStart); err != nil {
		return err
	}
	l.start, l.end, l.offset, l.rest, l.eof = 0, 0, offset, 0, false
	for l.end < int(back) && !l.eof {
		if err := l.fill(); err != nil {
			return err
		}
	}
	l.start = min(int(back), l.end)
	return nil
}

// mark is a hash of the bytes before offset, which is that of the last line or the
// end of it; 0 where they are not known.
func (l *lines) mark(offset int64) uint64 {
	n := int(min(offset, markBytes))
	at := l.start - int(l.offset-offset)
	if at < n {
		return 0
	}
	return xxhash.Sum64(l.buf[at-n : at])
}

// next returns the next complete line without its line feed, and where it starts.
// The line is valid until the next call. io.EOF means that nothing more is
// written yet; l.offset is then where to go on, and l.rest tells what stands there. errTooLong comes with the
// beginning of the line, and the next call goes on behind it.
func (l *lines) next() (line []byte, offset int64, err error) {
	scanned := 0
	for {
		window := l.buf[l.start+scanned : l.end]
		if i := bytes.IndexByte(window, '\n'); i >= 0 {
			line = l.buf[l.start : l.start+scanned+i]
			if bytes.IndexByte(line, 0) >= 0 {
				return l.split()
			}
			offset = l.offset
			l.drop(len(line) + 1)
			return line, offset, nil
		}
		scanned = l.end - l.start
		if scanned > maxLine {
			return l.skipLong()
		}
		if l.eof {
			if l.rest == 0 { // Else endAt knows it.
				l.rest = int64(len(written(l.buf[l.start:l.end])))
			}
			return nil, l.offset, io.EOF
		}
		if scanned > 0 && bytes.IndexByte(window, 0) >= 0 {
			return l.split()
		}
		if err := l.fill(); err != nil {
			return nil, l.offset, err
		}
	}
}

// split hands on the line before a gap of NUL bytes, if there is something behind
// the gap. A server that fills reserved space from the front never leaves such a
// gap, but may have written between two of our reads: so the place is read twice
// before it is believed.
func (l *lines) split() ([]byte, int64, error) {
	at := bytes.IndexByte(l.buf[l.start:l.end], 0)
	from, nul := l.offset, l.offset+int64(at)
	fragment := bytes.Clone(l.buf[l.start : l.start+at])
	l.drop(at)
	for {
		n := l.end - l.start
		rest := bytes.TrimLeft(l.buf[l.start:l.end], "\x00")
		l.drop(n - len(rest))
		if len(rest) > 0 {
			break
		}
		if l.eof {
			return nil, from, l.endAt(from, nul-from)
		}
		if err := l.fill(); err != nil {
			return nil, from, err
		}
	}
	if l.gap != nul {
		l.gap = nul
		if err := l.seek(from); err != nil {
			return nil, from, err
		}
		return l.next()
	}
	if len(fragment) == 0 {
		return l.next()
	}
	return fragment, from, nil
}

// endAt goes back to where the unwritten line starts, of which rest bytes are there, and
// says io.EOF from then on.
func (l *lines) endAt(offset, rest int64) error {
	if err := l.seek(offset); err != nil {
		return err
	}
	l.rest, l.eof = rest, true
	return io.EOF
}

// skipLong hands on the beginning of a line that is too long, and drops its rest.
func (l *lines) skipLong() ([]byte, int64, error) {
	from := l.offset
	beginning := bytes.Clone(l.buf[l.start : l.start+maxLine])
	for {
		n := l.end - l.start
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			l.drop(i + 1)
			return beginning, from, errTooLong
		}
		l.drop(n)
		if l.eof {
			return nil, from, l.endAt(from, l.offset-from)
		}
		if err := l.fill(); err != nil {
			return nil, from, err
		}
	}
}

func (l *lines) drop(n int) {
	l.start += n
	l.offset += int64(n)
}

// fill reads more behind buf[end], after moving what is left, and markBytes before
// it, to the front.
func (l *lines) fill() error {
	full := l.end == len(l.buf)
	if past := l.start - markBytes; past > 0 {
		l.end = copy(l.buf, l.buf[past:l.end])
		l.start = markBytes
	}
	if full && len(l.buf) < readSize || len(l.buf)-l.end < min(readSize, len(l.buf))/2 {
		grown := make([]byte, max(firstRead, 2*len(l.buf)))
		l.end = copy(grown, l.buf[:l.end])
		l.buf = grown
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		l.eof = true // A compressed log that is cut off ends there, too.
	case err != nil:
		return err
	}
	return nil
}
