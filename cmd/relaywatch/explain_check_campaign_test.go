package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"relaywatch/mail"
	"relaywatch/store"
)

// iisLog is a log of IIS in the making.
type iisLog struct{ strings.Builder }

func (l *iisLog) row(at time.Time, client, method, query string, status, bytes int) {
	if l.Len() == 0 {
		l.WriteString("#Software: Microsoft Internet Information Services 8.5\n#Fields: date time c-ip cs-username s-computername s-ip cs-method cs-uri-query sc-status sc-bytes cs-bytes\n")
	}
	fmt.Fprintf(l, "%s %s PC-%s MAIL01 10.0.0.20 %s %s %d 50 %d\n", at.Format("2006-01-02 15:04:05"), client, client[len(client)-1:], method, query, status, bytes)
}

func (l *iisLog) message(at time.Time, client, from, to string, size int) {
	l.row(at, client, "MAIL", "+FROM:<"+from+">", 250, 40)
	l.row(at, client, "RCPT", "+TO:<"+to+">", 250, 40)
	l.row(at.Add(time.Second), client, "DATA", "<id>", 250, size)
}

// campaignLog is ordinary mail, and two days later a campaign through four hosts, one
// sender and one size, as one of them also tries whether the server relays, and the address
// forms of relay tests.
func campaignLog() string {
	var log iisLog
	at := time.Date(2026, time.November, 3, 9, 0, 0, 0, time.UTC)
	for n := range 40 {
		log.message(at, fmt.Sprintf("10.1.4.%d", 1+n%6), fmt.Sprintf("u%d@corp.example", n%6), fmt.Sprintf("c%d@example.org", n%9), 3000+700*n)
		at = at.Add(time.Minute)
	}
	at = time.Date(2026, time.November, 5, 2, 0, 0, 0, time.UTC)
	for n := range 40 {
		for host := 1; host <= 4; host++ {
			log.message(at, fmt.Sprintf("10.1.4.%d", host), "news@example.com", fmt.Sprintf("s%d-%d@example.net", host, n), 5000+10*host)
			at = at.Add(10 * time.Second)
		}
	}
	for n, to := range []string{"u@example.net", "u%d.example@mx1.corp.example", "d.example!u@mx1.corp.example", "@mx1.corp.example:u@example.net", `"u@example.net"@mx1.corp.example`, "u@[10.0.0.20]", "d.example!u"} {
		log.row(at.Add(time.Duration(n)*time.Second), "10.1.4.4", "MAIL", "+FROM:<a@example.com>", 250, 40)
		log.row(at.Add(time.Duration(n)*time.Second), "10.1.4.4", "RCPT", "+TO:<"+to+">", 550, 40)
	}
	return log.String()
}

