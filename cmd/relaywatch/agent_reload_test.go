package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/rules"
)

// Rules that come, change and go are in force without a restart, and so are other
// business hours.
func TestAgentReloadsRulesAndHours(t *testing.T) {
	t.Setenv("TEST_LOOK_EVERY", "100ms")
	t.Setenv("TEST_JUDGE_DELAY", "100ms")
	folder := t.TempDir()
	put := func(name string, edit func(text string) string) {
		t.Helper()
		text, err := rules.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(edit(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	as := func(text string) string { return text }
	put("external-list.yaml", as)
	config := "agent: {interval: 50ms}\nrules: {path: '" + folder + "'}\n"
	h := newHost(t, 4000, config)
	h.write(rand.New(rand.NewPCG(1, 1)), 0)
	r := h.start()
	h.until(h.wholeRows(), r)
	found := func(want ...string) {
		t.Helper()
		var got []string
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			got = strings.Fields(mustRun(t, 0, "--db", h.db, "query", "SELECT DISTINCT rule || ':' || CAST(weight AS INTEGER) AS found FROM v_findings ORDER BY 1", "--format", "csv"))
			if got = got[min(1, len(got)):]; slices.Equal(got, want) { // The first is the column's name.
				return
			}
		}
		t.Fatalf("got findings of %q; want %q; the agent says %s", got, want, r.errOut)
	}
	found("external-list:60")
	put("off-hours.yaml", as)
	found("external-list:60", "off-hours:15")
	put("off-hours.yaml", func(text string) string { return strings.Replace(text, "weight: 15", "weight: 7", 1) })
	found("external-list:60", "off-hours:7")
	h.configure(config + "hours: {business: 'mon-sun 00:00-24:00'}\n")
	found("external-list:60") // No hour is odd any more.
	h.configure(config)
	found("external-list:60", "off-hours:7")
	if err := os.Remove(filepath.Join(folder, "off-hours.yaml")); err != nil {
		t.Fatal(err)
	}
	found("external-list:60")
	r.stop()
	h.same("reloaded")
}

// A daily mail that is wanted, and one that is wanted earlier, come without a restart.
func TestAgentReloadsDigest(t *testing.T) {
	t.Setenv("TEST_LOOK_EVERY", "100ms")
	h := newMailHost(t, "")
	whole, err := os.ReadFile(h.config)
	if err != nil {
		t.Fatal(err)
	}
	configure := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(h.config, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	without, _, ok := bytes.Cut(whole, []byte("digest:"))
	if !ok {
		t.Fatalf("no digest in %s", whole)
	}
	configure(without)
	r := h.startAt(time.Date(2026, 11, 5, 0, 30, 0, 0, time.UTC))
	r.await("agent started")
	configure(whole)
	h.await(r, "2026-11-04", true) // From the next day on, at 01:30.
	if got := h.subjects(); len(got) != 0 {
		t.Errorf("got %q; want no mail yet", got)
	}
	configure(bytes.Replace(whole, []byte(`"01:30"`), []byte(`"00:30"`), 1))
	h.await(r, "2026-11-05", true)
	r.stop()
	h.oneADay(time.Date(2026, 11, 5, 0, 30, 0, 0, time.UTC), 1, 0)
}
