// Command relaywatch finds the machines and accounts inside a network that send
// spam, from the SMTP logs that Exchange and IIS write.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // Windows has no zone files.
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second ctrl-C ends at once.
	os.Exit(serve(ctx, os.Args[1:]))
}
