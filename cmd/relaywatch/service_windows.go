package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	defaultAccount = "" // LocalSystem.
	accountAbout   = "`ACCOUNT` without a password that the service runs as, as 'NT SERVICE\\relaywatch' or CORP\\relaywatch$ (default LocalSystem)"
)

// How long the service manager may take.
const (
	managerStarts = 2 * startHint
	managerStops  = 2 * stopHint
	askEvery      = 100 * time.Millisecond
)

// recovery is what the service manager does when the agent ends by itself: the
// first, the second, and all further times within a day.
var recovery = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: 10 * time.Second},
	{Type: mgr.ServiceRestart, Delay: time.Minute},
	{Type: mgr.ServiceRestart, Delay: 5 * time.Minute},
}

const recoveryResetSeconds = 24 * 60 * 60

// install makes the service, the source of its messages in the event log, and the
// folder of the store.
func (p *program) install(account string) error {
	if err := p.checkAgent(); err != nil {
		return err
	}
	args, err := p.serviceArgs()
	if err != nil {
		return err
	}
	path, err := p.serviceStore()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return managerError("ask the service manager for", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.CreateService(serviceName, program, mgr.Config{
		DisplayName: serviceTitle, Description: serviceAbout, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, ServiceStartName: account,
	}, append(args, serviceArg)...)
	if err != nil {
		return managerError("install service", err)
	}
	defer func() { _ = s.Close() }()
	err = errors.Join(setRecovery(s), setEventSource(), makeStoreFolder(filepath.Dir(path), account))
	if err != nil {
		return errors.Join(managerError("install service", err), s.Delete(), removeEventSource())
	}
	if account != "" {
		fmt.Fprintf(p.out, "account %s must be able to read the logs and %s\n", visible(account), visible(args[1]))
	}
	return nil
}

// setRecovery has the agent started again when it ends by itself, also with an exit
// code, and after the services that the system needs.
func setRecovery(s *mgr.Service) error {
	if err := s.SetRecoveryActions(recovery, recoveryResetSeconds); err != nil {
		return fmt.Errorf("set the recovery actions: %w", err)
	}
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); unlessUnknown(err) != nil {
		return fmt.Errorf("set the recovery actions: %w", err)
	}
	late := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	return unlessUnknown(changeConfig(s, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &late))
}

// unlessUnknown lets pass that the manager does not know a setting, which is so
// under wine: the service works without it.
func unlessUnknown(err error) error {
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return nil
	}
	return err
}

// setEventSource lets the event log show the agent's messages.
func setEventSource() error {
	if err := removeEventSource(); err != nil { // That of a former one.
		return err
	}
	if err := eventlog.InstallAsEventCreate(serviceName, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		return fmt.Errorf("make the source %s of the event log: %w", serviceName, err)
	}
	return nil
}

func removeEventSource() error {
	if err := eventlog.Remove(serviceName); err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return fmt.Errorf("remove the source %s of the event log: %w", serviceName, err)
	}
	return nil
}

// uninstall stops and removes the service.
func (p *program) uninstall(string) error {
	return withService(windows.SERVICE_STOP|windows.SERVICE_QUERY_STATUS|windows.DELETE, func(s *mgr.Service) error {
		if err := stopService(s); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return err
		}
		if err := s.Delete(); err != nil {
			return managerError("remove service", err)
		}
		return removeEventSource()
	})
}

func (p *program) start(string) error {
	return withService(windows.SERVICE_START|windows.SERVICE_QUERY_STATUS, func(s *mgr.Service) error {
		if err := s.Start(); err != nil {
			return managerError("start service", err)
		}
		state, err := awaitState(s, managerStarts, svc.Running, svc.Stopped)
		switch {
		case err != nil:
			return err
		case state.State == svc.Stopped:
			return errors.New("the service ended at once: the event log says why (Windows Logs, Application, source relaywatch)")
		}
		return nil
	})
}

func (p *program) stop(string) error {
	return withService(windows.SERVICE_STOP|windows.SERVICE_QUERY_STATUS, stopService)
}

func stopService(s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil {
		return managerError("stop service", err)
	}
	_, err := awaitState(s, managerStops, svc.Stopped)
	return err
}

// awaitState waits until the service is in one of the states.
func awaitState(s *mgr.Service, within time.Duration, wanted ...svc.State) (svc.Status, error) {
	for deadline := time.Now().Add(within); ; time.Sleep(askEvery) {
		state, err := s.Query()
		if err != nil {
			return state, managerError("ask for the state of service", err)
		}
		for _, w := range wanted {
			if state.State == w {
				return state, nil
			}
		}
		if time.Now().After(deadline) {
			return state, fmt.Errorf("the service has not done so within %v; it may still do", within)
		}
	}
}

// withService opens the service with these rights: an administrator may let others
// start and stop it.
func withService(rights uint32, f func(*mgr.Service) error) error {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return managerError("ask the service manager for", err)
	}
	defer func() { _ = windows.CloseServiceHandle(manager) }()
	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return err
	}
	handle, err := windows.OpenService(manager, name, rights)
	if err != nil {
		return managerError("open service", err)
	}
	s := &mgr.Service{Name: serviceName, Handle: handle}
	defer func() { _ = s.Close() }()
	return f(s)
}

// managerError says what to do about an error of the service manager.
func managerError(doing string, err error) error {
	for known, hint := range map[error]string{
		windows.ERROR_ACCESS_DENIED:             "run this as administrator",
		windows.ERROR_SERVICE_DOES_NOT_EXIST:    "there is none: install it by `relaywatch agent install`",
		windows.ERROR_SERVICE_EXISTS:            "it is there already: remove it by `relaywatch agent uninstall`",
		windows.ERROR_SERVICE_MARKED_FOR_DELETE: "the former one goes when the windows that show services are closed",
		windows.ERROR_SERVICE_ALREADY_RUNNING:   "it runs already",
		windows.ERROR_SERVICE_NOT_ACTIVE:        "it does not run",
	} {
		if errors.Is(err, known) {
			return managerRefusal{doing + " " + serviceName + ": " + hint, err}
		}
	}
	return fmt.Errorf("%s %s: %w", doing, serviceName, err)
}

// managerRefusal is an error of the service manager in other words.
type managerRefusal struct {
	text string
	err  error
}

func (e managerRefusal) Error() string { return e.text }
func (e managerRefusal) Unwrap() error { return e.err }

// runService runs the agent until ctx is done. Relative paths of the configuration
// are in its folder: Windows starts a service in System32.
func (p *program) runService(ctx context.Context) error {
	if p.events != nil {
		config, err := p.serviceConfig()
		if err != nil {
			return err
		}
		if err := os.Chdir(filepath.Dir(config)); err != nil {
			return fmt.Errorf("go to the folder of the configuration: %w", err)
		}
	}
	return p.runAgent(ctx)
}
