//go:build unix

package store

import (
	"errors"
	"syscall"
)

// readOnlyDisk tells whether the disk is mounted for reading only.
func readOnlyDisk(err error) bool { return errors.Is(err, syscall.EROFS) }
