//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user without rights that tests become where they run as root,
// whom no mode of a file stops.
const nobody = 65534

// stage is a folder where a user without rights runs relaywatch.
type stage struct {
	dir, program string
}

// newStage makes a folder that everybody may enter, with relaywatch in it: those of
// testing are the owner's alone.
func newStage(t *testing.T) stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "relaywatch-stage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := stage{dir: dir, program: filepath.Join(dir, "relaywatch")}
	s.chmod(t, ".", 0o777)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, s.program, 0o755)
	return s
}

func (s stage) chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

// command is relaywatch in the folder, as a user without rights.
func (s stage) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.program, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+s.dir)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// run runs relaywatch in the folder, as a user without rights.
func (s stage) run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := s.command(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// expect runs relaywatch and compares its exit code, and what is in its output.
func (s stage) expect(t *testing.T, wantCode int, want string, args ...string) {
	t.Helper()
	code, out, errOut := s.run(t, args...)
	if code != wantCode || !strings.Contains(out+errOut, want) {
		t.Errorf("relaywatch %q: got exit code %d and %q; want %d and %q", args, code, out+errOut, wantCode, want)
	}
}

const sampleLog = "../../samples/iis/ex261106.log"

// TestNoPermission: a log, a folder, a store or a configuration that this user may
// not read.
func TestNoPermission(t *testing.T) {
	s := newStage(t)
	copyFile(t, sampleLog, filepath.Join(s.dir, "open.log"), 0o644)
	copyFile(t, sampleLog, filepath.Join(s.dir, "shut.log"), 0o000)
	copyFile(t, "../../samples/relaywatch.yaml", filepath.Join(s.dir, "shut.yaml"), 0o000)
	if err := os.MkdirAll(filepath.Join(s.dir, "shut/deep"), 0o000); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.chmod(t, "shut", 0o700) })

	s.expect(t, exitFailed, "ERR shut.log can't be read: give this account the right to read it\n", "--db", "a.db", "ingest", "shut.log")
	s.expect(t, exitFailed, "ERR shut can't be read: give this account the right to read it\n", "--db", "a.db", "ingest", "shut")
	s.expect(t, exitUsage, "relaywatch: read the configuration: open shut.yaml: permission denied\n", "--config", "shut.yaml", "status")
	// The others are read all the same.
	s.expect(t, exitFailed, "read 880 rows of 1 log", "--db", "a.db", "ingest", "shut.log", "open.log")
	s.expect(t, exitDone, "ip:203.0.113.66", "--db", "a.db", "query", "SELECT DISTINCT 'ip:' || client_ip FROM v_transactions")

	s.expect(t, exitDone, "read 880 rows", "--db", "mine.db", "ingest", "open.log")
	s.chmod(t, "mine.db", 0o000)
	s.expect(t, exitFailed, "this user must be allowed to", "--db", "mine.db", "ingest", "open.log")
	s.expect(t, exitFailed, "this user must be allowed to", "--db", "mine.db", "suspects")
}

// TestReadOnlyFolder: a store where this user may not write.
func TestReadOnlyFolder(t *testing.T) {
	s := newStage(t)
	copyFile(t, sampleLog, filepath.Join(s.dir, "open.log"), 0o644)
	if err := os.Mkdir(filepath.Join(s.dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, "--db", filepath.Join(s.dir, "there/a.db"), "ingest", sampleLog)
	s.chmod(t, "there/a.db", 0o444)
	s.chmod(t, "there", 0o555)
	t.Cleanup(func() { s.chmod(t, "there", 0o755) })

	want := "no permission to write: this user must be allowed to write the file and folder " + filepath.Join(s.dir, "there")
	s.expect(t, exitFailed, want, "--db", "there/a.db", "ingest", "open.log")
	s.expect(t, exitFailed, want, "--db", "there/new.db", "ingest", "open.log")
	s.expect(t, exitDone, "no suspects", "--db", "there/a.db", "suspects")

	// Where the folder can be written, files of this user beside the store would keep
	// its owner from writing.
	s.chmod(t, "there", 0o777)
	s.expect(t, exitDone, "no suspects", "--db", "there/a.db", "suspects")
	if left, err := filepath.Glob(filepath.Join(s.dir, "there/a.db?*")); err != nil || len(left) > 0 {
		t.Errorf("left beside the store: got %q, %v; want nothing", left, err)
	}
}
