//go:build !windows

package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

//go:embed relaywatch.service
var unitText string

var unitTemplate = template.Must(template.New("unit").Funcs(template.FuncMap{"word": unitWord, "argument": unitArgument, "plain": unitPlain}).Parse(unitText))

// unit is the systemd unit of the service.
func (p *program) unit(program, account string, args []string) (string, error) {
	paths, err := p.writtenFolders()
	if err != nil {
		return "", err
	}
	for _, path := range append(slices.Clone(paths), program, args[1]) {
		if strings.ContainsAny(path, "\n\r") || strings.Contains(path, "{{") {
			return "", fmt.Errorf("%q: systemd can't be told a path with a line break or {{: choose another one", path)
		}
		for _, private := range []string{"/tmp", "/var/tmp"} {
			if strings.HasPrefix(path, private+"/") || path == private {
				return "", fmt.Errorf("%s is below %s, of which the service sees its own: choose another folder, as /var/lib/relaywatch", path, private)
			}
		}
	}
	var text strings.Builder
	err = unitTemplate.Execute(&text, map[string]any{
		"About": serviceAbout, "Program": program, "Arguments": args, "Folder": filepath.Dir(args[1]), "User": account, "Written": paths,
	})
	return text.String(), err
}

// writtenFolders are what the service writes to: the folders of the store and of the
// agent's own log.
func (p *program) writtenFolders() ([]string, error) {
	path, err := p.serviceStore()
	if err != nil {
		return nil, err
	}
	folders := []string{filepath.Dir(path)}
	if p.config.Agent.Log != "" {
		log, err := p.servicePath(p.config.Agent.Log)
		if err != nil {
			return nil, err
		}
		folders = append(folders, filepath.Dir(log))
	}
	slices.Sort(folders)
	return slices.Compact(folders), nil
}

// unitWord quotes a word for systemd (systemd.syntax): % begins a specifier.
func unitWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s) + `"`
}

// unitArgument is unitWord for a command line, where $ begins a variable.
func unitArgument(s string) string { return strings.ReplaceAll(unitWord(s), `$`, `$$`) }

// unitPlain is for a value that systemd takes as it is, but for specifiers.
func unitPlain(s string) string { return strings.ReplaceAll(s, `%`, `%%`) }

// systemd is told by sd_notify(3) how the agent is.
type systemd struct {
	interval time.Duration // Between signs of life.

	mu      sync.Mutex // Guards what follows.
	started bool
	last    time.Time // Of a sign of life.
}

// lifeEvery is how often the agent shows that it lives while it starts: the manager
// waits for 90 s, and judging anew may take longer.
const lifeEvery = 10 * time.Second

// newKeeper is systemd where it waits for word.
func newKeeper() keeper {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nobodyKeeps{}
	}
	s := &systemd{interval: lifeEvery}
	if watchdog, err := daemon.SdWatchdogEnabled(false); err == nil && watchdog > 0 {
		s.interval = min(s.interval, watchdog/4)
	}
	return s
}

func (s *systemd) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		notify(daemon.SdNotifyReady)
	}
}

func (s *systemd) alive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.last) < s.interval {
		return
	}
	s.last = now
	state := daemon.SdNotifyWatchdog
	if !s.started {
		state += fmt.Sprintf("\nEXTEND_TIMEOUT_USEC=%d", (9 * lifeEvery).Microseconds())
	}
	notify(state)
}

func (s *systemd) stopping() { notify(daemon.SdNotifyStopping) }

// notify sends a word. Who does not hear it ends the agent in time, and starts it
// again.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }
