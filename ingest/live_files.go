package ingest

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// candidate is a file to look at.
type candidate struct {
	source Source
	path   string
}

// candidates are all files of the sources.
func (f *Follower) candidates() []candidate {
	f.list = f.list[:0]
	there := map[string]bool{}
	failed := map[string]bool{}
	for _, src := range f.Sources {
		paths, _ := src.files(func(path string, err error) {
			failed[path] = true
			f.report("folder "+path, path, err)
		})
		for _, path := range paths {
			if !there[path] {
				there[path] = true
				f.list = append(f.list, candidate{src, path})
			}
		}
	}
	for path := range f.failed {
		if !failed[path] {
			f.report("folder "+path, path, nil)
		}
	}
	f.failed = failed
	f.forget(there)
	return f.list
}

// forget drops files that are no longer there. What was read of them is stored.
func (f *Follower) forget(there map[string]bool) {
	f.mu.Lock()
	var gone []string
	for path, l := range f.logs {
		if !there[path] && !f.hidden(l) {
			delete(f.logs, path)
			f.tails.stop(path)
			gone = append(gone, path)
		}
	}
	f.mu.Unlock()
	for _, path := range gone {
		f.report("log "+path, path, nil)
	}
}

// hidden tells whether a file may be there though it was not found, since its folder
// or its source could not be read.
func (f *Follower) hidden(l *Followed) bool {
	if f.failed[l.from.Path] {
		return true
	}
	for dir := filepath.Dir(l.Path); len(f.failed) > 0; dir = filepath.Dir(dir) {
		if f.failed[dir] {
			return true
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return false
}

// examine looks at a file, and returns what is to be read of it, if anything.
func (f *Follower) examine(c candidate, now time.Time) *source {
	seen, err := statLog(c.path)
	l := f.followed(c)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // A file may go between two looks.
			f.fail(l, stamp{}, err)
		}
		return nil
	}
	if f.unchanged(l, seen, now) {
		if cut := f.reader.known.cuts[l.log]; cut != nil {
			cut.looks++
		}
		return nil
	}
	s, err := f.reader.examine(c.source, c.path)
	var unknown *UnknownFormatError
	if errors.As(err, &unknown) {
		f.settle(l, seen, &source{}, now) // Other files may lie in a folder of logs.
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) { // Or between the two here.
		return nil
	}
	if err != nil {
		if !lasting(err) {
			seen = stamp{} // It is tried again.
		}
		f.fail(l, seen, err)
		return nil
	}
	f.settle(l, seen, s, now)
	if s.shrunk != nil {
		f.report("log "+c.path, c.path, s.shrunk)
	} else {
		f.report("log "+c.path, c.path, nil)
	}
	if s.first == 0 {
		return nil
	}
	return s
}

// lasting tells whether a file can't be read until it changes.
func lasting(err error) bool {
	var refused *RefusedError
	var corrupt flate.CorruptInputError
	return errors.As(err, &refused) || errors.As(err, &corrupt) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}
