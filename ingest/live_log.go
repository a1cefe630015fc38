package ingest

import (
	"bytes"
	"time"
)

// followed is the entry of a file; a new one if it is new.
func (f *Follower) followed(c candidate) *Followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.logs[c.path]
	if l == nil {
		l = &Followed{Path: c.path, Mode: FollowPoll, from: c.source, remote: remote(c.path)}
		f.logs[c.path] = l
	}
	return l
}

// freshFor is how long a file's time may be the same after two writes: file systems
// count it in steps, of two seconds at the most (FAT).
const freshFor = 2 * time.Second

// unchanged tells whether a file is as it was when it was looked at last.
func (f *Follower) unchanged(l *Followed, seen stamp, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := now.Sub(seen.at) < freshFor
	if l.stamp != seen || !l.plain && fresh {
		return false
	}
	behind := l.seen
	if l.log != nil {
		behind = l.ReadBytes
	}
	doubtful := fresh || f.slow || staleFolders || l.remote
	if l.plain && behind < seen.size && doubtful && writtenAt(l.Path, behind) {
		return false
	}
	f.cool(l, now)
	return true
}

// writtenAt tells whether a line ends behind offset, before the first byte that is
// not written yet. In reserved space the size does not tell of that, and the time
// does not everywhere: Windows brings it up to date when the file is closed.
func writtenAt(path string, offset int64) bool {
	f, err := openShared(path)
	if err != nil {
		return true // The look will say why.
	}
	defer f.Close()
	var b [1024]byte
	for {
		n, err := f.ReadAt(b[:], offset)
		line := written(b[:n])
		if bytes.IndexByte(line, '\n') >= 0 {
			return true
		}
		if len(line) < n || err != nil {
			return false
		}
		offset += int64(n)
	}
}

// settle notes what a look at a file found.
func (f *Follower) settle(l *Followed, seen stamp, s *source, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.stamp, l.SizeBytes, l.Error = seen, seen.size, ""
	if l.Mode == FollowUnreadable {
		l.Mode = FollowPoll
	}
	if l.Grown.IsZero() {
		l.Grown = now
		if seen.at.Before(now) {
			l.Grown = seen.at // An old log that is found at the start did not grow just now.
		}
	}
	l.grows = l.grows || s.first == 0
	switch {
	case s.first == 0:
		l.Waits = time.Time{}
	case l.Waits.IsZero():
		l.Waits = now
	}
	if l.log != nil && l.log != s.log {
		f.tails.stop(l.Path) // Another log took its place.
	}
	l.log, l.plain, l.seen = s.log, s.plain, s.seen
	if l.log != nil {
		l.ReadBytes = l.log.ReadBytes
	}
	if s.shrunk != nil && s.first == 0 {
		l.Error = s.shrunk.Error()
	}
}

// stand puts nxadm/tail at the end of a log that has just been read to its end, and
// notes that it grew. The caller holds f.mu.
func (f *Follower) stand(l *Followed, now time.Time) {
	if l.grows {
		l.Grown = now
	}
	l.grows = true
	l.Mode = FollowPoll
	l.SizeBytes = max(l.SizeBytes, l.ReadBytes) // It may have grown since it was looked at.
	if now.Sub(l.Grown) >= idleAfter {
		l.Mode = FollowIdle
		return
	}
	// Behind half a row or reserved space, tail would lose what is written over it.
	whole := l.plain && l.ReadBytes == l.SizeBytes
	if !whole || f.Poll == PollAlways || f.Poll != PollNever && l.remote {
		f.tails.stop(l.Path)
		return
	}
	if f.tails.stand(l.Path, l.ReadBytes) {
		l.Mode = FollowTail
	}
}

// cool sends a log that did not grow for long to the slow looks. The caller holds
// f.mu.
func (f *Follower) cool(l *Followed, now time.Time) {
	if l.Mode == FollowUnreadable || now.Sub(l.Grown) < idleAfter {
		return
	}
	l.Mode = FollowIdle
	f.tails.stop(l.Path)
}

// fail notes that a file can't be read now; seen is zero if it is to be tried again
// though it did not change.
func (f *Follower) fail(l *Followed, seen stamp, err error) {
	f.mu.Lock()
	l.Mode, l.Error, l.stamp = FollowUnreadable, err.Error(), seen
	f.tails.stop(l.Path)
	f.mu.Unlock()
	f.report("log "+l.Path, l.Path, err)
}

// trouble is what the reader says while it reads.
func (f *Follower) trouble(path string, err error) {
	f.mu.Lock()
	l := f.logs[path]
	f.mu.Unlock()
	if l != nil {
		f.fail(l, stamp{}, err)
	}
}

// report tells of trouble once until it changes, and once that it is over.
func (f *Follower) report(key, path string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if f.told == nil {
		f.told = map[string]string{}
	}
	if f.told[key] == text {
		return
	}
	f.told[key] = text
	if f.Problem != nil {
		f.Problem(path, err)
	}
}
