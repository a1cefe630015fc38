package main

import (
	"os"
	"runtime"

	"github.com/gofrs/flock"
)

// fileLock is a lock among programs of one machine. Its file is there only while it is
// held: one that stayed would be of the user who ran first, and keep others out.
type fileLock struct{ *flock.Flock }

// lockOf is the lock of a store with that ending.
func lockOf(store, ending string) fileLock { return fileLock{flock.New(store + ending)} }

// take takes the lock by try, shared or alone, unless others hold it.
func (l fileLock) take(try func() (bool, error)) (bool, error) {
	for {
		held, err := try()
		if !held || err != nil {
			return held, err
		}
		mine, err := l.Stat()
		if err != nil {
			return true, err
		}
		if there, err := os.Stat(l.Path()); err == nil && os.SameFile(mine, there) {
			return true, nil
		}
		if err := l.Unlock(); err != nil { // Its last holder removed the file meanwhile.
			return false, err
		}
	}
}

// release lets go of the lock, and removes its file if nobody else holds it.
func (l fileLock) release() {
	if alone, err := l.TryLock(); alone && err == nil {
		_ = os.Remove(l.Path())
	}
	_ = l.Unlock()
	if runtime.GOOS == "windows" { // Removes no file that is open, by whomever.
		_ = os.Remove(l.Path())
	}
}
