package main

import (
	"bytes"
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/store"
)

// page4k is the size of a page in the stores of these tests, SQLite's usual one.
const page4k = 4096

// overwrite writes garbage into a file, from an offset to its end.
func overwrite(t *testing.T, path string, from int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	garbage := make([]byte, info.Size()-from)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(garbage) // Never an error.
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(garbage, from); err != nil {
		t.Fatal(err)
	}
}

// await waits until the agent has said something.
func (r *running) await(text string) {
	r.h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(r.errOut.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.h.t.Fatalf("the agent says %s; want %q", r.errOut, text)
		}
	}
}

// saysOnce checks how often an agent said something.
func (r *running) saysOnce(texts ...string) {
	r.h.t.Helper()
	for _, text := range texts {
		if n := strings.Count(r.errOut.String(), text); n != 1 {
			r.h.t.Errorf("said %q %d times; want once: %s", text, n, r.errOut)
		}
	}
}

// status runs `status` and checks its exit code and what it says.
func (h *host) status(wantCode int, wants ...string) {
	h.t.Helper()
	var out, errOut bytes.Buffer
	code := run(h.t.Context(), []string{"--config", h.config, "status"}, &out, &errOut)
	for _, want := range wants {
		if code != wantCode || !strings.Contains(out.String()+errOut.String(), want) {
			h.t.Errorf("status: got exit code %d and %s%s; want %d and %q", code, &out, &errOut, wantCode, want)
		}
	}
}

// untilStatus waits until `status` ends so and says all that is wanted.
func (h *host) untilStatus(wantCode int, wants ...string) {
	h.t.Helper()
	var out, errOut bytes.Buffer
	code := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		out.Reset()
		errOut.Reset()
		code = run(h.t.Context(), []string{"--config", h.config, "status"}, &out, &errOut)
		lacks := func(want string) bool { return !strings.Contains(out.String(), want) }
		if code == wantCode && !slices.ContainsFunc(wants, lacks) {
			return
		}
	}
	h.t.Fatalf("status: got exit code %d and %s%s; want %d and %q", code, &out, &errOut, wantCode, wants)
}

// aside is the one store that was put aside.
func (h *host) aside() string {
	h.t.Helper()
	found, err := store.Aside(h.db)
	if err != nil || len(found) != 1 {
		h.t.Fatalf("put aside: got %q, %v; want one", found, err)
	}
	return found[0]
}

// While a store that was removed can't be made anew, `status` says so, and that rows
// wait; then that all is well.
func TestAgentStoreRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps a store that is open from being removed")
	}
	h := newHost(t, 6000, "agent: {interval: 50ms}")
	whole := h.logs
	h.logs = whole[:1]
	h.writeAtOnce()
	r := h.start()
	h.until(h.wholeRows(), r)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(h.db + suffix) // The last two come and go.
	}
	if err := os.Mkdir(h.db, 0o700); err != nil { // Before the agent tries to open it anew.
		t.Fatal(err)
	}
	h.logs = whole
	h.writeAtOnce()
	h.untilStatus(exitFailed, "store      "+h.db+" can't be read\n", "agent      running since ", " unread", "trouble    store: open store "+h.db+": it is a folder")
	if err := os.Remove(h.db); err != nil {
		t.Fatal(err)
	}
	h.until(h.wholeRows(), r)
	r.await("healed")
	r.stop()
	r.saysOnce("was removed or replaced", "it is a folder", "healed")
	h.untilStatus(exitDone, "agent      stopped at ")
	h.same("removed")
}

