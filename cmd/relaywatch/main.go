// Command relaywatch finds the machines and accounts inside a network that send
// spam, from the SMTP logs that Exchange and IIS write.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // Windows has no zone files.
)

// How much garbage there may be, in percent of what is in use. By default it is 100: a
// million rows take 118 MB instead of 150 for 7 % more processor time. An agent has
// time, and much in use.
const (
	gcPercent      = 40
	agentGCPercent = 25
)

// collectAt has garbage collected at so many percent, unless somebody decided otherwise.
func collectAt(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

func main() {
	collectAt(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second ctrl-C ends at once.
	os.Exit(serve(ctx, os.Args[1:]))
}
