package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"gopkg.in/natefinch/lumberjack.v2"

	"relaywatch/ingest"
)

// runAgent runs the agent until ctx is done.
func (p *program) runAgent(ctx context.Context) error {
	if err := p.checkSources(); err != nil {
		return err
	}
	collectAt(agentGCPercent)
	log, done := p.agentLog()
	defer done()
	p.log = log
	a := newAgent(p)
	g, both := errgroup.WithContext(ctx)
	if address := p.config.Agent.Listen; address != "" {
		g.Go(func() error { return a.serve(both, address) })
	}
	g.Go(func() error {
		err := a.run(both)
		if err == nil {
			err = context.Canceled // The page ends with the agent.
		}
		return err
	})
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return unlessCanceled(err)
	case <-ctx.Done():
	}
	a.keeper.stopping()
	select {
	case err := <-ended:
		return unlessCanceled(err)
	case <-time.After(stopWithin):
		// A disk or share that hangs, or another program that holds the store.
		log.Warn().Msg("agent stopped in the middle of its work; what it stored is whole, and the next start goes on from there")
		return nil
	}
}

// stopWithin is how long the agent may take to store what it has read. Then the
// process ends as if it were killed, which loses nothing. Those who stop services
// want to see it within 5 s.
const stopWithin = 4500 * time.Millisecond

func unlessCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// followed is what an agent follows: the logs of the configuration.
func (p *program) followed() ([]ingest.Source, error) {
	if len(p.config.Logs) == 0 {
		return nil, usageError{errors.New("nothing to follow: set logs in the configuration (relaywatch.yaml, or --config FILE)")}
	}
	return p.sources(nil, "", "")
}

// checkSources says before the start what would stop the agent at once.
func (p *program) checkSources() error {
	if _, err := p.followed(); err != nil {
		return err
	}
	_, err := rulesIn(p.config.Rules.Path)
	return err
}

// How much of its own log the agent keeps: three files of 10 MB.
const (
	ownLogMB    = 10
	ownLogFiles = 3
)

// agentLog writes to the console, to a file that rotates, and to the system's event
// log.
func (p *program) agentLog() (log zerolog.Logger, done func()) {
	console := zerolog.ConsoleWriter{Out: p.err, NoColor: !isTerminal(p.err), TimeFormat: time.RFC3339}
	writers := []io.Writer{console}
	done = func() {}
	path := p.config.Agent.Log
	if path == "" && p.events != nil {
		path = filepath.Join(filepath.Dir(p.config.Store.Path), "relaywatch.log") // A service has no console.
	}
	if path != "" {
		file := &lumberjack.Logger{Filename: path, MaxSize: ownLogMB, MaxBackups: ownLogFiles}
		done = func() { _ = file.Close() } // The process ends.
		writers = append(writers, file)
	}
	if p.events != nil {
		writers = append(writers, p.events)
	}
	return zerolog.New(zerolog.MultiLevelWriter(writers...)).Level(p.log.GetLevel()).With().Timestamp().Logger(), done
}
