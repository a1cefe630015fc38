package store

import (
	"errors"
	"syscall"
)

// errorWriteProtect is ERROR_WRITE_PROTECT of winerror.h.
const errorWriteProtect = syscall.Errno(19)

// readOnlyDisk tells whether the disk is write-protected.
func readOnlyDisk(err error) bool { return errors.Is(err, errorWriteProtect) }
