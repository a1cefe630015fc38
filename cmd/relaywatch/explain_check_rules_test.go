package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"relaywatch/samples/traffic"
)

// notInTheWorlds are rules that ordinary mail and the attacks of the worlds below do not
// meet: what the tests inside them find is computed again there, as of every rule.
var notInTheWorlds = []string{"login-attack", "loop", "refused-recipients", "relay-probe", "rhythm"}

// Every score of every rule is computed again, in worlds with all attacks: with the logs of
// IIS, of Exchange, and with machines behind one address.
func TestEveryRuleIsRecomputed(t *testing.T) {
	if testing.Short() {
		t.Skip("three worlds of five weeks")
	}
	held, kinds := map[string]bool{}, map[string]bool{}
	counted, told := map[string]bool{}, map[string]bool{} // Signals: counted again, and told when they were changed.
	for name, options := range map[string]traffic.WorldOptions{
		"IIS":      {Seed: 103, People: 80, Days: 35},
		"Exchange": {Seed: 104, People: 80, Days: 35, Exchange: true},
		"balanced": {Seed: 105, People: 120, Days: 35, Balanced: true},
	} {
		db, config := attackedWorld(t, options)
		var report checkReport
		text := mustRun(t, 0, "--config", config, "--db", db, "explain", "--check", "--format", "json")
		if err := json.Unmarshal([]byte(text), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Differences) > 0 || report.Scores < 20 || report.Recipients < 200 || report.Signals < 100 {
			t.Errorf("%s: got %s; want many of each, and no difference", name, text)
		}
		for reason := range report.Unchecked {
			if signal, _, _ := strings.Cut(reason, ","); recounted[signal] != nil {
				t.Errorf("%s: not checked: %s; want it checked, as nothing was pruned", name, reason)
			}
		}
		for line := range strings.Lines(mustRun(t, 0, "--config", config, "--db", db, "query", "--format", "csv",
			"SELECT DISTINCT rule, substr(submitter, 1, instr(submitter, ':') - 1) FROM v_findings")) {
			rule, kind, _ := strings.Cut(strings.TrimSpace(line), ",")
			held[rule], kinds[kind] = true, true
		}
		for signal := range strings.Lines(mustRun(t, 0, "--db", db, "query", "--format", "csv",
			"SELECT DISTINCT json_extract(s.value, '$.signal') FROM v_findings, json_each(evidence, '$.signals') s")) {
			signal = strings.TrimSpace(signal)
			counted[signal] = recounted[signal] != nil
		}
		for _, d := range differencesOfChanged(t, config, db) {
			if m := regexp.MustCompile(`Z: (\w+): the finding has `).FindStringSubmatch(d); m != nil {
				told[m[1]] = true
			}
		}
	}
	for signal, is := range counted {
		if is && !told[signal] {
			t.Errorf("signal %s: it was changed in every finding, and no difference is told", signal)
		}
	}
	for _, kind := range []string{"ip", "user", "helo"} {
		if !kinds[kind] {
			t.Errorf("no finding of a submitter %s:", kind)
		}
	}
	ruleSet, err := rulesIn("")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ruleSet {
		if held[r.Name] == slices.Contains(notInTheWorlds, r.Name) {
			t.Errorf("rule %s: held is %v, and notInTheWorlds has it or not, alike", r.Name, held[r.Name])
		}
	}
	if t.Failed() {
		t.Logf("held: %v; kinds: %v", slices.Sorted(maps.Keys(held)), slices.Sorted(maps.Keys(kinds)))
	}
}

// differencesOfChanged are what is told once every value of a signal is one more.
func differencesOfChanged(t *testing.T, config, db string) []string {
	t.Helper()
	change := "json_replace(evidence"
	for i := range 12 { // No rule has more signals.
		change += fmt.Sprintf(", '$.signals[%d].value', 1 + json_extract(evidence, '$.signals[%[1]d].value')", i)
	}
	spoil(t, db, "UPDATE findings SET evidence = "+change+")")
	var out, errOut bytes.Buffer
	var report checkReport
	code := run(t.Context(), []string{"--config", config, "--db", db, "explain", "--check", "--format", "json"}, &out, &errOut)
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || code != exitFailed {
		t.Fatalf("got %d, %v (%s); want %d", code, err, errOut.String(), exitFailed)
	}
	return report.Differences
}

// attackedWorld is a store of a world with all attacks, and its configuration.
func attackedWorld(t *testing.T, options traffic.WorldOptions) (db, config string) {
	t.Helper()
	dir := t.TempDir()
	db, config = filepath.Join(dir, "world.db"), filepath.Join(dir, "relaywatch.yaml")
	w := traffic.NewWorld(options)
	sessions := w.Sessions()
	raids, err := traffic.NewAttackers(w, sessions).Raids(nil)
	if err != nil {
		t.Fatal(err)
	}
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(logs, append(sessions, raids...)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(w.Config(filepath.ToSlash(logs), filepath.ToSlash(db))), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, "--config", config, "--db", db, "ingest")
	return db, config
}
