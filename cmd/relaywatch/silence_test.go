package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

// steadyLog is the log of a server that has mail every third minute.
func steadyLog(server string, from, to time.Time) string {
	var b strings.Builder
	b.WriteString("#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n" +
		"#Fields: date time c-ip cs-username s-computername s-ip cs-method cs-uri-query sc-status cs-bytes\r\n")
	for at := from; at.Before(to); at = at.Add(3 * time.Minute) {
		when := at.UTC().Format("2006-01-02 15:04:05")
		fmt.Fprintf(&b, "%s 10.1.0.7 ws7 %s 10.0.0.20 MAIL +FROM:<ann@corp.example> 250 40\r\n", when, server)
		fmt.Fprintf(&b, "%s 10.1.0.7 ws7 %s 10.0.0.20 RCPT +TO:<bob@corp.example> 250 40\r\n", when, server)
	}
	return b.String()
}

// A server that falls silent is told of in the agent's log, in status, on both pages;
// and that it is heard again.
func TestAgentTellsSilence(t *testing.T) {
	address := freeAddress(t)
	h := newHost(t, 10, "agent: {interval: 50ms, listen: '"+address+"'}")
	last := time.Now().Add(-200 * time.Minute)
	write := func(name, server string, from, to time.Time) {
		path := filepath.Join(h.dir, name)
		if err := os.WriteFile(path, []byte(steadyLog(server, from, to)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, to.Add(-3*time.Minute), to.Add(-3*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	// The log of each week is a file of its own, and there is a server that is new.
	for week := 3; week > 0; week-- {
		end := last.AddDate(0, 0, 7-7*week)
		write(fmt.Sprintf("ex%d.log", 3-week), "MAIL01", end.AddDate(0, 0, -7), end)
	}
	write("new.log", "MAIL02", last.AddDate(0, 0, -2), last)
	r := h.start()
	since := last.Add(-3 * time.Minute).UTC()
	told := fmt.Sprintf("MAIL01 (%s) has been silent since %s UTC, 3 h 2", h.dir, since.Format("2006-01-02 15:04"))
	awaitText(t, r, told)
	awaitText(t, r, "; at this time of the week it is usually silent for at most 3 min")

	body := get(t, "http://"+address+"/healthz")
	var page health
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Servers) != 2 || !page.Servers[0].Silent || page.Servers[0].Usual != 180 || page.Servers[1].Silent || !page.Servers[1].Learning {
		t.Errorf("healthz: got %+v; want MAIL01 silent, usually 180 s, and MAIL02 not known yet", page.Servers)
	}
	metrics := get(t, "http://"+address+"/metrics")
	for _, want := range []string{
		fmt.Sprintf("relaywatch_server_silent{format=\"iis-w3c\",logs=%q,server=\"MAIL01\"} 1\n", h.dir),
		fmt.Sprintf("relaywatch_server_silent{format=\"iis-w3c\",logs=%q,server=\"MAIL02\"} 0\n", h.dir),
		fmt.Sprintf("relaywatch_server_silence_seconds{format=\"iis-w3c\",logs=%q,server=\"MAIL01\"} 12", h.dir),
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s:\n%s", want, metrics)
		}
	}
	for _, want := range []string{"silent     MAIL01 (", "learning   until ", " UTC how long MAIL02 ("} {
		await(t, "status with "+want, func() (string, bool) {
			status := mustRun(t, 0, "--config", h.config, "status") // The report is written a moment later.
			return status, strings.Contains(status, want)
		})
	}

	_, rows, _ := strings.Cut(steadyLog("MAIL01", time.Now(), time.Now().Add(time.Minute)), "bytes\r\n")
	f, err := os.OpenFile(filepath.Join(h.dir, "ex2.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	awaitText(t, r, fmt.Sprintf("MAIL01 (%s) is heard again, after 3 h 2", h.dir))
	r.stop()
	if n := strings.Count(r.errOut.String(), "has been silent"); n != 1 {
		t.Errorf("told %d times; want once: %s", n, r.errOut)
	}
}

func awaitText(t *testing.T, r *running, text string) {
	t.Helper()
	await(t, "the agent to say "+text, func() (string, bool) { return r.errOut.String(), strings.Contains(r.errOut.String(), text) })
}

// await waits until something is so.
func await(t *testing.T, what string, so func() (got string, ok bool)) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got, ok := so()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %s; want %s", got, what)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %s %s", url, err, r.Status, body)
	}
	return string(body)
}

// The logs that a server writes to one place are one series, whatever their names,
// and logs that do not name their server may be of any of them.
func TestHearingSeries(t *testing.T) {
	now := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	dir, other := filepath.FromSlash("/logs/smtp"), filepath.FromSlash("/logs/other")
	log := func(id mail.LogID, path, server string, format ingest.Format, last time.Time) ingest.Log {
		return ingest.Log{ID: id, Path: path, Server: server, Format: format, LastTime: mail.Of(last)}
	}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	logs := []ingest.Log{
		log(1, filepath.Join(dir, "2026", "ex261104.log"), "MAIL01", ingest.FormatIISW3C, ago(20*time.Hour)),
		log(2, filepath.Join(dir, "ex261105.log"), "MAIL01", ingest.FormatIISW3C, ago(5*time.Hour)),
		log(3, filepath.Join(dir, "recv.log"), "EX01", ingest.FormatExchangeReceive, ago(4*time.Hour)),
		log(4, filepath.Join(dir, "send.log"), "EX01", ingest.FormatExchangeSend, ago(3*time.Hour)),
		log(5, filepath.FromSlash("/elsewhere/ex.log"), "MAIL09", ingest.FormatIISW3C, ago(2*time.Hour)),
		log(6, filepath.Join(other, "ex.log"), "MAIL03", ingest.FormatIISW3C, ago(2*time.Hour)),
	}
	h := newHearing([]ingest.Source{{Path: dir}, {Path: filepath.Join(other, "ex*.log")}}, detect.Hours{}, logs)
	files := []ingest.Followed{{Path: logs[1].Path, Grown: ago(5 * time.Hour)}, {Path: logs[3].Path, Grown: ago(time.Hour)}}
	told := func() (list []string) {
		for _, s := range h.judge(files, now) {
			list = append(list, fmt.Sprint(s.series(), " ", lasting(now.Sub(s.Since))))
		}
		return list
	}
	want := []string{
		"EX01 exchange-receive (" + dir + ") 4 h", "EX01 exchange-send (" + dir + ") 1 h", // By the clock of this machine.
		"MAIL01 (" + dir + ") 5 h",
	}
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	came := h.note(&ingest.Batch{Logs: []ingest.Log{log(7, filepath.Join(dir, "ex261106.log"), "", ingest.FormatIISW3C, ago(time.Minute))}})
	if len(came) != 1 || came[0] != (series{"", dir, ingest.FormatIISW3C}) {
		t.Errorf("got %+v; want the series without a name", came)
	}
	want = append(want[:2], dir+" 1 min", "MAIL01 ("+dir+") 1 min")
	if diff := cmp.Diff([]string{want[2], want[0], want[1], want[3]}, told()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 min", 59 * time.Second: "0 min", 11 * time.Minute: "11 min", time.Hour: "1 h", 200 * time.Minute: "3 h 20 min",
		47*time.Hour + 5*time.Minute: "47 h 5 min", 48 * time.Hour: "2 d", 76*time.Hour + 59*time.Minute: "3 d 4 h",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v: got %q; want %q", d, got, want)
		}
	}
}
