package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// watched is a watch of a store that a test fills from a growing log.
type watched struct {
	t           *testing.T
	w           *watch
	out, errOut bytes.Buffer
	db, log     string
	whole       []string // Lines of the log.
}

// newWatched watches the sample log of 2026-11-05, of which so many lines are there.
func newWatched(t *testing.T, lines int, asJSON bool) *watched {
	t.Helper()
	data, err := os.ReadFile("../../samples/iis/ex261105.log")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h := &watched{t: t, db: filepath.Join(dir, "store.db"), log: filepath.Join(dir, "ex261105.log"), whole: strings.SplitAfter(string(data), "\n")}
	config := defaultConfig(t)
	config.Store.Path = h.db
	h.w = &watch{p: &program{out: &h.out, err: &h.errOut, config: config}, json: asJSON}
	t.Cleanup(h.w.close)
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	mustRun(t, 0, "--db", h.db, "ingest", "../../samples/iis/ex261103.log", "../../samples/iis/ex261104.log")
	h.grow(lines)
	return h
}

func defaultConfig(t *testing.T) *Config {
	t.Helper()
	c, err := loadConfig("", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// grow makes the log so many lines long, and ingests it.
func (h *watched) grow(lines int) {
	h.t.Helper()
	text := strings.Join(h.whole[:min(lines, len(h.whole))], "")
	if err := os.WriteFile(h.log, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	mustRun(h.t, 0, "--db", h.db, "ingest", h.log)
}

// look returns what a look prints.
func (h *watched) look() []string {
	h.t.Helper()
	h.out.Reset()
	if err := h.w.look(h.t.Context(), time.Now()); err != nil {
		h.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(h.out.String(), "\n"), "\n")
}

// events are the changes that a look tells of, as "opened ip:10.1.4.7 []".
func (h *watched) events() []string {
	h.t.Helper()
	list := []string{}
	for _, line := range h.look() {
		if line == "" {
			continue
		}
		var e struct {
			Event     string   `json:"event"`
			Grew      []string `json:"grew"`
			Submitter string   `json:"submitter"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		list = append(list, fmt.Sprintf("%s %s %v", e.Event, e.Submitter, e.Grew))
	}
	return list
}

func (h *watched) want(when string, want ...string) {
	h.t.Helper()
	if got := h.events(); !slices.Equal(got, want) {
		h.t.Errorf("%s: got %q; want %q", when, got, want)
	}
}

// An episode is told when it opens and when it grows, and not while it only goes on.
func TestWatch(t *testing.T) {
	h := newWatched(t, 20, true)
	h.want("it begins", "stands ip:10.1.7.31 []")
	h.grow(40)
	h.want("accused", "opened ip:10.1.4.7 []")
	h.want("nothing new")
	h.grow(60)
	h.want("worse", "grown ip:10.1.4.7 [severity rules]")
	h.grow(100)
	h.want("two recipients more")
	h.grow(200)
	h.want("many more", "grown ip:10.1.4.7 [rules recipients]")
	if got := h.errOut.String(); strings.Count(got, "no agent ever ran on this store") != 1 {
		t.Errorf("got %q; want it said once that no agent runs", got)
	}
}

// What stands is printed first, for people with a head; JSON lines are those of
// `suspects --format json`, and what happened.
func TestWatchBegins(t *testing.T) {
	h := newWatched(t, 1<<20, false)
	got := h.look()
	if len(got) != 3 || !strings.HasPrefix(got[0], "EVENT      SUSPECT ") ||
		!strings.HasPrefix(got[2], `stands     ip:10.1.4.7             critical  2026-11-05 02:14  02:58      600      600  mailed 601 recipients`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := h.look(); len(got) != 1 || got[0] != "" {
		t.Errorf("got %q; want nothing new", got)
	}
	h.w.json, h.w.told, h.w.began = true, nil, false
	lines := h.look()
	var all []map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--db", h.db, "suspects", "--format", "json")), &all); err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range all[0] {
		if fmt.Sprint(line[key]) != fmt.Sprint(want) {
			t.Errorf("%s: got %v; want %v", key, line[key], want)
		}
	}
	if len(line) != len(all[0])+2 || line["event"] != "stands" {
		t.Errorf("got %v; want the keys of suspects, event and grew", line)
	}
}

// What no longer stands, as it was allowed, is withdrawn; what somebody decided is not,
// and is told no more.
func TestWatchWithdraws(t *testing.T) {
	h := newWatched(t, 1<<20, true)
	h.look()
	mustRun(t, 0, "--db", h.db, "triage", "ip:10.0.9.12", "closed")
	h.want("closed")
	mustRun(t, 0, "--db", h.db, "allow", "add", "ip:10.1.4.7", "--reason", "a test", "--until", "2099-01-01")
	mustRun(t, 0, "--db", h.db, "ingest", h.log)
	h.want("allowed", "withdrawn ip:10.1.4.7 []")
	h.want("once")
}

// While what is shown for the time being is made anew, nothing is withdrawn.
func TestWatchBetweenJudgements(t *testing.T) {
	h := newWatched(t, 60, true)
	h.look()
	db, err := store.Open(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	suspects, until, err := db.Lately(t.Context(), store.Filter{}, 2*detect.Quiet)
	if err != nil || len(suspects) != 2 {
		t.Fatalf("got %v, %v; want two suspects", suspects, err)
	}
	judge := func(until int64) {
		t.Helper()
		if err := db.WriteJudgement(t.Context(), detect.Judgement{Until: suspects[0].LastFlagged.Add(time.Duration(until) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	judge(int64(until.Sub(suspects[0].LastFlagged).Seconds()))
	h.want("judged up to before it")
	judge(599)
	h.want("judged up to within the grace")
	judge(600)
	h.want("judged beyond it", "withdrawn ip:10.1.4.7 []")
	h.want("once")
}

// Trouble with the store is said once, and heals; ctrl-C ends it in good order.
func TestWatchTrouble(t *testing.T) {
	h := newWatched(t, 60, true)
	h.look()
	if err := os.Rename(h.db, h.db+".away"); err != nil {
		t.Fatal(err)
	}
	h.look()
	h.look()
	if got := h.errOut.String(); strings.Count(got, "there is no store at") != 1 {
		t.Errorf("got %q; want it said once that the store is away", got)
	}
	if err := os.Rename(h.db+".away", h.db); err != nil {
		t.Fatal(err)
	}
	h.grow(300)
	h.want("the store is back", "grown ip:10.1.4.7 [rules recipients]")
	ctx, cancel := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	ended := make(chan error)
	go func() { ended <- h.w.run(ctx, time.Now(), tick) }()
	tick <- time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v; want no error", err)
	}
}

// The command itself ends with 0 on ctrl-C, and has left the store as it was.
func TestWatchStopped(t *testing.T) {
	h := newWatched(t, 300, true)
	before, err := os.ReadFile(h.db)
	if err != nil {
		t.Fatal(err)
	}
	cmd, errOut := child(t, "--db", h.db, "suspects", "--watch", "--format", "json")
	tell, err := stoppable(cmd)
	if err != nil {
		t.Fatal(err)
	}
	out := &said{}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "\n") && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := tell(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, %s; want exit code 0", err, errOut)
	}
	if after, err := os.ReadFile(h.db); err != nil || !bytes.Equal(before, after) {
		t.Errorf("got %v, and another store; want it as it was", err)
	}
	if !strings.HasPrefix(out.String(), `{"event":"stands","grew":[],"submitter":"ip:10.1.7.31",`) {
		t.Errorf("got %q", out.String())
	}
}

// Names from a log do not act on the terminal that the watch runs in.
func TestWatchHostile(t *testing.T) {
	var out bytes.Buffer
	for _, asJSON := range []bool{false, true} {
		w := &watch{p: &program{out: &out}, json: asJSON}
		s := store.Suspect{Submitter: mail.Submitter{Kind: mail.KindUser, Value: "ann\x1b[2J\r\n\u202eroot"}, Severity: detect.High, Summary: "x\x07\u2028y"}
		if err := w.print(detect.Opened, nil, &s, s.Summary); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Split(out.String(), "\n"); len(got) != 3 || strings.ContainsFunc(strings.Join(got, ""), mail.Steers) {
		t.Errorf("got %q; want two lines in which nothing acts", out.String())
	}
}
