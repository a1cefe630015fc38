package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"relaywatch/store"
)

// comparedViews is what must not depend on how rows arrived: everything but ids.
var comparedViews = []string{
	`SELECT time, server, direction, client_ip, helo, user, authenticated, reverse_path, sender_domain, recipients, accepted, refused,
		external, size_bytes, outcome, exact, log, log_offset FROM v_transactions`,
	`SELECT t.log, t.log_offset, r.time, r.client_ip, r.user, r.reverse_path, r.recipient, r.domain, r.external, r.reply, r.accepted
		FROM v_recipients r JOIN v_transactions t ON t.id = r.transaction_id`,
	`SELECT * FROM v_auth`,
	`SELECT * FROM v_deliveries`,
	`SELECT rule, submitter, window_start, window_end, flagged_at, weight, sentence, evidence FROM v_findings`,
	`SELECT rule, submitter, window_start, window_end, flagged_at, weight, sentence, evidence, reason FROM v_silenced`,
	`SELECT * FROM v_suspects`,
	`SELECT * FROM v_watched`,
	`SELECT * FROM v_logs`,
	`SELECT * FROM v_quarantine`,
	`SELECT hour, submitter, transactions, recipients, external, refused FROM v_hourly`,
	`SELECT domain, external, first_time, recipients FROM v_contacts`,
}

// viewsOf are the rows of the compared views, each view sorted.
func viewsOf(t *testing.T, path string) map[string][]string {
	t.Helper()
	db, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	views := map[string][]string{}
	for _, sql := range comparedViews {
		_, view, _ := strings.Cut(sql, "FROM ")
		rows := []string{}
		err := db.Query(t.Context(), sql, func(_ []string, values []any) error {
			if values != nil {
				rows = append(rows, strings.TrimPrefix(fmt.Sprintf("%#v", values), "[]interface {}"))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(rows)
		views[view] = rows
	}
	return views
}

// mustRun runs relaywatch in this process and returns what it printed.
func mustRun(t testing.TB, batchRows int, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	p := &program{out: &out, err: &errOut, batchRows: batchRows}
	if code := p.run(t.Context(), args); code != exitDone {
		t.Fatalf("relaywatch %q: got exit code %d (%s); want %d", args, code, errOut.String(), exitDone)
	}
	return out.String()
}

// sampleLogs are the shipped logs in the order of time: the names of both servers
// hold the hour or the day.
func sampleLogs(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, dir := range []string{"samples/iis", "samples/exchange"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(paths) < 10 {
		t.Fatalf("got %d sample logs; want 10 or more", len(paths))
	}
	slices.SortStableFunc(paths, func(a, b string) int { return strings.Compare(digits(a), digits(b)) })
	return paths
}

// digits are those of a log's name, from the year on: 26110503 of
// RECV2026110503-1.LOG, and 261105 of ex261105.log.
func digits(path string) string {
	name := strings.TrimPrefix(strings.TrimLeftFunc(filepath.Base(path), unicode.IsLetter), "20")
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "-")
	return name
}

// TestArrival ingests the shipped logs in many ways; the stores must say the same.
func TestArrival(t *testing.T) {
	t.Chdir("../..")
	logs := sampleLogs(t)
	iis := slices.DeleteFunc(slices.Clone(logs), func(p string) bool { return strings.Contains(p, "exchange") })
	exchange := slices.DeleteFunc(slices.Clone(logs), func(p string) bool { return strings.Contains(p, "iis") })
	isSend := func(p string) bool { return strings.Contains(p, "SmtpSend") }
	rest := slices.DeleteFunc(slices.Clone(logs), isSend)
	send := slices.DeleteFunc(slices.Clone(logs), func(p string) bool { return !isSend(p) })
	reversed := func(paths []string) []string {
		paths = slices.Clone(paths)
		slices.Reverse(paths)
		return paths
	}
	oneByOne := func(paths []string) (runs [][]string) {
		for _, p := range paths {
			runs = append(runs, []string{p})
		}
		return runs
	}
	ways := []struct {
		name      string
		runs      [][]string // The paths of each run.
		batchRows int
	}{
		{name: "in batches of 7 rows", runs: [][]string{logs}, batchRows: 7},
		{name: "in batches of 1,000 rows", runs: [][]string{logs}, batchRows: 1000},
		{name: "named in reverse", runs: [][]string{reversed(logs)}},
		{name: "twice", runs: [][]string{logs, logs}},
		{name: "one server after the other", runs: [][]string{iis, exchange}},
		{name: "the other server first", runs: [][]string{exchange, iis}},
		{name: "what came back before what was sent", runs: [][]string{send, rest}},
		{name: "one by one in the order of time, in batches of 50 rows", runs: oneByOne(logs), batchRows: 50},
		// A session that spans two logs is one only if the earlier is read first:
		// the days of the IIS service hold no such session.
		{name: "days of IIS backwards", runs: append([][]string{exchange}, oneByOne(reversed(iis))...)},
	}
	ingest := func(db string, batchRows int, paths []string) {
		args := []string{"--config", "samples/relaywatch.yaml", "--db", db, "ingest"}
		mustRun(t, batchRows, append(args, paths...)...)
	}
	whole := filepath.Join(t.TempDir(), "whole.db")
	ingest(whole, 0, []string{"samples/iis", "samples/exchange"})
	want := viewsOf(t, whole)
	for view, rows := range want {
		if len(rows) == 0 && view != "v_quarantine" && view != "v_watched" { // The samples are well-formed, and end with nobody on watch.
			t.Errorf("got no row in %s; the comparison shows nothing", view)
		}
	}
	if findings := strings.Join(want["v_findings"], "\n"); strings.Count(findings, "refused-deliveries") < 2 || !strings.Contains(findings, `\"delivery\":true`) {
		t.Error("got no findings by what came back on both servers; the comparison shows nothing of them")
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "way.db")
			for _, paths := range w.runs {
				ingest(db, w.batchRows, paths)
			}
			if diff := cmp.Diff(want, viewsOf(t, db)); diff != "" {
				t.Errorf("the store differs (- in one run, + %s):\n%.4000s", w.name, diff)
			}
		})
	}
}

// TestGrowth ingests a log that is written piece by piece, each cut in mid-row.
func TestGrowth(t *testing.T) {
	data, err := os.ReadFile("../../samples/iis/ex261105.log")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "ex261105.log")
	config := filepath.Join("..", "..", "samples", "relaywatch.yaml")
	grown, whole := filepath.Join(dir, "grown.db"), filepath.Join(dir, "whole.db")
	for n := len(data) / 7; ; n += len(data) / 7 {
		n = min(n, len(data))
		if err := os.WriteFile(log, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, 100, "--config", config, "--db", grown, "ingest", log)
		if n == len(data) {
			break
		}
	}
	mustRun(t, 0, "--config", config, "--db", whole, "ingest", log)
	if diff := cmp.Diff(viewsOf(t, whole), viewsOf(t, grown)); diff != "" {
		t.Errorf("the store differs (- in one run, + piece by piece):\n%.4000s", diff)
	}
}
