package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// healthOf is what the mail of 10 November says of some logs.
func healthOf(t *testing.T, config *Config, logs []ingest.Log, rejects int, judged bool) *digest.Day {
	t.Helper()
	if config.Store.Path == "" {
		config.Store.Path = filepath.Join(t.TempDir(), "store.db")
	}
	db, err := store.Open(t.Context(), config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b := &ingest.Batch{Logs: logs}
	for i := range rejects {
		b.Rejects = append(b.Rejects, mail.Reject{Pos: mail.LogPos{Log: logs[0].ID, Offset: int64(i)}, Reason: "no row"})
	}
	if err := db.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if judged {
		if err := db.WriteJudgement(t.Context(), detect.Judgement{Until: logs[0].LastTime}); err != nil {
			t.Fatal(err)
		}
	}
	until := time.Date(2026, 11, 10, 7, 30, 0, 0, time.UTC)
	made := mail.Of(until.Add(-24 * time.Hour))
	if _, err := db.AddDigest(t.Context(), store.Digest{Kind: store.DigestDaily, Key: "2026-11-09", MessageID: "x", Since: made - 86400, Until: made, Made: made, Waiting: []string{"a@corp.example"}}); err != nil {
		t.Fatal(err)
	}
	date, err := digest.ParseDate("2026-11-10")
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := (&program{config: config}).day(t.Context(), db, daySpec{date: date, since: until.Add(-24 * time.Hour), until: until, now: until})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// logOf is a log that was read whole, with rows up to a time.
func logOf(id mail.LogID, path, server string, format ingest.Format, last time.Time) ingest.Log {
	return ingest.Log{
		ID: id, Path: path, Server: server, Format: format, Head: ingest.Head{{End: 10, Hash: uint64(id)}}, SizeBytes: 1000, ReadBytes: 1000, Rows: 100,
		FirstTime: mail.Of(last.Add(-time.Hour)), LastTime: mail.Of(last), State: ingest.LogRead,
	}
}

func TestDayHealth(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	iis, receive, send := ingest.FormatIISW3C, ingest.FormatExchangeReceive, ingest.FormatExchangeSend
	exchange := logOf(1, "/logs/recv/RECV1.LOG", "EX01", receive, at(10, 7))
	blindLog := logOf(2, "/logs/iis/ex1.log", "MAIL01", iis, at(10, 7))
	blindLog.Missing = []string{"cs-uri-query"}
	lagging := logOf(3, "/logs/iis/ex1.log", "MAIL01", iis, at(10, 7))
	lagging.SizeBytes = 5_000_000
	for name, tc := range map[string]struct {
		logs     []ingest.Log
		sources  []string
		rejects  int
		troubles []string // Short forms.
		notes    []string // Texts that they contain.
		subject  string
	}{
		"all is well":                {[]ingest.Log{exchange}, []string{"/logs"}, 0, nil, nil, "EX01: all quiet - "},
		"a server is silent":         {[]ingest.Log{exchange, logOf(2, "/logs/iis/ex1.log", "MAIL01", iis, at(8, 4))}, []string{"/logs"}, 0, []string{"MAIL01 silent"}, nil, "EX01: no suspects, but MAIL01 silent - "},
		"it was silent for a month":  {[]ingest.Log{exchange, logOf(2, "/logs/iis/ex1.log", "MAIL01", iis, at(8, 4).AddDate(0, -2, 0))}, []string{"/logs"}, 0, nil, nil, "all quiet"},
		"it is not followed":         {[]ingest.Log{exchange, logOf(2, "/old/ex1.log", "MAIL01", iis, at(8, 4))}, []string{"/logs/recv"}, 0, nil, nil, "all quiet"},
		"one folder of two is":       {[]ingest.Log{exchange, logOf(2, "/logs/send/SEND1.LOG", "EX01.corp.example", send, at(8, 4))}, []string{"/logs"}, 0, nil, []string{"No row in /logs/send since Sun 8 Nov 04:00"}, "all quiet"},
		"nothing since 02:00":        {[]ingest.Log{logOf(1, "/logs/recv/RECV1.LOG", "EX01", receive, at(10, 2))}, []string{"/logs"}, 0, nil, []string{"EX01 has had no row since Tue 10 Nov 02:00"}, "all quiet"},
		"nothing at all":             {[]ingest.Log{logOf(1, "/logs/recv/RECV1.LOG", "EX01", receive, at(8, 2))}, []string{"/logs"}, 0, []string{"no log read"}, nil, "EX01: NOT WATCHED, no log row since Sun 8 Nov 02:00 - "},
		"a path without logs":        {[]ingest.Log{exchange}, []string{"/logs", "/more/*.log"}, 0, []string{"1 log path empty"}, nil, "but 1 log path empty"},
		"rows are not read yet":      {[]ingest.Log{exchange, lagging}, []string{"/logs"}, 0, []string{"logs lag"}, nil, "but logs lag"},
		"a log shows no recipient":   {[]ingest.Log{exchange, blindLog}, []string{"/logs"}, 0, []string{"a log is blind"}, nil, "but a log is blind"},
		"some rows are no rows":      {[]ingest.Log{exchange}, []string{"/logs"}, 5, nil, nil, "all quiet"},
		"many rows are no rows":      {[]ingest.Log{exchange}, []string{"/logs"}, 6, []string{"many rows not understood"}, nil, "but many rows not understood"},
		"nobody judged them":         {[]ingest.Log{exchange}, []string{"/logs"}, 0, []string{"nothing is judged"}, nil, "but nothing is judged"},
		"several things are as well": {[]ingest.Log{exchange, lagging}, []string{"/logs", "/more"}, 0, []string{"1 log path empty", "logs lag"}, nil, "but 2 troubles"},
	} {
		t.Run(name, func(t *testing.T) {
			config := &Config{Hours: HoursConfig{TimeZone: "UTC"}, Digest: DigestConfig{At: "07:30"}}
			for _, s := range tc.sources {
				config.Logs = append(config.Logs, LogConfig{Path: s})
			}
			config.Network.OwnDomains = []string{"corp.example"}
			d := healthOf(t, config, tc.logs, tc.rejects, name != "nobody judged them")
			var troubles []string
			for _, tr := range d.Health.Troubles {
				troubles = append(troubles, tr.Short)
			}
			if got, want := fmt.Sprint(troubles), fmt.Sprint(tc.troubles); got != want {
				t.Errorf("got the troubles %s; want %s", got, want)
			}
			notes := filepath.ToSlash(strings.Join(d.Health.Notes, "\n"))
			for _, want := range append(tc.notes, "The mail of 2026-11-09 still waits") {
				if !strings.Contains(notes, want) {
					t.Errorf("got the notes %q; want %q", notes, want)
				}
			}
			if len(d.Health.Notes) != len(tc.notes)+1 {
				t.Errorf("got the notes %q; want %d", notes, len(tc.notes)+1)
			}
			if got := d.Subject(); !strings.Contains(got, tc.subject) {
				t.Errorf("got the subject %q; want %q", got, tc.subject)
			}
			if d.Health.QuarantinedNew != int64(tc.rejects) {
				t.Errorf("got %d new rows in the quarantine; want %d", d.Health.QuarantinedNew, tc.rejects)
			}
		})
	}
}

// What a running agent says goes before what the mail sees by itself: it knows the
// rhythm of each server.
func TestDayAgent(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	now := time.Date(2026, 11, 10, 7, 30, 0, 0, time.UTC)
	exchange := logOf(1, "/logs/recv/RECV1.LOG", "EX01.corp.example", ingest.FormatExchangeReceive, at(10, 2))
	series := func(silent, learning bool) []serverHealth {
		return []serverHealth{{Server: "EX01.corp.example", Source: "/logs", Format: "exchange-receive", Since: at(10, 2), Silent: silent, Learning: learning, Usual: 5400}}
	}
	for name, tc := range map[string]struct {
		report   health
		troubles string
		notes    string
	}{
		"an unusual silence": {health{At: now, Servers: series(true, false)}, "EX01 silent: EX01.corp.example exchange-receive (/logs) has been silent since Tue 10 Nov 02:00; " +
			"at this time of the week it is usually silent for at most 1 h 30 min.", ""},
		"a usual silence":   {health{At: now, Servers: series(false, false)}, "", ""},
		"one it is new to":  {health{At: now, Servers: series(false, true)}, "", "EX01 has had no row since Tue 10 Nov 02:00."},
		"it was stopped":    {health{At: now, Stopped: true, Servers: series(true, false)}, "", "EX01 has had no row since Tue 10 Nov 02:00.|The agent does not run; it was last seen on Tue 10 Nov 07:30."},
		"it died":           {health{At: at(10, 3), Servers: series(true, false)}, "", "EX01 has had no row since Tue 10 Nov 02:00.|The agent does not run; it was last seen on Tue 10 Nov 03:00."},
		"it has trouble":    {health{At: now, Servers: series(false, false), Trouble: map[string]string{"log /x": "no permission", mailTrouble: "refused"}}, "trouble: log /x: The agent says of log /x: no permission.", ""},
		"logs are not read": {health{At: now, Servers: series(false, false), Logs: []followedLog{{Size: 9_000_000, Read: 1000}}}, "logs lag: 9.0 MB of the logs are not read yet.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := &Config{Hours: HoursConfig{TimeZone: "UTC"}, Digest: DigestConfig{At: "07:30"}, Logs: []LogConfig{{Path: "/logs"}}}
			config.Network.OwnDomains = []string{"corp.example"}
			config.Store.Path = filepath.Join(t.TempDir(), "store.db")
			text, err := json.Marshal(tc.report)
			if err != nil {
				t.Fatal(err)
			}
			if err := writeReport(reportPath(config.Store.Path), text); err != nil {
				t.Fatal(err)
			}
			h := healthOf(t, config, []ingest.Log{exchange}, 0, true).Health
			var troubles []string
			for _, tr := range h.Troubles {
				troubles = append(troubles, tr.Short+": "+tr.Text)
			}
			if got := strings.Join(troubles, "|"); got != tc.troubles {
				t.Errorf("got the troubles %q; want %q", got, tc.troubles)
			}
			if got := strings.Join(h.Notes[:len(h.Notes)-1], "|"); got != tc.notes { // The last is of the mail before.
				t.Errorf("got the notes %q; want %q", got, tc.notes)
			}
		})
	}
}
