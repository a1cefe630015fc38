package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/mail"
	"relaywatch/store"
)

// What was pruned can't be compared, and is no difference; what is left still is.
func TestCheckPrunedStore(t *testing.T) {
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pruned.db")
	config := filepath.Join(samples, "relaywatch.yaml")
	mustRun(t, 0, "--config", config, "--db", path, "ingest", filepath.Join(samples, "iis"), filepath.Join(samples, "exchange"))
	check := func(want int) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{"--config", config, "--db", path, "explain", "--check"}, &out, &errOut); code != want {
			t.Fatalf("got exit code %d (%s%s); want %d", code, out.String(), errOut.String(), want)
		}
		return out.String()
	}
	if got := check(exitDone); strings.Contains(got, "pruned") {
		t.Errorf("got %q before pruning", got)
	}
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	status, err := db.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// In the middle of what user:corp\d.mercer sent.
	middle := mail.Of(time.Date(2026, time.November, 5, 3, 10, 0, 0, time.UTC))
	if _, err := db.Prune(t.Context(), store.KeepAll(status.Newest.Sub(middle)), status.Newest); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got := check(exitDone)
	for _, want := range []string{
		" recomputed, all equal\n", "rows that were pruned (", "signals whose rows were pruned (", "new_to_all, as older mail was pruned (",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q; want %q in it", got, want)
		}
	}
	spoil(t, path, `UPDATE findings SET evidence = json_set(evidence, '$.sum.recipients[3].novelty', 'known') WHERE rule = 'external-list'`)
	if got := check(exitFailed); !strings.Contains(got, "nats; they are") {
		t.Errorf("got %q; want a difference in nats", got)
	}
}
