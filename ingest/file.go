package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// file is an open log, decompressed if it is compressed. Reads and seeks are in
// decompressed bytes; a log is opened to read only, and never locked.
type file struct {
	f   *os.File
	zip *gzip.Reader // nil for a plain log.
	at  int64        // Decompressed bytes read so far, of a compressed log.
}

// openFile opens the log at path. A compressed log is told by its first bytes.
func openFile(path string) (*file, error) {
	f, err := openShared(path)
	if err != nil {
		return nil, err
	}
	l := &file{f: f}
	var magic [2]byte
	if n, _ := f.ReadAt(magic[:], 0); n == 2 && magic == [2]byte{0x1f, 0x8b} {
		if err := l.rewind(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return l, nil
}

func (l *file) rewind() error {
	if _, err := l.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	zip, err := gzip.NewReader(bufio.NewReaderSize(l.f, 64<<10))
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	l.zip, l.at = zip, 0
	return nil
}

func (l *file) Read(b []byte) (int, error) {
	if l.zip == nil {
		return l.f.Read(b)
	}
	n, err := l.zip.Read(b)
	l.at += int64(n)
	return n, err
}

// Seek goes to a place counted from the start; a compressed log is read up to it.
func (l *file) Seek(offset int64, whence int) (int64, error) {
	if l.zip == nil {
		return l.f.Seek(offset, whence)
	}
	if offset < l.at {
		if err := l.rewind(); err != nil {
			return l.at, err
		}
	}
	_, err := io.CopyN(io.Discard, l, offset-l.at)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // Cut off before that place: nothing new to read.
	}
	return l.at, err
}

func (l *file) Close() error { return l.f.Close() }

// size is the size on disk, and whether it is that of the log itself.
func (l *file) size() (bytes int64, plain bool, err error) {
	info, err := l.f.Stat()
	if err != nil {
		return 0, false, err
	}
	return info.Size(), l.zip == nil, nil
}

// grown returns the beginning of a plain log again, if more of it was read than its
// Head knows: it grew after it was recognised.
func (l *file) grown(known *Log) ([]byte, bool) {
	n := len(known.Head)
	if l.zip != nil || n == 0 || known.Head[n-1].End == headBytes {
		return nil, false
	}
	b := make([]byte, headBytes+1)
	read, err := l.f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	return written(b[:read]), true
}

// written is what stands before the first NUL, which is not written yet.
func written(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// unzippedSize is what the trailer of a compressed log of size bytes says of its
// size, modulo 2^32 (RFC 1952, ISIZE); of the last member if it has several.
func (l *file) unzippedSize(size int64) uint32 {
	var b [4]byte
	if _, err := l.f.ReadAt(b[:], size-4); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b[:])
}

// beginning returns the first bytes of the log, at most headBytes+1, up to the
// first NUL, which is not written yet. What is another file by its first bytes is an
// error, whatever format it is said to have.
func (l *file) beginning() ([]byte, error) {
	if _, err := l.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, headBytes+1)
	n, err := io.ReadFull(l, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if err := otherFile(b[:n]); err != nil {
		return nil, err
	}
	return written(b[:n]), nil
}
