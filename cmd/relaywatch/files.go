package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"relaywatch/store"
)

// checkTarget refuses a name under which no file can be put.
func checkTarget(flag, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if folder := filepath.Dir(path); !isFolder(folder) {
			return usageError{fmt.Errorf("%s %q: there is no folder %s: make it, or name another file", flag, path, folder)}
		}
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", flag, err)
	case info.IsDir():
		return usageError{fmt.Errorf("%s %q is a folder: name a file in it, as %s", flag, path, filepath.Join(path, "suspect.html"))}
	case !info.Mode().IsRegular():
		return usageError{fmt.Errorf("%s %q is no file", flag, path)}
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// notStore refuses to write over the store.
func (p *program) notStore(flag, path string) error {
	info, err := os.Stat(path)
	db, dbErr := os.Stat(p.config.Store.Path)
	if err == nil && dbErr == nil && os.SameFile(info, db) {
		return usageError{fmt.Errorf("%s %q is the store: name another file", flag, path)}
	}
	return nil
}

// writeWhole makes a file that is there as a whole or not at all: readers see the old
// one or the new one. It holds personal data: who may read the store may read it.
func writeWhole(path string, fill func(*os.File) error) error {
	part := fmt.Sprintf("%s.%016x.part", path, rand.Uint64())
	made, err := store.CreateClosed(part)
	if err == nil && !made {
		err = fmt.Errorf("%s is there already: remove it", part)
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY, 0)
	if err == nil {
		if err = fill(f); err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return nil
}

// writeClosed is writeWhole of data that nobody else may read, not even who may read
// the store. On Windows the rights are those of the store.
func writeClosed(path string, data []byte) error {
	return writeWhole(path, func(f *os.File) error {
		if err := f.Chmod(0o600); err != nil {
			return err
		}
		_, err := f.Write(data)
		return err
	})
}
