//go:build unix

package store

import (
	"errors"
	"io/fs"
	"os"
)

// createClosed makes a file that only its owner and group can read. It returns
// false if the file is there.
func createClosed(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, file.Close()
}

// createBeside is for Windows: here SQLite gives the files that it makes beside the
// store the mode of the store.
func createBeside(string) error { return nil }
