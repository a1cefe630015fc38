package ingest

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// staleFolders is true where a folder's entry of an open file may be behind: NTFS
// brings it up to date when the file is closed.
const staleFolders = true

// canWatch tells whether the system still gives out watches.
func canWatch() bool { return true }

// remote tells whether a file lies on another machine (a UNC path or a mapped
// drive), so that it must be looked at.
func remote(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return true
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(abs) + `\`)
	return err != nil || windows.GetDriveType(root) != windows.DRIVE_FIXED
}
