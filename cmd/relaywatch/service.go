package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

// serviceConfig is the agent as the system's service manager sees it. Paths are
// absolute: a service starts in a folder of the system's.
func (p *program) serviceConfig() (*service.Config, error) {
	c := &service.Config{
		Name:        "relaywatch",
		DisplayName: "relaywatch agent",
		Description: "Finds machines and accounts inside the network that send spam, from the mail server's SMTP logs.",
		Option: service.KeyValue{
			"OnFailure":              "restart",
			"OnFailureDelayDuration": "10s",
			"OnFailureResetPeriod":   86400,
			"DelayedAutoStart":       true,
			"Restart":                "on-failure",
		},
	}
	if p.configFile == "" {
		return nil, usageError{errors.New("name the configuration that the service is to use: --config FILE")}
	}
	config, err := filepath.Abs(p.configFile)
	if err != nil {
		return nil, err
	}
	c.Arguments = []string{"--config", config, "--log-level", p.logLevel}
	if p.dbPath != "" {
		db, err := filepath.Abs(p.dbPath)
		if err != nil {
			return nil, err
		}
		c.Arguments = append(c.Arguments, "--db", db)
	}
	c.Arguments = append(c.Arguments, "agent")
	c.WorkingDirectory = filepath.Dir(config)
	return c, nil
}

func (p *program) serviceCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, action := range []struct{ name, short, done string }{
		{"install", "Install the agent as a service that starts with the system", "installed: `relaywatch agent start` starts it"},
		{"uninstall", "Remove the service", "removed; the store and the configuration stay"},
		{"start", "Start the service", "started"},
		{"stop", "Stop the service", "stopped"},
	} {
		commands = append(commands, &cobra.Command{
			Use:   action.name,
			Short: action.short,
			Args:  only(0, "no argument"),
			RunE: func(*cobra.Command, []string) error {
				if err := p.control(action.name); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "service relaywatch %s\n", action.done)
				return nil
			},
		})
	}
	return commands
}

func (p *program) control(action string) error {
	if action == "install" {
		if err := p.checkAgent(); err != nil {
			return err
		}
	}
	c, err := p.serviceConfig()
	if err != nil && action != "install" {
		c, err = &service.Config{Name: "relaywatch"}, nil
	}
	if err != nil {
		return err
	}
	s, err := service.New(&windowsService{}, c)
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return errors.New("this system has no service manager that relaywatch knows: start `relaywatch agent` by what you use instead")
	}
	if err != nil {
		return err
	}
	if err := service.Control(s, action); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%w: an administrator's rights are needed", err)
		}
		return err
	}
	return nil
}

// runService runs the agent: under the service manager of Windows as its service,
// else until ctx is done.
func (p *program) runService(ctx context.Context) error {
	if service.Interactive() {
		return p.runAgent(ctx, nil)
	}
	c, err := p.serviceConfig()
	if err != nil {
		return err
	}
	// Relative paths of the configuration are in its folder. Windows starts a service
	// in System32, whatever folder it was installed with.
	if runtime.GOOS == "windows" {
		if err := os.Chdir(c.WorkingDirectory); err != nil {
			return fmt.Errorf("go to the folder of the configuration: %w", err)
		}
	}
	w := &windowsService{p: p}
	s, err := service.New(w, c)
	if err != nil {
		return p.runAgent(ctx, nil) // No manager that wants to be answered.
	}
	events, err := s.Logger(nil)
	if err != nil {
		return fmt.Errorf("open the system's event log: %w", err)
	}
	w.events = events
	w.ctx, w.cancel = context.WithCancel(ctx)
	defer w.cancel()
	if err := s.Run(); err != nil {
		return err
	}
	return w.err
}

// windowsService answers the service manager: Start must not block, Stop waits
// until everything is stored.
type windowsService struct {
	p      *program
	ctx    context.Context //nolint:containedctx // The service manager's interface has none.
	cancel context.CancelFunc
	events service.Logger
	ended  chan struct{}
	err    error // Of the agent, once ended is closed.
}

func (w *windowsService) Start(s service.Service) error {
	w.ended = make(chan struct{})
	go func() {
		defer close(w.ended)
		w.err = w.p.runAgent(w.ctx, w.events)
		if w.ctx.Err() == nil {
			_ = s.Stop() // It ended by itself: the manager must know.
		}
	}()
	return nil
}

func (w *windowsService) Stop(service.Service) error {
	w.cancel()
	select {
	case <-w.ended:
	case <-time.After(2 * stopWithin):
		return fmt.Errorf("the agent did not end within %v; what it stored is whole", 2*stopWithin)
	}
	return nil
}
