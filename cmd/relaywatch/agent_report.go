package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// reportPath is where an agent keeps its health, for `status`: beside the store, as
// it must be told that the store can't be read or written.
func reportPath(store string) string { return store + ".agent" }

// reportBytes is the least size of the report's file. It is written in place and
// padded, so that it finds room on a full disk.
const reportBytes = 64 << 10

// keepReporting keeps the agent's report until ctx is done.
func (a *agent) keepReporting(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		a.report(false)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-a.news:
		}
	}
	a.report(true)
}

// report writes the report. Where it can't be written there is nobody but the
// agent's own log to tell.
func (a *agent) report(stopped bool) {
	a.calmDown(time.Now())
	h := a.health(time.Now())
	h.Stopped = stopped
	text, err := json.Marshal(h)
	if err == nil {
		err = writeReport(reportPath(a.store), text)
	}
	if err != nil {
		a.say("report", err)
		return
	}
	a.heal("report")
}

func writeReport(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("keep the agent's report: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		room := max(reportBytes, int(info.Size()), len(text))
		_, err = f.WriteAt(append(text, bytes.Repeat([]byte{' '}, room-len(text))...), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep the agent's report: %w", err)
	}
	return nil
}

// readReport is what an agent that writes to this store reported last; nil if none
// ever did. A report that is being written is read again.
func readReport(store string) (*health, error) {
	var err error
	for range 10 {
		var text []byte
		if text, err = os.ReadFile(reportPath(store)); err != nil {
			break
		}
		h := &health{}
		if err = json.Unmarshal(text, h); err == nil {
			return h, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, fmt.Errorf("read the agent's report: %w", err)
}
