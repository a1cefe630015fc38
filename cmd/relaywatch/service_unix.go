//go:build !windows

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/kardianos/service"
)

const (
	defaultAccount = "relaywatch"
	accountAbout   = "`USER` that the service runs as"
)

// serve runs relaywatch. Here a service is started as anybody starts a program.
func serve(ctx context.Context, args []string) int {
	return run(ctx, args, os.Stdout, os.Stderr)
}

// runService runs the agent until ctx is done.
func (p *program) runService(ctx context.Context) error {
	p.keeper = newKeeper()
	return p.runAgent(ctx)
}

// install makes the folder of the store, and the service: a unit where there is
// systemd, else what the system's init has.
func (p *program) install(account string) error {
	if err := p.checkAgent(); err != nil {
		return err
	}
	args, err := p.serviceArgs()
	if err != nil {
		return err
	}
	keeper, err := user.Lookup(account)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return fmt.Errorf("there is no user %[1]s for the service: make it by `useradd --system --shell /usr/sbin/nologin %[1]s`, or name another one with --account", account)
	}
	if err != nil {
		return fmt.Errorf("look up user %s: %w", account, err)
	}
	path, err := p.serviceStore()
	if err != nil {
		return err
	}
	if err := makeStoreFolder(filepath.Dir(path), keeper); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	unit, err := p.unit(program, account, args)
	if err != nil {
		return err
	}
	c := &service.Config{
		Name: serviceName, DisplayName: serviceTitle, Description: serviceAbout, Executable: program, Arguments: args, UserName: account,
		WorkingDirectory: filepath.Dir(args[1]), Option: service.KeyValue{"SystemdScript": unit},
	}
	if err := control(c, "install"); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "user %s must be able to read the logs and %s\n", account, visible(args[1]))
	return nil
}

// makeStoreFolder makes a folder that only the service's user and group can enter.
// One that is there stays as it is.
func makeStoreFolder(dir string, owner *user.User) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return fmt.Errorf("user %s: %w", owner.Username, err)
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return fmt.Errorf("user %s: %w", owner.Username, err)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder of the store: %w", err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return fmt.Errorf("make the folder of the store: %w", err)
	}
	return nil
}

func (p *program) uninstall(string) error {
	c := &service.Config{Name: serviceName}
	_ = control(c, "stop") // It may not run.
	return control(c, "uninstall")
}

func (p *program) start(string) error { return control(&service.Config{Name: serviceName}, "start") }
func (p *program) stop(string) error  { return control(&service.Config{Name: serviceName}, "stop") }

// control has the system's init do something.
func control(c *service.Config, action string) error {
	s, err := service.New(noService{}, c)
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return errors.New("this system has no service manager that relaywatch knows: start `relaywatch agent` by what you use instead")
	}
	if err != nil {
		return err
	}
	err = service.Control(s, action)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the rights of root are needed", err)
	}
	return err
}

// noService is for an init that is only told what to do.
type noService struct{}

func (noService) Start(service.Service) error { return nil }
func (noService) Stop(service.Service) error  { return nil }
