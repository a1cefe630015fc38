//go:build !linux

package ingest

import "os"

// statLog asks for size and time. On Windows the folder's entry of an open file is
// behind; the open file itself is not.
func statLog(path string) (stamp, error) {
	if !staleFolders {
		return stampOf(os.Stat(path))
	}
	f, err := openShared(path)
	if err != nil {
		return stamp{}, err
	}
	defer f.Close()
	return stampOf(f.Stat())
}

func stampOf(info os.FileInfo, err error) (stamp, error) {
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}
