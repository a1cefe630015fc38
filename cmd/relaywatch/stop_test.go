package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/samples/traffic"
)

// benchLog writes a generated log and returns its path.
func benchLog(t testing.TB, rows int) string {
	t.Helper()
	files := traffic.Bench(1, rows).Files
	if len(files) != 1 {
		t.Fatalf("got %d files; want 1", len(files))
	}
	path := filepath.Join(t.TempDir(), filepath.Base(files[0].Path))
	if err := os.WriteFile(path, files[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// child is relaywatch as a process of its own, with small Batches: the test binary
// under that name (see TestMain).
func child(t *testing.T, args ...string) (cmd *exec.Cmd, errOut *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "relaywatch", args...)
	cmd.Env = append(os.Environ(), "TEST_BATCH_ROWS=500")
	errOut = &bytes.Buffer{}
	cmd.Stderr = errOut
	return cmd, errOut
}

// TestKill kills ingest at random moments until a run ends by itself. The store
// must be what one quiet run makes.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 5 s")
	}
	log := benchLog(t, 60_000)
	quiet, killed := filepath.Join(t.TempDir(), "quiet.db"), filepath.Join(t.TempDir(), "killed.db")
	start := time.Now()
	cmd, errOut := child(t, "--db", quiet, "ingest", log)
	if err := cmd.Run(); err != nil {
		t.Fatalf("quiet run: %v: %s", err, errOut)
	}
	longest := time.Since(start)
	seed := uint64(start.UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	kills := 0
	for ; kills < 12; kills++ {
		cmd, errOut := child(t, "--db", killed, "ingest", log)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(random.Int64N(int64(longest))), func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		kill.Stop()
		if err == nil {
			break
		}
		if errOut.Len() > 0 {
			t.Fatalf("seed %d: got %q before kill %d; want nothing", seed, errOut, kills)
		}
	}
	cmd, errOut = child(t, "--db", killed, "ingest", log)
	if err := cmd.Run(); err != nil {
		t.Fatalf("seed %d: run after %d kills: %v: %s", seed, kills, err, errOut)
	}
	if diff := cmp.Diff(viewsOf(t, quiet), viewsOf(t, killed)); diff != "" {
		t.Errorf("seed %d: the store differs (- in a quiet run, + after %d kills):\n%.4000s", seed, kills, diff)
	}
}

// TestInterrupt stops ingest with ctrl-C in the middle: it says so, and the next
// run goes on from there.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows sends no interrupt to a single process")
	}
	log := benchLog(t, 60_000)
	quiet, stopped := filepath.Join(t.TempDir(), "quiet.db"), filepath.Join(t.TempDir(), "stopped.db")
	mustRun(t, 0, "--db", quiet, "ingest", log)

	cmd, errOut := child(t, "--db", stopped, "ingest", log)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForRows(t, stopped)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Fatalf("got %v (%s); want exit code %d", err, errOut, exitFailed)
	}
	want := "relaywatch: stopped; what was read is stored, and the next run goes on from there\n"
	if got := errOut.String(); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	mustRun(t, 0, "--db", stopped, "suspects")

	report := mustRun(t, 0, "--db", stopped, "ingest", "--json", log)
	if strings.Contains(report, `"rows": 60000,`) || strings.Contains(report, `"rows": 0,`) {
		t.Errorf("got %s; want it to go on in the middle", report)
	}
	if diff := cmp.Diff(viewsOf(t, quiet), viewsOf(t, stopped)); diff != "" {
		t.Errorf("the store differs (- in a quiet run, + after a stop):\n%.4000s", diff)
	}
}

// waitForRows waits until a store holds rows.
func waitForRows(t *testing.T, db string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 12_000 {
		if rowsStored(t, db) > 0 {
			return
		}
		<-tick.C
	}
	t.Fatal("got no rows in a minute")
}
