package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/samples/traffic"
)

// host is a machine with an agent: a folder of logs that a server writes, a
// configuration and a store.
type host struct {
	t      *testing.T
	dir    string
	config string
	db     string
	logs   []string // Contents, whole.

	batchRows int // In a Batch of the agent; 0 is few.
}

// newHost has a log of so many rows, in three files that follow each other.
func newHost(t *testing.T, rows int, config string) *host {
	t.Helper()
	h := &host{t: t, dir: filepath.Join(t.TempDir(), "logs"), db: filepath.Join(t.TempDir(), "store.db")}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	whole := string(traffic.Bench(1, rows).Files[0].Data)
	header := whole[:strings.Index(whole, "\n2")+1]
	for part := range 3 {
		from := cutAtRow(whole, len(whole)*part/3)
		to := cutAtRow(whole, len(whole)*(part+1)/3)
		text := whole[from:to]
		if part > 0 {
			text = header + text
		}
		h.logs = append(h.logs, text)
	}
	h.config = filepath.Join(t.TempDir(), "relaywatch.yaml")
	h.configure(config)
	return h
}

// cutAtRow is the end of the row at an offset.
func cutAtRow(s string, at int) int {
	if at == 0 || at == len(s) {
		return at
	}
	return at + strings.IndexByte(s[at:], '\n') + 1
}

func (h *host) configure(more string) {
	h.t.Helper()
	text := fmt.Sprintf("store: {path: %q}\nlogs: [{path: %q}]\nnetwork: {own_domains: [corp.example]}\n%s", h.db, h.dir, more)
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// running is an agent as a process.
type running struct {
	h      *host
	proc   *os.Process
	tell   func() error // Has it stop.
	errOut *said
	done   chan error
}

// said is what a process writes while the test reads it.
type said struct {
	mu   sync.Mutex // Guards text.
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (h *host) start() *running {
	h.t.Helper()
	cmd, _ := child(h.t, "--config", h.config, "agent")
	if h.batchRows > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("TEST_BATCH_ROWS=%d", h.batchRows))
	}
	return h.run(cmd)
}

// run starts an agent.
func (h *host) run(cmd *exec.Cmd) *running {
	h.t.Helper()
	tell, err := stoppable(cmd)
	if err != nil {
		h.t.Fatal(err)
	}
	errOut := &said{}
	cmd.Stderr = errOut
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	r := &running{h: h, proc: cmd.Process, tell: tell, errOut: errOut, done: make(chan error, 1)}
	go func() { r.done <- cmd.Wait() }()
	return r
}

// stopsWithin is twice what is promised: the machine of a test may be busy.
const stopsWithin = 10 * time.Second

// stop ends the agent in good order, and returns how long that took.
func (r *running) stop() time.Duration {
	r.h.t.Helper()
	told := time.Now()
	if err := r.tell(); err != nil {
		r.h.t.Fatal(err)
	}
	select {
	case err := <-r.done:
		if err != nil && r.errOut.String() != "" { // Before it says that it started, nobody listens to signals.
			r.h.t.Fatalf("agent: %v: %s", err, r.errOut)
		}
	case <-time.After(stopsWithin):
		r.h.t.Fatalf("the agent did not stop in %v: %s", stopsWithin, r.errOut)
	}
	return time.Since(told)
}

func (r *running) kill() {
	_ = r.proc.Kill() // It may have ended.
	<-r.done
}

// killWithin kills the agent at a random moment, before most has passed; 0 is at once.
func (r *running) killWithin(random *rand.Rand, most time.Duration) {
	r.h.t.Helper()
	if most > 0 {
		time.Sleep(time.Duration(random.Int64N(int64(most))))
	}
	r.kill()
}

// comesTo waits until the agent has come to a point, or fails.
func (r *running) comesTo(what string, reached <-chan struct{}) {
	r.h.t.Helper()
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		r.h.t.Fatalf("the agent did not come to %s: %s", what, r.errOut)
	}
}

// rows is how many rows the store has of all logs; 0 while there is no store.
func (h *host) rows() int { return rowsStored(h.t, h.db) }

// rowsStored is how many rows a store holds; 0 if it can't be read yet.
func rowsStored(t *testing.T, db string) int {
	t.Helper()
	var out, errOut bytes.Buffer
	args := []string{"--db", db, "query", "SELECT coalesce(sum(rows), 0) AS n FROM v_logs", "--format", "json"}
	if run(t.Context(), args, &out, &errOut) != exitDone {
		return 0
	}
	var got []struct{ N int }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 {
		t.Fatalf("query: %v: %s", err, out.String())
	}
	return got[0].N
}

// until waits until the store has that many rows.
func (h *host) until(rows int, r *running) {
	h.t.Helper()
	last, since := -1, time.Now()
	for ; time.Since(since) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		n := h.rows()
		if n >= rows {
			return
		}
		if n != last { // However slow the machine is.
			last, since = n, time.Now()
		}
	}
	h.t.Fatalf("got %d rows; want %d; the agent says %s", h.rows(), rows, r.errOut)
}

