package main

import (
	"fmt"
	"io"
	"slices"

	"relaywatch/detect"
	"relaywatch/store"
)

// failOn is what --fail-on asks of suspects: the zero value asks nothing.
type failOn struct{ severity string }

func (f failOn) check() error {
	if f.severity != "" && !slices.Contains(severities, f.severity) {
		return usageError{fmt.Errorf("--fail-on %q: use low, medium, high or critical", f.severity)}
	}
	return nil
}

// warn says so where nothing that is shown can fail: a check that is always green
// tells nobody anything.
func (f failOn) warn(w io.Writer, state string) {
	if f.severity != "" && (state == stateClosed || state == stateFalseAlarm) {
		fmt.Fprintf(w, "relaywatch: --fail-on fails for episodes that are open or confirmed; with --state %s it never does\n", state)
	}
}

// on is errSuspects if somebody is severe enough, and still is to be dealt with: what
// triage called closed or a false alarm is not, and what has been over for a day is not.
func (f failOn) on(suspects []store.Suspect) error {
	if f.severity == "" {
		return nil
	}
	for _, s := range suspects {
		if s.InWork() && s.Severity.AtLeast(detect.Severity(f.severity)) {
			return errSuspects
		}
	}
	return nil
}
