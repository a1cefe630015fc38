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

	"github.com/nxadm/tail/watch"
	"golang.org/x/sys/unix"
)

// Users without rights and without other processes.
const (
	nobody   = 65533
	hoarding = 65532 // May lack what a test has taken from it.
)

func asNobody(t *testing.T) bool {
	t.Helper()
	return asUser(t, nobody)
}

// asUser runs the calling test once more as a user whom the modes of files stop,
// where it runs as root. It returns true where the test has run so.
func asUser(t *testing.T, id uint32) bool {
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
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

// A log of which the system tells nothing any more, here since its folder was shut,
// does not keep the tails of other logs from waking.
func TestFollowStatFails(t *testing.T) {
	if asNobody(t) {
		return
	}
	startWatching(t)
	one, rest := cutRows(w3c("MAIL01", 8, 20, "10.0.0.1"), 3000)
	two, more := cutRows(w3c("MAIL02", 8, 20, "10.0.0.2"), 3000)
	shut, dir := t.TempDir(), t.TempDir()
	bad, good := writeLog(t, shut, "a.log", one), writeLog(t, dir, "b.log", two)
	server, err := os.OpenFile(bad, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer server.Close()
	w := follow(t, PollAuto, newKept(), shut, dir)
	w.until(rowsIn(one) + rowsIn(two))
	eventually(t, "both tails watch", func() bool { return watch.Events(bad) != nil && watch.Events(good) != nil })
	must(t, os.Chmod(shut, 0))
	t.Cleanup(func() { must(t, os.Chmod(shut, 0o700)) })
	_, err = server.WriteString(rest)
	must(t, err)
	eventually(t, "the watch is taken off", func() bool { return watch.Events(bad) == nil })
	must(t, os.Chmod(shut, 0o700))
	w.atRest()
	before := w.read()
	w.append(good, more)
	eventually(t, "the rows were written, and no tick came", func() bool { return w.read() > before })
	w.same(one+rest, two+more)
}

// Where the system watches no more files for this user, logs are looked at.
func TestFollowWithoutInotify(t *testing.T) {
	if asUser(t, hoarding) {
		return
	}
	if os.Getuid() != hoarding {
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
