//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// stoppable prepares a process that is to end in good order when stop is called.
func stoppable(cmd *exec.Cmd) (stop func() error, err error) {
	return func() error { return cmd.Process.Signal(syscall.SIGTERM) }, nil
}