func (h *host) wholeRows() int {
	n := 0
	for _, l := range h.logs {
		n += strings.Count(l, "\n") - strings.Count(l, "#")
	}
	return n
}

// write writes the logs like a server: some rows at a time, one file after the
// other, half rows too, the last one into reserved space.
func (h *host) write(random *rand.Rand, pause time.Duration) {
	for i, text := range h.logs {
		path := filepath.Join(h.dir, fmt.Sprintf("ex%d.log", i))
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			h.t.Error(err)
			return
		}
		if i == len(h.logs)-1 {
			err = f.Truncate(int64(len(text)) + 64<<10)
		}
		for at := 0; at < len(text) && err == nil; {
			n := min(1+random.IntN(len(text)/60), len(text)-at)
			_, err = f.WriteAt([]byte(text[at:at+n]), int64(at))
			at += n
			time.Sleep(pause)
		}
		if err == nil {
			err = f.Truncate(int64(len(text)))
		}
		if err != nil {
			h.t.Error(err)
		}
		if err := f.Close(); err != nil {
			h.t.Error(err)
		}
	}
}

// writeAtOnce writes the logs whole that are not there yet: over one that is, the agent
// would see it cut for a moment.
func (h *host) writeAtOnce() {
	h.t.Helper()
	for i, text := range h.logs {
		path := filepath.Join(h.dir, fmt.Sprintf("ex%d.log", i))
		if info, err := os.Stat(path); err == nil && info.Size() == int64(len(text)) {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
}

// same compares the store with that of one quiet run over the whole logs.
func (h *host) same(what string) {
	h.t.Helper()
	quiet := filepath.Join(h.t.TempDir(), "quiet.db")
	mustRun(h.t, 0, "--config", h.config, "--db", quiet, "ingest")
	if diff := cmp.Diff(viewsOf(h.t, quiet), viewsOf(h.t, h.db)); diff != "" {
		h.t.Errorf("%s: the store differs (- in a quiet run, + in the agent's):\n%.4000s", what, diff)
	}
}

// TestAgentKilled kills the agent at random moments while a server writes and rolls
// its logs. The store must be what one quiet run makes.
func TestAgentKilled(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, 40_000, "agent: {interval: 50ms}")
	written := make(chan struct{})
	t.Cleanup(func() { <-written })
	go func() {
		defer close(written)
		h.write(rand.New(rand.NewPCG(seed, 1)), time.Duration(kills)*time.Millisecond)
	}()
	for range kills {
		r := h.start()
		r.killWithin(random, 250*time.Millisecond)
	}
	<-written
	r := h.start()
	h.until(h.wholeRows(), r)
	r.stop()
	h.same(fmt.Sprintf("seed %d, %d kills", seed, kills))
}

// TestAgentStopped stops and starts the agent in good order.
func TestAgentStopped(t *testing.T) {
	stops := 100
	if testing.Short() {
		stops = 10
	}
	h := newHost(t, 20_000, "agent: {interval: 50ms, poll: always}")
	written := make(chan struct{})
	t.Cleanup(func() { <-written })
	go func() {
		defer close(written)
		h.write(rand.New(rand.NewPCG(1, 1)), time.Duration(stops)*time.Millisecond)
	}()
	for i := range stops {
		r := h.start()
		time.Sleep(time.Duration(i%7) * 30 * time.Millisecond)
		r.stop()
	}
	<-written
	r := h.start()
	h.until(h.wholeRows(), r)
	r.stop()
	h.same(fmt.Sprintf("%d stops", stops))
}

// Two agents never write to one store.
func TestAgentIsAlone(t *testing.T) {
	h := newHost(t, 2000, "")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	first := h.start()
	h.until(h.wholeRows(), first)
	second := h.start()
	if err := <-second.done; err == nil || !strings.Contains(second.errOut.String(), "another relaywatch agent already writes to") {
		t.Errorf("second agent: got %v: %s; want it refused", err, second.errOut)
	}
	first.stop()
}

// A run of ingest never writes beside an agent, which would go on to judge without the rows
// that it reads; an agent that starts meanwhile waits for it.
func TestAgentKeepsIngestAway(t *testing.T) {
	h := newHost(t, 2000, "")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	reading := lockOf(h.db, readingLock)
	if held, err := reading.take(reading.TryLock); err != nil || !held {
		t.Fatalf("got %v, %v; want the lock of a run of ingest", held, err)
	}
	r := h.start()
	r.await("relaywatch ingest reads logs into the store: waiting until it is done")
	if n := h.rows(); n > 0 {
		t.Errorf("got %d rows beside a run of ingest; want none", n)
	}
	reading.release()
	h.until(h.wholeRows(), r)
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{"--config", h.config, "ingest", "../../samples/iis"}, &out, &errOut)
	if code != exitFailed || !strings.Contains(errOut.String(), "an agent reads logs into "+h.db+": add these to logs in its configuration") {
		t.Errorf("ingest beside an agent: got %d and %s; want %d and what to do", code, errOut.String(), exitFailed)
	}
	r.stop()
	mustRun(t, 0, "--config", h.config, "ingest")
	h.same("after a run of ingest")
}