// What hosts have in common, runs of messages and address forms are counted again from the
// stored rows: a finding that has another figure is told, and so is a row that was changed.
func TestCampaignIsRecounted(t *testing.T) {
	dir := t.TempDir()
	log, whole := filepath.Join(dir, "ex261105.log"), filepath.Join(dir, "whole.db")
	if err := os.WriteFile(log, []byte(campaignLog()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	mustRun(t, 0, "--db", whole, "ingest", log)
	var report checkReport
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--db", whole, "explain", "--check", "--format", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Differences)+len(report.Unchecked) > 0 || report.Signals < 40 {
		t.Fatalf("got %+v; want all checked, and no difference", report)
	}
	signal := func(name string, value int) string {
		return fmt.Sprintf(`UPDATE findings SET evidence = json_set(evidence, (SELECT e.path || '.value' FROM json_tree(evidence) e WHERE e.value = '%s'), %d)
			WHERE evidence LIKE '%%"%[1]s"%%' AND submitter_id = (SELECT id FROM submitters WHERE value = '10.1.4.4')`, name, value)
	}
	ofHost := func(host int) string {
		return fmt.Sprintf(`origin_id IN (SELECT o.id FROM origins o JOIN names n ON n.id = o.client_id WHERE n.text = '10.1.4.%d')`, host)
	}
	const others = `UPDATE findings SET evidence = %s WHERE rule = 'coordinated-senders' AND submitter_id = (SELECT id FROM submitters WHERE value = '10.1.4.4')`
	for _, tc := range []struct{ name, change, want string }{
		{"campaign", signal("campaign_hosts", 5), "campaign_hosts: the finding has 5; it is 4"},
		{"size", signal("same_size", 41), "same_size: the finding has 41; it is 40"},
		{"sizes", signal("same_size_hosts", 5), "same_size_hosts: the finding has 5; it is 4"},
		{"interval", signal("same_gap", 40), "same_gap: the finding has 40; it is 39"},
		{"refusals", signal("refused_relay", 2), "refused_relay: the finding has 2; it is 1"},
		{"forms", signal("odd_forms", 7), "odd_forms: the finding has 7; it is 6"},
		{"one of the others", fmt.Sprintf(others, `json_remove(evidence, '$.others[1]')`), "4 submitters have in common what accuses, and it names the rows of 3"},
		{
			"one of the others twice", fmt.Sprintf(others, `json_set(evidence, '$.others[1]', json_extract(evidence, '$.others[0]'))`),
			"of another in the campaign is of ip:10.1.4.1, who is in it already",
		},
		{
			"another's row", fmt.Sprintf(others, `json_set(evidence, '$.others[0].log_offset', 7)`),
			":7 of another in the campaign is not stored",
		},
		{
			"another host's sender", `UPDATE transactions SET reverse_path_id = (SELECT reverse_path_id FROM transactions ORDER BY id LIMIT 1) WHERE ` + ofHost(3),
			"coordinated-senders of ip:10.1.4.4 at 2026-11-05T02:01:10Z: campaign_hosts: the finding has 4; it is 3",
		},
		{
			"another host's sizes", `UPDATE transactions SET size_bytes = 9000 + 4000 * (id % 7) WHERE ` + ofHost(3),
			"coordinated-sizes of ip:10.1.4.4 at 2026-11-05T02:02:30Z: same_size_hosts: the finding has 4; it is 3",
		},
		{
			"a size", `UPDATE transactions SET size_bytes = 9000 WHERE id = (SELECT max(id) FROM transactions WHERE size_bytes IS NOT NULL AND ` + ofHost(4) + `)`,
			"sameness of ip:10.1.4.4 at 2026-11-05T02:19:51Z: same_size: the finding has 40; it is 39",
		},
		{"a form", `UPDATE addresses SET local = 'ann' WHERE local = 'u%d.example'`, "odd_forms: the finding has 6; it is 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := filepath.Join(dir, strings.ReplaceAll(tc.name, " ", "-")+".db")
			mustRun(t, 0, "--db", whole, "backup", db)
			spoil(t, db, tc.change)
			var out, errOut bytes.Buffer
			code := run(t.Context(), []string{"--db", db, "explain", "ip:10.1.4.4", "--check"}, &out, &errOut)
			if code != exitFailed || !strings.Contains(out.String(), tc.want) {
				t.Errorf("got %d\n%s%s\nwant %d, and %q", code, out.String(), errOut.String(), exitFailed, tc.want)
			}
		})
	}
	text := mustRun(t, 0, "--db", whole, "explain", "ip:10.1.4.4")
	if want := regexp.MustCompile(`(?m)^  coordinated-senders: others that share it, in \S+\n    \d+: 2026-11-05 02:0\d:\d\d 10\.1\.4\.1 .*\n    \d+: .* 10\.1\.4\.2 .*\n    \d+: .* 10\.1\.4\.3 .*$`); !want.MatchString(text) {
		t.Errorf("got\n%s\nwant in it %s", text, want)
	}
	t.Run("pruned", func(t *testing.T) {
		path := filepath.Join(dir, "pruned.db")
		mustRun(t, 0, "--db", whole, "backup", path)
		db, err := store.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		newest := mail.Of(time.Date(2026, time.November, 5, 2, 30, 0, 0, time.UTC))
		_, err = db.Prune(t.Context(), store.KeepAll(12*time.Hour), newest)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		text := mustRun(t, 0, "--db", path, "explain", "--check")
		for _, want := range []string{" compared with the stored rows, all equal\n", "same_size, as older mail was pruned (4)", "campaign_hosts, as older mail was pruned (4)"} {
			if !strings.Contains(text, want) {
				t.Errorf("got\n%s\nwant in it %q", text, want)
			}
		}
	})
}

