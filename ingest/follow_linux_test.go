package ingest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user without rights and without other processes.
const nobody = 65533

// asNobody runs the calling test once more as a user whom the modes of files stop,
// where it runs as root. It returns true where the test has run so.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return false
	}
	stage, err := os.MkdirTemp("", "relaywatch-stage") // The folders of testing are root's alone.
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(stage)) })
	must(t, os.Chmod(stage, 0o777))
	self, err := os.Executable()
	must(t, err)
	program := filepath.Join(stage, "test")
	copyProgram(t, self, program)
	cmd := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = stage, append(os.Environ(), "TMPDIR="+stage)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as a user without rights: %v\n%s", err, out)
	}
	return true
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	must(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(out, in)
	must(t, errors.Join(err, out.Close(), os.Chmod(to, 0o755)))
}

// A log without permission is said once, and read when it has it.
func TestFollowPermission(t *testing.T) {
	if asNobody(t) {
		return
	}
	dir := t.TempDir()
	one, two := w3c("MAIL01", 8, 5, "10.0.0.1"), w3c("MAIL02", 8, 5, "10.0.0.2")
	writeLog(t, dir, "a.log", one)
	shut := writeLog(t, dir, "b.log", two)
	must(t, os.Chmod(shut, 0))
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one))
	for range 3 {
		w.look()
	}
	if got := w.mode("b.log"); got != FollowUnreadable {
		t.Errorf("got mode %s; want %s", got, FollowUnreadable)
	}
	must(t, os.Chmod(shut, 0o600))
	w.same(one, two)
	if len(w.problems) != 2 || !strings.Contains(w.problems[0], "permission denied") || w.problems[1] != "b.log: over" {
		t.Errorf("got %q; want that b.log can't be read, and that this is over", w.problems)
	}
}

// A folder without permission hides its own logs, and no others.
func TestFolderWithoutPermission(t *testing.T) {
	if asNobody(t) {
		return
	}
	one, two, three := w3c("MAIL01", 8, 5, "10.0.0.1"), w3c("MAIL02", 8, 5, "10.0.0.2"), w3c("MAIL03", 8, 5, "10.0.0.3")
	dir := t.TempDir()
	for name, log := range map[string]string{"a": one, "b": two, "c": three} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		writeLog(t, filepath.Join(dir, name), "ex.log", log)
	}
	shut := filepath.Join(dir, "b")
	must(t, os.Chmod(shut, 0))
	t.Cleanup(func() { must(t, os.Chmod(shut, 0o700)) })

	k := newKept()
	if _, err := k.read(t, 0, dir); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), shut) {
		t.Errorf("got %v; want permission denied for %s", err, shut)
	}
	if want := rowsIn(one) + rowsIn(three); k.rows != want {
		t.Errorf("read: got %d rows; want %d", k.rows, want)
	}

	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one) + rowsIn(three))
	for range 3 {
		w.look()
	}
	must(t, os.Chmod(shut, 0o700))
	w.same(one, two, three)
	if len(w.problems) != 2 || !strings.Contains(w.problems[0], shut) || !strings.HasSuffix(w.problems[1], ": over") {
		t.Errorf("got %q; want the folder's trouble, and that it is over", w.problems)
	}
}

// Where the system watches no more files for this user, logs are looked at.
func TestFollowWithoutInotify(t *testing.T) {
	if asNobody(t) {
		return
	}
	if os.Getuid() != nobody {
		t.Skip("it would take inotify from all other programs of this user: run it as root")
	}
	for {
		if _, err := unix.InotifyInit1(unix.IN_CLOEXEC); err != nil {
			break
		}
	}
	one, two := cutRows(w3c("MAIL01", 8, 20, "10.0.0.1"), 3000)
	dir := t.TempDir()
	path := writeLog(t, dir, "ex.log", one)
	w := follow(t, PollAuto, newKept(), dir)
	w.until(rowsIn(one))
	w.append(path, two)
	w.same(one + two)
}
