package main

import (
	"os"
	"os/exec"
)

// stoppable prepares a process that is to end in good order when stop is called.
// Windows sends signals to all processes of a console only, so that its standard
// input tells it: see relaywatch.
func stoppable(cmd *exec.Cmd) (stop func() error, err error) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TEST_STOPPED_BY_INPUT=1")
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return input.Close, nil
}
