package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestHostileWays takes hostile text out by every way that TestHostileText and
// TestHostileDigest do not: what people decide, and the reports over all mail.
func TestHostileWays(t *testing.T) {
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	dir := t.TempDir()
	db := filepath.Join(dir, "hostile.db")
	mustRun(t, 0, "--db", db, "ingest", hostileLogs(t))
	var list []struct{ Submitter string }
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--db", db, "suspects", "--format", "json")), &list); err != nil || len(list) < 20 {
		t.Fatalf("got %d suspects, %v; want one for nearly each hostile text", len(list), err)
	}
	// What people write is as hostile: notes, reasons, owners, names.
	for i, h := range hostile {
		if i >= len(list) || strings.ContainsRune(h, 0) {
			continue
		}
		who := list[i].Submitter
		for _, args := range [][]string{
			{"triage", who, "false-alarm", "--note", "note " + h, "--by", h},
			{"triage", who, "confirmed", "--note", h},
			{"allow", "add", who, "--reason", h, "--owner", h, "--by", h, "--until", "2099-01-01"},
		} {
			var out, errOut bytes.Buffer
			run(t.Context(), append([]string{"--db", db}, args...), &out, &errOut)
			steerless(t, fmt.Sprintf("%.60q", args), out.String()+errOut.String())
		}
		steerless(t, "triage of "+who, mustRun(t, 0, "--db", db, "triage", who))
	}
	ways := [][]string{
		{"triage"}, {"allow", "list"}, {"allow", "test"}, {"senders", "--all"}, {"rules", "replay", "--without-allow"}, {"rules", "replay"}, {"rules", "calibrate", "--since", "2026-11-01"},
	}
	for _, view := range []string{"v_sources", "v_silenced", "v_triage", "v_allow", "v_deliveries"} {
		ways = append(ways, []string{"query", "SELECT * FROM " + view})
	}
	for _, args := range ways {
		args = append([]string{"--db", db}, args...)
		for _, format := range []string{"table", "json", "csv"} {
			name := strings.Join(args[2:], " ") + " as " + format
			out := mustRun(t, 0, append(args, "--format", format)...)
			steerless(t, name, out)
			switch format {
			case "csv":
				formulaless(t, name, out)
			case "json":
				if !json.Valid([]byte(out)) {
					t.Errorf("%s: got invalid JSON: %.200s", name, out)
				}
			}
		}
	}
	folder := filepath.Join(dir, "taken")
	steerless(t, "export", mustRun(t, 0, "--db", db, "export", "--out", folder, "--format", "csv", "v_transactions", "v_recipients", "v_triage", "v_quarantine", "v_logs"))
	taken, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil || len(taken) != 5 {
		t.Fatalf("got %v, %v; want five files", taken, err)
	}
	for _, path := range taken {
		text := read(t, path)
		steerless(t, path, text)
		formulaless(t, path, text)
	}
	for _, args := range [][]string{{"relaycheck"}, {"relaycheck", "--format", "json"}, {"schema"}, {"explain", "--check"}, {"alerts", "list"}} {
		var out, errOut bytes.Buffer
		run(t.Context(), append([]string{"--db", db}, args...), &out, &errOut)
		if out.Len() == 0 && args[0] != "explain" {
			t.Errorf("%s: got nothing; want what it prints: %s", args, errOut.String())
		}
		steerless(t, strings.Join(args, " "), out.String()+errOut.String())
	}
}

// A page of each hostile suspect has no tag and no attribute of theirs.
func TestHostilePages(t *testing.T) {
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	dir := t.TempDir()
	db, page := filepath.Join(dir, "hostile.db"), filepath.Join(dir, "page.html")
	mustRun(t, 0, "--db", db, "ingest", hostileLogs(t))
	var list []struct{ Submitter string }
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--db", db, "suspects", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`^(!doctype|/?html|/?head|meta|/?title|/?style|/?body|/?main|/?header|/?footer|/?section|/?div|/?span|/?dl|/?dt|/?dd|` +
		`/?table|/?thead|/?tr|/?th|/?td|/?p|/?b|/?small|/?h[123]|/?svg|rect)$`)
	for _, s := range list {
		steerless(t, "explain --html", mustRun(t, 0, "--db", db, "explain", s.Submitter, "--html", page))
		text := read(t, page)
		steerless(t, "page of "+s.Submitter, strings.ReplaceAll(text, "\u00a0", " "))
		for _, tag := range regexp.MustCompile(`<([/!]?[a-zA-Z][^\s>/]*)[^>]*>`).FindAllStringSubmatch(text, -1) {
			if !known.MatchString(strings.ToLower(tag[1])) || regexp.MustCompile(`(?i)\s(on[a-z]+|href|src|style)=`).MatchString(tag[0]) {
				t.Errorf("%s: got the tag %.100q", s.Submitter, tag[0])
			}
		}
	}
}

// What the agent says of hostile logs steers nothing, also where it says all it can,
// and is one line for each message.
func TestHostileAgentLog(t *testing.T) {
	h := newHost(t, 300, "agent: {poll: always, interval: 50ms}\n")
	h.dir = hostileLogs(t)
	for i, text := range hostile { // Logs that are refused, and some that can't be read.
		name := fmt.Sprintf("no%d\u202elog\u2028%d.log", i, i)
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte("127.0.0.1 - - [05/Nov/2026:02:00:00 +0000] \"GET "+text+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.configure("agent: {poll: always, interval: 50ms}\n")
	cmd, _ := child(t, "--config", h.config, "--log-level", "debug", "agent")
	r := h.run(cmd)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			t.Fatalf("the agent read nothing: %s", r.errOut)
		case <-tick.C:
		}
		var out, errOut bytes.Buffer
		run(t.Context(), []string{"--db", h.db, "query", "SELECT count(*) AS n FROM v_suspects", "--format", "csv"}, &out, &errOut)
		done = strings.HasPrefix(out.String(), "n\n") && out.String() != "n\n0\n"
	}
	r.stop()
	steerless(t, "agent", r.errOut.String())
	for line := range strings.Lines(r.errOut.String()) {
		if !strings.HasPrefix(line, "20") {
			t.Errorf("got the line %.200q; want each to begin with its time", line)
		}
	}
}