// The store's file removed, and a writer that holds it: each is said once, heals,
// and loses nothing.
func TestAgentHeals(t *testing.T) {
	t.Run("the store is removed", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows keeps a store that is open from being removed")
		}
		h := newHost(t, 6000, "agent: {interval: 50ms}")
		whole := h.logs
		h.logs = whole[:1]
		h.write(rand.New(rand.NewPCG(1, 1)), 0)
		r := h.start()
		h.until(h.wholeRows(), r)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(h.db + suffix) // The last two come and go.
		}
		h.logs = whole
		h.write(rand.New(rand.NewPCG(1, 1)), 0)
		h.until(h.wholeRows(), r)
		r.stop()
		if n := strings.Count(r.errOut.String(), "was removed or replaced"); n != 1 {
			t.Errorf("said %d times; want once: %s", n, r.errOut)
		}
		h.same("removed")
	})
	t.Run("another program holds the store", func(t *testing.T) {
		h := newHost(t, 6000, "agent: {interval: 50ms}")
		whole := h.logs
		h.logs = whole[:1]
		h.write(rand.New(rand.NewPCG(1, 1)), 0)
		r := h.start()
		h.until(h.wholeRows(), r)
		h.untilStatus(exitDone, "; 1 log followed") // It has judged what it has read.
		release := hold(t, h.db)
		h.logs = whole
		h.write(rand.New(rand.NewPCG(1, 1)), 0)
		r.await("another program holds the file")
		time.Sleep(2 * patience) // It tries again, and says nothing.
		h.status(exitDone, "trouble    store: store "+h.db+": another program holds the file: wait until it is done, or end it", " unread, for up to ")
		release()
		h.until(h.wholeRows(), r)
		r.await("healed")
		r.stop()
		r.saysOnce("another program holds the file", "healed")
		h.same("held")
	})
	t.Run("it is stopped while another program holds the store", func(t *testing.T) {
		h := newHost(t, 6000, "agent: {interval: 50ms}")
		whole := h.logs
		h.logs = whole[:1]
		h.writeAtOnce()
		r := h.start()
		h.until(h.wholeRows(), r)
		release := hold(t, h.db)
		h.logs = whole
		h.writeAtOnce()
		r.await("another program holds the file")
		r.stop()
		release()
		r = h.start()
		h.until(h.wholeRows(), r)
		r.stop()
		h.same("stopped while held")
	})
	t.Run("another program reads the store for long", func(t *testing.T) {
		h := newHost(t, 20_000, "agent: {interval: 50ms}")
		whole := h.logs
		h.logs = whole[:1]
		h.writeAtOnce()
		r := h.start()
		h.until(h.wholeRows(), r)
		release := holdReading(t, h.db)
		h.logs = whole
		h.writeAtOnce()
		h.until(h.wholeRows(), r)
		release()
		r.stop()
		if said := r.errOut.String(); strings.Contains(said, "ERR") || strings.Contains(said, "WRN") {
			t.Errorf("said %s; want no trouble", said)
		}
		h.same("read for long")
	})
}

// A changed configuration is in force without a restart; a broken one is refused,
// and the former stays.
func TestAgentReloads(t *testing.T) {
	address := freeAddress(t)
	h := newHost(t, 4000, "agent: {interval: 50ms, listen: '"+address+"'}")
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	h.configure("agent: {interval: 50ms, listen: '" + address + "'}\nallow: [{submitter: nobody}]\n")
	awaitHealth(t, address, http.StatusServiceUnavailable, "the former one stays in force")
	h.configure("agent: {interval: 50ms, listen: '" + address + "'}\nallow: [{submitter: 'ip:10.9.0.11', reason: test, until: never}]\n")
	awaitHealth(t, address, http.StatusOK, "")
	deadline := time.Now().Add(15 * time.Second)
	for {
		out := mustRun(t, 0, "--db", h.db, "query", "SELECT submitter FROM v_suspects", "--format", "csv")
		if !strings.Contains(out, "ip:10.9.0.11") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("10.9.0.11 is still accused: %s %s", out, r.errOut)
		}
		time.Sleep(50 * time.Millisecond)
	}
	metrics, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(metrics.Body)
	if err := metrics.Body.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"relaywatch_rows_total", "relaywatch_log_unread_bytes{path=", "relaywatch_troubles 0"} {
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("metrics lack %s (%v)", want, err)
		}
	}
	r.stop()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// awaitHealth waits until /healthz answers so.
func awaitHealth(t *testing.T, address string, status int, text string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			got = err.Error()
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err := r.Body.Close(); err != nil {
			t.Fatal(err)
		}
		got = fmt.Sprint(r.StatusCode, " ", string(body), err)
		if r.StatusCode == status && strings.Contains(string(body), text) {
			return
		}
	}
	t.Fatalf("healthz answers %s; want %d with %q", got, status, text)
}
