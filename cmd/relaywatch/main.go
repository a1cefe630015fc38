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

// gcPercent has garbage collected earlier than by default: a million rows take 118 MB
// instead of 150, for 7 % more processor time.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second ctrl-C ends at once.
	os.Exit(serve(ctx, os.Args[1:]))
}