// A finding about a list that hosts share names, of each other one, the row in which it
// mailed the newest recipient.
func TestSharedListIsRecounted(t *testing.T) {
	var log iisLog
	at := time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)
	for n := range 120 { // Ten days, three hosts, two customers each.
		host := n % 3
		log.message(at.Add(time.Duration(n/12*24)*time.Hour+time.Duration(n%12)*time.Minute), fmt.Sprintf("10.1.4.%d", host),
			fmt.Sprintf("u%d@corp.example", host), fmt.Sprintf("c%d@example.org", host+3*(n%2)), 3000+700*n)
	}
	at = at.Add(10 * 24 * time.Hour)
	for n := range 36 {
		host := n % 3
		log.message(at.Add(time.Duration(n)*time.Minute), fmt.Sprintf("10.1.4.%d", host), fmt.Sprintf("u%d@corp.example", host), fmt.Sprintf("s%d@example.net", n/3), 3000+900*(n%7))
	}
	dir := t.TempDir()
	path, whole := filepath.Join(dir, "ex261112.log"), filepath.Join(dir, "whole.db")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	mustRun(t, 0, "--db", whole, "ingest", path)
	text := mustRun(t, 0, "--db", whole, "explain", "ip:10.1.4.2")
	if want := regexp.MustCompile(`(?m)^  coordinated-lists: others that share it, in \S+\n    \d+: .* 10\.1\.4\.0 .*<s11@.*\n    \d+: .* 10\.1\.4\.1 .*<s11@.*$`); !want.MatchString(text) {
		t.Errorf("got\n%s\nwant in it %s", text, want)
	}
	if text := mustRun(t, 0, "--db", whole, "explain", "--check"); !strings.Contains(text, "compared with the stored rows, all equal") {
		t.Errorf("got\n%s\nwant no difference", text)
	}
	for _, tc := range []struct{ name, change, want string }{
		{
			"one of the others", `UPDATE findings SET evidence = json_remove(evidence, '$.others[1]') WHERE rule = 'coordinated-lists'`,
			"3 submitters have in common what accuses, and it names the rows of 2",
		},
		{
			"another recipient", `UPDATE recipients SET address_id = (SELECT id FROM addresses WHERE local = 's0') WHERE id = (SELECT max(id) - 65536 FROM recipients)`,
			"the others in the campaign have 2 recipients, not one",
		},
	} {
		db := filepath.Join(dir, strings.ReplaceAll(tc.name, " ", "-")+".db")
		mustRun(t, 0, "--db", whole, "backup", db)
		spoil(t, db, tc.change)
		var out, errOut bytes.Buffer
		code := run(t.Context(), []string{"--db", db, "explain", "--check"}, &out, &errOut)
		if code != exitFailed || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%s: got %d\n%s%s\nwant %d, and %q", tc.name, code, out.String(), errOut.String(), exitFailed, tc.want)
		}
	}
}

// Where more were mailed in a day than the engine remembers, who has them in common can't be
// counted again.
func TestFloodIsNotRecounted(t *testing.T) {
	const hour, noon = mail.Time(3600), mail.Time(1793620800)
	w := &witness{outward: map[mail.Time]int{}}
	for n := range mail.Time(200) {
		w.outward[noon+n*hour] = mostNewcomers / 25
	}
	if w.isFlood(noon+48*hour, noon+100*hour) {
		t.Error("got a flood; want none, of as many as are remembered")
	}
	w.outward[noon+30*hour] += 1000
	for from, want := range map[mail.Time]bool{48: true, 100: false} {
		if got := w.isFlood(noon+from*hour+59, noon+110*hour); got != want {
			t.Errorf("from hour %d: got %v; want %v", from, got, want)
		}
	}
}
