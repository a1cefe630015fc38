package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/rs/zerolog"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// serviceArg is the last argument of relaywatch where the service manager starts it.
const serviceArg = "--as-service"

// serve runs relaywatch, under the service manager if that has started it.
func serve(ctx context.Context, args []string) int {
	last := len(args) - 1
	if last < 0 || args[last] != serviceArg {
		return run(ctx, args, os.Stdout, os.Stderr)
	}
	s := &underManager{ctx: ctx, args: args[:last]}
	if err := svc.Run(serviceName, s); err != nil {
		fmt.Fprintf(os.Stderr, "relaywatch: %s is for the service manager of Windows: %v\n", serviceArg, err)
		return exitUsage
	}
	return s.code
}

// underManager is relaywatch as the service manager sees it. The manager is told an
// exit code if the agent ends by itself, and starts it again.
type underManager struct {
	ctx  context.Context //nolint:containedctx // The service manager's interface has none.
	args []string
	code int
}

// What the manager is told.
const (
	stopHint  = 2 * stopWithin
	startHint = 2 * time.Minute // Until the next sign of life.
)

// Execute runs relaywatch, and answers the manager meanwhile.
func (u *underManager) Execute(_ []string, requests <-chan svc.ChangeRequest, states chan<- svc.Status) (specific bool, code uint32) {
	starting := svc.Status{State: svc.StartPending, Accepts: svc.AcceptStop | svc.AcceptShutdown, WaitHint: milliseconds(startHint)}
	states <- starting
	events, err := eventlog.Open(serviceName)
	if err != nil {
		return false, uint32(windows.ERROR_EVENTLOG_CANT_START)
	}
	defer func() { _ = events.Close() }()
	ctx, cancel := context.WithCancel(u.ctx)
	defer cancel()
	k := &managerKeeps{started: make(chan struct{}, 1), lives: make(chan struct{}, 1)}
	p := &program{out: io.Discard, err: io.Discard, events: &eventWriter{events}, keeper: k}
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, u.args) }()
	state := starting
	for {
		select {
		case <-k.started:
			if state.State == svc.StartPending {
				state = svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
				states <- state
			}
		case <-k.lives:
			if state.State == svc.StartPending {
				state.CheckPoint++
				states <- state
			}
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				states <- state
			case svc.Stop, svc.Shutdown:
				state = svc.Status{State: svc.StopPending, WaitHint: milliseconds(stopHint)}
				states <- state
				cancel()
			}
		case u.code = <-ended:
			if ctx.Err() != nil {
				u.code = exitDone // It was told to.
			}
			return true, uint32(u.code)
		}
	}
}

func milliseconds(d time.Duration) uint32 { return uint32(d.Milliseconds()) }

// managerKeeps hands word of the agent to Execute.
type managerKeeps struct{ started, lives chan struct{} }

func (k *managerKeeps) ready()    { pass(k.started) }
func (k *managerKeeps) alive()    { pass(k.lives) }
func (k *managerKeeps) stopping() {}

func pass(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // The one before was not heard yet.
	}
}

// maxEvent is how long a message of the event log may be, in characters.
const maxEvent = 31_000

// eventWriter hands the agent's messages to the event log: its start, its stop, and
// trouble and its end. Whoever reads them there sees time and level beside them.
type eventWriter struct{ log *eventlog.Log }

func (w *eventWriter) Write(b []byte) (int, error) { return w.WriteLevel(zerolog.InfoLevel, b) }

func (w *eventWriter) WriteLevel(level zerolog.Level, b []byte) (int, error) {
	if level < zerolog.InfoLevel {
		return len(b), nil
	}
	var text bytes.Buffer
	console := zerolog.ConsoleWriter{Out: &text, NoColor: true, PartsExclude: []string{zerolog.TimestampFieldName, zerolog.LevelFieldName}}
	if _, err := console.Write(b); err != nil {
		return 0, err
	}
	return len(b), w.say(level, text.String())
}

// Numbers of events, as EventCreate.exe knows them: it shows their texts.
const (
	infoEvent    = 1
	warningEvent = 2
	errorEvent   = 3
)

func (w *eventWriter) say(level zerolog.Level, text string) error {
	text = strings.TrimSpace(text)
	if r := []rune(text); len(r) > maxEvent {
		text = string(r[:maxEvent])
	}
	switch {
	case level >= zerolog.ErrorLevel:
		return w.log.Error(errorEvent, text)
	case level == zerolog.WarnLevel:
		return w.log.Warning(warningEvent, text)
	}
	return w.log.Info(infoEvent, text)
}

// changeConfig sets what mgr has no method for.
func changeConfig[T any](s *mgr.Service, level uint32, value *T) error {
	return windows.ChangeServiceConfig2(s.Handle, level, (*byte)(unsafe.Pointer(value)))
}
