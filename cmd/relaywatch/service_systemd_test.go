//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
)

// unitFor is the unit of an agent with this configuration.
func unitFor(t *testing.T, config string) (string, error) {
	t.Helper()
	p := &program{configFile: filepath.Join("/etc/relay watch", "50%.yaml"), logLevel: "info", config: &Config{}}
	p.config.Store.Path, p.config.Agent.Log = config, ""
	args, err := p.serviceArgs()
	if err != nil {
		t.Fatal(err)
	}
	return p.unit("/bin/sh", "relaywatch", args)
}

// The unit says what systemd must know, and nothing in it is to systemd what a path
// is not: a space, a quote, % or $.
func TestUnit(t *testing.T) {
	text, err := unitFor(t, "/var/lib/relay$watch/it's.db")
	if err != nil {
		t.Fatal(err)
	}
	options, err := unit.DeserializeOptions(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got := map[string]string{}
	for _, o := range options {
		if _, twice := got[o.Name]; twice {
			t.Errorf("%s is there twice", o.Name)
		}
		got[o.Name] = o.Section + ": " + o.Value
	}
	for name, want := range map[string]string{
		"Type": "Service: notify", "NotifyAccess": "Service: main", "WatchdogSec": "Service: 10min", "TimeoutStopSec": "Service: 15",
		"User": "Service: relaywatch", "UMask": "Service: 0027", "NoNewPrivileges": "Service: yes", "ProtectSystem": "Service: strict",
		"ReadWritePaths": `Service: "/var/lib/relay$watch"`, "CapabilityBoundingSet": "Service: ", "Nice": "Service: 10",
		"IOSchedulingClass": "Service: idle", "Restart": "Service: on-failure", "RestartPreventExitStatus": "Service: 2",
		"WorkingDirectory": "Service: /etc/relay watch", "WantedBy": "Install: multi-user.target", "StartLimitIntervalSec": "Unit: 0",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q; want %q", name, got[name], want)
		}
	}
	if want := `Service: "/bin/sh" "--config" "/etc/relay watch/50%%.yaml" "--log-level" "info" "agent"`; got["ExecStart"] != want {
		t.Errorf("ExecStart: got %q; want %q", got["ExecStart"], want)
	}
}

// systemd itself takes the unit without a word, where it is installed.
func TestUnitIsTaken(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := unitFor(t, "/var/lib/relay$watch/it's.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "relaywatch.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "relaywatch.service") {
			t.Errorf("systemd says %s (%v)", line, err)
		}
	}
}

// A store where the service would not see it is refused before it is installed.
func TestUnitRefuses(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"/tmp/a.db", "is below /tmp, of which the service sees its own: choose another folder"},
		{"/srv/a\nb/a.db", "systemd can't be told a path with a line break"},
		{"/srv/{{b/a.db", "systemd can't be told a path with"},
	} {
		if _, err := unitFor(t, c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v; want %q", c.path, err, c.want)
		}
	}
}

// listener is systemd's socket.
type listener struct {
	t    testing.TB
	conn *net.UnixConn
	path string
}

func listen(t testing.TB) *listener {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &listener{t, conn, path}
}

// until returns what is heard up to a word, which comes within 30 s.
func (l *listener) until(word string) []string {
	l.t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	var heard []string
	buffer := make([]byte, 4096)
	for {
		n, err := l.conn.Read(buffer)
		if err != nil {
			l.t.Fatalf("got %q, then %v; want %s", heard, err, word)
		}
		for line := range strings.Lines(string(buffer[:n])) {
			heard = append(heard, strings.TrimSpace(line))
		}
		if slices.Contains(heard, word) {
			return heard
		}
	}
}

// systemd hears that the agent is ready when it follows the logs, that it lives, and
// that it stops.
func TestNotify(t *testing.T) {
	l := listen(t)
	t.Setenv("NOTIFY_SOCKET", l.path)
	t.Setenv("WATCHDOG_USEC", "200000")
	h := newHost(t, 2000, "agent: {interval: 50ms}")
	h.batchRows = 50_000
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	l.until("READY=1")
	if got, want := h.rows(), h.wholeRows(); got != want {
		t.Errorf("got %d rows stored when it was ready; want %d", got, want)
	}
	for range 3 {
		l.until("WATCHDOG=1")
	}
	if err := r.proc.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	l.until("STOPPING=1")
	if err := <-r.done; err != nil {
		t.Errorf("got %v: %s; want a good end", err, r.errOut)
	}
}

// An agent that can't get at its store is started, too: it waits, and says why.
func TestNotifyTrouble(t *testing.T) {
	l := listen(t)
	t.Setenv("NOTIFY_SOCKET", l.path)
	h := newHost(t, 2000, "")
	h.db = filepath.Join(t.TempDir(), "away", "a.db")
	h.configure("")
	if err := os.MkdirAll(h.db, 0o700); err != nil { // A folder in the place of the store.
		t.Fatal(err)
	}
	r := h.start()
	l.until("READY=1")
	r.says("what=store")
	r.stop()
}

// A wrong configuration is an exit code that systemd does not start again for.
func TestWrongConfigurationIsTold(t *testing.T) {
	h := newHost(t, 2000, "nonsense: 1")
	r := h.start()
	var exit *exec.ExitError
	if err := <-r.done; !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
		t.Errorf("got %v; want exit code %d", err, exitUsage)
	}
}
