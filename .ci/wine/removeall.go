package testing

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// removeEach is os.RemoveAll by plain deletes. os.RemoveAll asks for POSIX deletes,
// and where there are none expects another answer than that of wine 8, so that the
// end of every test with a folder of its own would fail. A file that is being closed
// stays in its folder until it is: that is waited for, for a second.
func removeEach(path string) error {
	var paths []string
	err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			paths = append(paths, path)
		}
		return err
	})
	for _, path := range slices.Backward(paths) {
		err := os.Remove(path)
		for try := 0; err != nil && !os.IsNotExist(err) && try < 20; try++ {
			time.Sleep(50 * time.Millisecond)
			err = os.Remove(path)
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
