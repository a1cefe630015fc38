//go:build !linux && !windows

package main

import (
	"errors"
	"time"
)

func lowerPriority() error { return errors.ErrUnsupported }

func background(bool) error { return errors.ErrUnsupported }

func processorTime() (time.Duration, error) { return 0, errors.ErrUnsupported }
