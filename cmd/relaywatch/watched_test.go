package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The list of the samples is on watch after four strangers, and accused after seven:
// whoever asks is told, and nobody else hears of it.
func TestWhoIsOnWatchIsShownAndNotAccused(t *testing.T) {
	data, err := os.ReadFile("../../samples/iis/ex261105.log")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	dir := t.TempDir()
	db, log := filepath.Join(dir, "store.db"), filepath.Join(dir, "ex261105.log")
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	do := func(args ...string) string { return mustRun(t, 0, append([]string{"--db", db}, args...)...) }
	grow := func(n int) {
		t.Helper()
		if err := os.WriteFile(log, []byte(strings.Join(lines[:n], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		do("ingest", log)
	}
	says := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("got\n%s\nwant in it %q", got, w)
			}
		}
	}
	do("ingest", "../../samples/iis/ex261103.log", "../../samples/iis/ex261104.log")
	grow(32)
	if got := do("suspects"); strings.Contains(got, "10.1.4.7") {
		t.Errorf("suspects: got\n%s\nwant 10.1.4.7 not among them", got)
	}
	says(do("suspects", "--state", "watch"), "ip:10.1.4.7  2026-11-05 02:14  02:14", " nats by external-list, where 16 accuse: ", " short, ", "like the worst of them")
	says(do("suspects", "--state", "watch", "--format", "json"), `"submitter": "ip:10.1.4.7"`, `"state": "watch"`, `"alert_nats": 16`, `"recipients": 4`)
	if got, want := do("suspects", "--state", "watch", "--format", "csv"),
		do("query", "--format", "csv", "SELECT submitter, kind, value, rule, first_time, last_time, nats, watch_nats, alert_nats, fades_at, recipients FROM v_watched"); got != want || strings.Count(got, "\n") != 2 {
		t.Errorf("csv: got\n%s\nwant one row as the view has it\n%s", got, want)
	}
	says(do("suspects", "--state", "watch", "--until", "2026-11-05"), "nobody is on watch")
	says(do("status"), "watch      1 submitter near an alarm")
	says(do("status", "--json"), `"on_watch": 1`)
	says(do("explain", "ip:10.1.4.7"), "ip:10.1.4.7 is not under suspicion: ", "on watch since 2026-11-05 02:14 UTC: ", "clund378@inbox.example  new to all")
	says(do("explain", "ip:10.1.4.7", "--format", "json"), `"suspect": null`, `"watched": [`, `"recipient": "clund378@inbox.example"`)
	page := filepath.Join(dir, "page.html")
	do("explain", "ip:10.1.4.7", "--html", page)
	says(read(t, page), `<header class="watch">`, "is near an alarm and accused of nothing", "<h2>Near an alarm</h2>",
		"<h3>external-list <small>on watch since 2026-11-05 02:14 UTC, over by ", " nats by external-list, where 16 accuse: ", "<td>clund378@inbox.example</td><td>new to all")
	says(do("digest", "--date", "2026-11-05"), "Near an alarm, and accused of nothing", "ip:10.1.4.7 (", " of 16 nats, external-list); nothing to do")

	grow(60)
	says(do("suspects"), "ip:10.1.4.7 ")
	says(do("suspects", "--state", "watch"), "nobody is on watch")
	says(do("suspects", "--state", "watch", "--format", "json"), "[]")
	if got := do("explain", "ip:10.1.4.7"); strings.Contains(got, "on watch") {
		t.Errorf("explain of the accused: got\n%s\nwant nothing of a watch", got)
	}
	do("explain", "ip:10.1.4.7", "--html", page)
	if got := read(t, page); strings.Contains(got, "ear an alarm") {
		t.Errorf("page of the accused: got\n%s\nwant nothing of a watch", got)
	}
}

// An agent counts who is on watch now: after four strangers one, and nobody once it is
// accused.
func TestAgentCountsWhoIsOnWatch(t *testing.T) {
	address := freeAddress(t)
	h := newHost(t, 10, "agent: {interval: 50ms, listen: '"+address+"'}")
	whole := read(t, "../../samples/iis/ex261105.log")
	cut := len(strings.Join(strings.SplitAfter(whole, "\n")[:32], ""))
	path := filepath.Join(h.dir, "ex261105.log")
	for _, name := range []string{"ex261103.log", "ex261104.log", "ex261105.log"} {
		text := read(t, "../../samples/iis/"+name)
		if name == filepath.Base(path) {
			text = whole[:cut]
		}
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := h.start()
	awaitHealth(t, address, http.StatusOK, `"on_watch":1,`)
	if metrics := get(t, "http://"+address+"/metrics"); !strings.Contains(metrics, "\nrelaywatch_on_watch 1\n") {
		t.Errorf("got\n%s\nwant one on watch", metrics)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(whole[cut:]); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	awaitHealth(t, address, http.StatusOK, `"on_watch":0,`)
	if metrics := get(t, "http://"+address+"/metrics"); !strings.Contains(metrics, "\nrelaywatch_on_watch 0\n") || strings.Contains(metrics, "\nrelaywatch_findings_total 0\n") {
		t.Errorf("got\n%s\nwant nobody on watch, and findings", metrics)
	}
	if got := mustRun(t, 0, "--config", h.config, "suspects"); !strings.Contains(got, "ip:10.1.4.7 ") { // Though its rows are judged for good, and not taken yet.
		t.Errorf("got\n%s\nwant ip:10.1.4.7", got)
	}
	r.stop()
}
