package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary relaywatch itself where it is called by that
// name: in scripts, and by tests that stop or kill it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"relaywatch": relaywatch})
}

// relaywatch is main with the size of a Batch from the environment, so that a kill
// hits between Batches, too, and with how often the agent checks its store, judges
// for good, and looks for changes, and when it hangs.
func relaywatch() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("TEST_STOPPED_BY_INPUT") != "" { // Where there are no signals.
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	p := &program{out: os.Stdout, err: os.Stderr}
	p.batchRows, _ = strconv.Atoi(os.Getenv("TEST_BATCH_ROWS"))         // 0 is the default.
	p.checkEvery, _ = time.ParseDuration(os.Getenv("TEST_CHECK_EVERY")) // As well.
	p.pruneAfter, _ = time.ParseDuration(os.Getenv("TEST_PRUNE_AFTER")) // As well.
	p.judgeDelay, _ = time.ParseDuration(os.Getenv("TEST_JUDGE_DELAY")) // As well.
	p.lookEvery, _ = time.ParseDuration(os.Getenv("TEST_LOOK_EVERY"))   // As well.
	if start, err := time.Parse(time.RFC3339Nano, os.Getenv("TEST_NOW")); err == nil {
		began := time.Now()
		p.now = func() time.Time { return start.Add(time.Since(began)) } // For mail.
		p.mailEvery = 10 * time.Millisecond
	}
	if words, err := strconv.Atoi(os.Getenv("TEST_STUCK_AFTER")); err == nil {
		os.Exit(p.runStuck(ctx, os.Args[2], words)) // relaywatch --config FILE agent
	}
	os.Exit(p.run(ctx, os.Args[1:]))
}
