package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

// What the agent is called as a service.
const (
	serviceName  = "relaywatch"
	serviceTitle = "relaywatch agent"
	serviceAbout = "Finds machines and accounts inside the network that send spam, from the mail server's SMTP logs."
)

// keeper is who keeps the agent running, and waits for word of it: systemd, the
// service manager of Windows, or nobody. Its methods may be called at any time, from
// any goroutine, and do not block.
type keeper interface {
	ready()    // The agent follows the logs, or has said why it can't yet. Called often.
	alive()    // The agent gets on with its work. Called often.
	stopping() // It was told to stop, and will.
}

type nobodyKeeps struct{}

func (nobodyKeeps) ready()    {}
func (nobodyKeeps) alive()    {}
func (nobodyKeeps) stopping() {}

// serviceAction is one of the commands that have the system keep the agent.
type serviceAction struct {
	name, short, done string
	run               func(p *program, account string) error
}

func (p *program) serviceCommands() []*cobra.Command {
	var account string
	var commands []*cobra.Command
	for _, action := range []serviceAction{
		{"install", "Install the agent as a service that starts with the system", "installed: `relaywatch agent start` starts it", (*program).install},
		{"uninstall", "Stop and remove the service", "removed; the store and the configuration stay", (*program).uninstall},
		{"start", "Start the service", "started", (*program).start},
		{"stop", "Stop the service", "stopped", (*program).stop},
	} {
		c := &cobra.Command{
			Use:   action.name,
			Short: action.short,
			Args:  only(0, "no argument"),
			RunE: func(*cobra.Command, []string) error {
				if err := action.run(p, account); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "service %s %s\n", serviceName, action.done)
				return nil
			},
		}
		if action.name == "install" {
			c.Flags().StringVar(&account, "account", defaultAccount, accountAbout)
		}
		commands = append(commands, c)
	}
	return commands
}

// serviceArgs are the arguments of the agent as a service. Paths are absolute: a
// service starts in a folder of the system's.
func (p *program) serviceArgs() ([]string, error) {
	config, err := p.serviceConfig()
	if err != nil {
		return nil, err
	}
	args := []string{"--config", config, "--log-level", p.logLevel}
	if p.dbPath != "" {
		db, err := filepath.Abs(p.dbPath)
		if err != nil {
			return nil, err
		}
		args = append(args, "--db", db)
	}
	return append(args, "agent"), nil
}

// serviceConfig is the file of the configuration. Relative paths in it are those of
// its folder, where the service runs.
func (p *program) serviceConfig() (string, error) {
	if p.configFile == "" {
		return "", usageError{errors.New("name the configuration that the service is to use: --config FILE")}
	}
	return filepath.Abs(p.configFile)
}

// servicePath is a path of the configuration as the service sees it.
func (p *program) servicePath(path string) (string, error) {
	config, err := p.serviceConfig()
	if err != nil || filepath.IsAbs(path) {
		return filepath.Clean(path), err
	}
	return filepath.Join(filepath.Dir(config), path), nil
}

// serviceStore is where the service has its store.
func (p *program) serviceStore() (string, error) {
	if p.dbPath != "" {
		return filepath.Abs(p.dbPath)
	}
	return p.servicePath(p.config.Store.Path)
}