// A store that is damaged while the agent has it open is put aside, and a new one
// made from the logs.
func TestAgentDamagedStore(t *testing.T) {
	t.Setenv("TEST_CHECK_EVERY", "50ms")
	for _, d := range []struct {
		name string
		do   func(t *testing.T, path string)
	}{
		{"all pages but the first", func(t *testing.T, path string) { overwrite(t, path, page4k) }},
		{"all pages", func(t *testing.T, path string) { overwrite(t, path, 0) }},
		{"cut off", func(t *testing.T, path string) { truncate(t, path, 5*page4k) }},
		{"emptied", func(t *testing.T, path string) { truncate(t, path, 0) }},
	} {
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, 6000, "agent: {interval: 50ms}")
			whole := h.logs
			h.logs = whole[:1]
			h.writeAtOnce()
			r := h.start()
			h.until(h.wholeRows(), r)
			emptyLog(t, h.db)
			d.do(t, h.db)
			h.logs = whole
			h.writeAtOnce()
			r.await("the damaged store is kept as")
			h.until(h.wholeRows(), r)
			r.await("healed")
			h.status(exitDone, "damaged    the damaged store is kept as "+h.aside())
			r.stop()
			r.saysOnce(" is damaged (", "the damaged store is kept as", "healed")
			h.same(d.name)
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// emptyLog moves the write-ahead log into the file.
func emptyLog(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var busy, pages, moved int
	if err := db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil || busy != 0 {
		t.Fatalf("got busy %d, %v; want the log moved", busy, err)
	}
}

// A store that is damaged when the agent starts.
func TestAgentStartsOnDamagedStore(t *testing.T) {
	for _, d := range []struct {
		name string
		do   func(t *testing.T, path string)
	}{
		{"cut off", func(t *testing.T, path string) { truncate(t, path, 20*page4k) }},
		{"begins with NUL bytes", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(make([]byte, page4k)); err != nil {
				t.Fatal(err)
			}
		}},
		{"garbage behind the first page", func(t *testing.T, path string) { overwrite(t, path, page4k) }},
		{"the write-ahead log of another store", func(t *testing.T, path string) {
			other := newHost(t, 9000, "agent: {interval: 50ms}")
			whole := other.logs
			other.logs = whole[:2]
			other.writeAtOnce()
			mustRun(t, 0, "--config", other.config, "ingest")
			other.logs = whole
			other.writeAtOnce()
			r := other.start()
			other.until(other.wholeRows(), r)
			r.kill()
			copyFile(t, other.db+"-wal", path+"-wal", 0o600)
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			h := newHost(t, 6000, "agent: {interval: 50ms}")
			whole := h.logs
			h.logs = whole[:2]
			h.writeAtOnce()
			mustRun(t, 0, "--config", h.config, "ingest")
			d.do(t, h.db)
			h.logs = whole
			h.writeAtOnce()
			r := h.start()
			r.await("the damaged store is kept as")
			h.until(h.wholeRows(), r)
			r.stop()
			h.aside()
			h.same(d.name)
		})
	}
}

// A file that may never have been a store is left alone, until somebody takes it away.
func TestAgentStartsOnGarbage(t *testing.T) {
	h := newHost(t, 3000, "agent: {interval: 50ms}")
	h.writeAtOnce()
	const notes = "what somebody wrote\n"
	if err := os.WriteFile(h.db, []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	r := h.start()
	r.await("no SQLite database")
	time.Sleep(3 * firstRetry)
	h.status(exitFailed, "trouble    store: open store", "relaywatch: open store", "choose another file; if it was a store once, put a backup in its place")
	if got, err := os.ReadFile(h.db); err != nil || string(got) != notes {
		t.Errorf("got %q, %v in the file; want it as it was", got, err)
	}
	away := filepath.Join(t.TempDir(), "notes")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(h.db, away)
		if err == nil {
			break
		}
		if time.Now().After(deadline) { // Windows lets nobody take it while the agent looks at it.
			t.Fatal(err)
		}
	}
	h.until(h.wholeRows(), r)
	r.await("healed")
	r.stop()
	r.saysOnce("no SQLite database", "healed")
	h.status(exitDone, "stopped at")
	h.same("garbage")
}

// A disk that destroys one store after the other is not filled with them.
func TestAgentKeepsFewDamagedStores(t *testing.T) {
	h := newHost(t, 3000, "agent: {interval: 50ms}")
	h.writeAtOnce()
	mustRun(t, 0, "--config", h.config, "ingest")
	truncate(t, h.db, 5*page4k)
	for _, stamp := range []string{"a", "b", "c"} {
		copyFile(t, h.db, h.db+".corrupt-"+stamp, 0o600)
	}
	r := h.start()
	r.await("3 damaged stores lie beside it already: check the disk")
	h.status(exitFailed, "trouble    store: the store ")
	for _, stamp := range []string{"a", "b", "c"} {
		if err := os.Remove(h.db + ".corrupt-" + stamp); err != nil {
			t.Fatal(err)
		}
	}
	h.until(h.wholeRows(), r)
	r.stop()
	h.aside()
	h.same("after three damaged stores")
}
