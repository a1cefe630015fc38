package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkTarget refuses a name under which no file can be put.
func checkTarget(flag, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
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

// writeWhole writes a file that is there as a whole or not at all: readers see the
// old one or the new one. Nobody else may read it, as it holds personal data.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // Mode 0600.
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
