package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// configWatch notices that the configuration file or the rules changed, by size and
// time. Looking every few seconds is enough, and works on every disk.
type configWatch struct {
	paths []string // The file, and the folder of rules; "" is none.
	seen  []stamp
}

type stamp struct {
	name string
	size int64
	at   time.Time
}

// newConfigWatch knows the paths as they are now.
func newConfigWatch(paths ...string) *configWatch {
	w := &configWatch{paths: paths}
	w.changed()
	return w
}

// watchPaths are where the configuration may lie, and its rules. A file that is not
// there yet is waited for.
func watchPaths(configFile, rules string, getenv func(string) string) []string {
	if configFile == "" {
		configFile = getenv("RELAYWATCH_CONFIG")
	}
	if configFile == "" {
		return append(configPlaces(getenv), rules)
	}
	return []string{configFile, rules}
}

// changed tells whether anything changed since it was asked last. What can't be
// read now is asked again the next time.
func (w *configWatch) changed() bool {
	now, err := w.look()
	if err != nil || slices.Equal(now, w.seen) {
		return false
	}
	w.seen = now
	return true
}

func (w *configWatch) look() ([]stamp, error) {
	var stamps []stamp
	for _, path := range w.paths {
		if path == "" {
			continue
		}
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := os.Stat(path)
			if err == nil {
				stamps = append(stamps, stamp{path, info.Size(), info.ModTime()})
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return stamps, nil
}
