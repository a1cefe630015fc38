package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"relaywatch/detect"
)

// Every signal that a rule can measure is counted again from the stored rows, but for the
// score, which Audit computes.
func TestEverySignalIsRecounted(t *testing.T) {
	for _, s := range detect.Signals() {
		if (recounted[s.Name] == nil) != (s.Name == "score") {
			t.Errorf("signal %s: it is counted again is %v", s.Name, recounted[s.Name] != nil)
		}
	}
}

// loginRules find by logins, hosts and sizes alone, as no shipped alert does.
var loginRules = map[string]string{
	"guesses": `
window: 1h
when: failed_logins >= 8
says: was guessed {failed_logins} times, as {distinct_login_names} accounts from {failed_login_hosts} hosts
tests:
  - name: nine
    sent: [{at: "03:00", every: 10s, times: 9, from: "ip:10.1.4.7", login: failed, user: ann}]
    finds: [{submitter: "ip:10.1.4.7", failed_logins: 9}, {submitter: "user:ann", failed_logins: 9}]
  - name: seven
    sent: [{at: "03:00", every: 10s, times: 7, from: "ip:10.1.4.7", login: failed, user: ann}]
    finds: []
`,
	"guessed": `
window: 30m
when: logins_after_failures >= 1
says: logged in {logins_after_failures} times after many failures, {failed_logins} of them in half an hour
tests:
  - name: nine
    sent:
      - {at: "03:00", every: 10s, times: 9, from: "ip:10.1.4.7", login: failed, user: ann}
      - {at: "03:10", from: "ip:10.1.4.7", login: ok, user: ben}
    finds: [{submitter: "ip:10.1.4.7", logins_after_failures: 1}]
  - name: seven
    sent:
      - {at: "03:00", every: 10s, times: 7, from: "ip:10.1.4.7", login: failed, user: ann}
      - {at: "03:10", from: "ip:10.1.4.7", login: ok, user: ben}
    finds: []
`,
	"roams": `
window: 24h
when: hosts >= 2 && largest_message >= 4000
says: sent up to {largest_message} from {hosts} hosts
tests:
  - name: two
    sent:
      - {at: "09:00", from: "user:ann", via: 10.1.4.7, to: "a@example.net", size: 5000}
      - {at: "09:10", from: "user:ann", via: 10.1.4.8, to: "a@example.net", size: 5000}
    finds: [{submitter: "user:ann", hosts: 2}]
  - name: one
    sent: [{at: "09:00", every: 1m, times: 5, from: "user:ann", via: 10.1.4.7, to: "a@example.net", size: 5000}]
    finds: []
`,
}

// receiveLog is an SmtpReceive log in the making.
type receiveLog struct {
	strings.Builder
	sessions int
}

// session writes rows at the same time; each is event, data and context.
func (l *receiveLog) session(at time.Time, client string, rows ...string) {
	l.sessions++
	for i, row := range rows {
		fmt.Fprintf(l, "%s,EX01\\Client,08DE18E46C2D%04X,%d,10.0.0.30:587,%s:50000,%s\n", at.Format("2006-01-02T15:04:05.000Z"), l.sessions, i, client, row)
	}
}

func (l *receiveLog) failed(at time.Time, client, user string) {
	l.session(at, client, "+,,", "<,EHLO PC,", ">,250 hello,", "<,AUTH LOGIN,", "*,,Inbound AUTH LOGIN failed because of LogonDenied",
		"*,,User Name: "+user, ">,535 5.7.3 Authentication unsuccessful,", "-,,Remote")
}

// mails logs in and sends a message of so many bytes.
func (l *receiveLog) mails(at time.Time, client, user string, bytes int) {
	l.session(at, client, "+,,", "<,EHLO PC,", ">,250 hello,", "<,AUTH LOGIN,", "*,"+user+",authenticated", ">,235 2.7.0 Authentication successful,",
		fmt.Sprintf("<,MAIL FROM:<ann@corp.example> SIZE=%d,", bytes), ">,250 2.1.0 Sender OK,", "<,RCPT TO:<c@example.net>,", ">,250 2.1.5 Recipient OK,",
		fmt.Sprintf("<,BDAT %d LAST,", bytes), ">,250 2.6.0 <id> Queued mail for delivery,", "<,QUIT,", ">,221 2.0.0 bye,", "-,,Remote")
}

// guessedLog is an account that is guessed under three forms of its name, from two hosts,
// and then logs in with a fourth, from two more; and a host inside that guesses many.
func guessedLog() string {
	var log receiveLog
	log.WriteString("#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: SMTP Receive Protocol Log\n#Date: 2026-11-05T02:00:00.000Z\n" +
		"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\n")
	at := time.Date(2026, time.November, 5, 2, 0, 0, 0, time.UTC)
	for n := range 12 {
		log.failed(at.Add(time.Duration(n)*time.Minute), fmt.Sprintf("198.51.100.%d", 7+n%2), [...]string{"ann", "ann@corp.example", `CORP\Ann`}[n%3])
		log.failed(at.Add(time.Duration(n)*time.Minute), "10.1.4.8", fmt.Sprintf("p%d", n))
	}
	log.failed(at.Add(12*time.Minute), "10.1.4.8", `corp\`) // A name that is none.
	log.failed(at.Add(12*time.Minute), "10.1.4.8", "@corp.example")
	at = at.Add(20 * time.Minute)
	log.mails(at, "10.1.4.8", "ben", 3000)
	log.mails(at, "10.1.4.7", `HQ\ann`, 3000)
	for n := range 12 { // The failures go out of the window, and the login is still in it.
		log.mails(at.Add(time.Duration(n)*3*time.Minute), "10.1.4.7", "ben", 1000)
		log.mails(at.Add(time.Duration(n)*3*time.Minute), "10.1.4.9", `HQ\ann`, 6000-400*n)
	}
	return log.String()
}

// Failed logins under any form of an account's name, logins after them, hosts and the
// largest message are counted again from the stored rows.
func TestLoginsAreRecounted(t *testing.T) {
	dir := t.TempDir()
	logs, rules, db, config := filepath.Join(dir, "RECV2026110502-1.LOG"), filepath.Join(dir, "rules"), filepath.Join(dir, "logins.db"), filepath.Join(dir, "relaywatch.yaml")
	if err := os.Mkdir(rules, 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{logs: guessedLog(), config: fmt.Sprintf("store: {path: '%s'}\nrules: {path: '%s'}\nnetwork: {own_domains: [corp.example]}\n", db, rules)}
	for name, text := range loginRules {
		files[filepath.Join(rules, name+".yaml")] = fmt.Sprintf("rule: %s\nabout: A test.\nsubmitters: [ip, user]\nweight: 40\nlevel: alert\ntechniques: [T1110]\nremedy: Look.\n", name) + text
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, 0, "--config", config, "rules", "test")
	mustRun(t, 0, "--config", config, "ingest", logs)
	var report checkReport
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--config", config, "explain", "--check", "--format", "json")), &report); err != nil {
		t.Fatal(err)
	}
	found := mustRun(t, 0, "--config", config, "query", "--format", "csv", "SELECT sentence FROM v_findings ORDER BY 1")
	want := `sentence
"10.1.4.8 logged in 1 times after many failures, 14 of them in half an hour."
"10.1.4.8 was guessed 14 times, as 14 accounts from 1 hosts."
"ann was guessed 12 times, as 1 accounts from 2 hosts."
"hq\ann logged in 6 times after many failures, 9 of them in half an hour."
"hq\ann sent up to 6,000 from 2 hosts."
"hq\ann was guessed 12 times, as 1 accounts from 2 hosts."
`
	if len(report.Differences)+len(report.Unchecked) > 0 || found != want {
		t.Errorf("got %+v of\n%s\nwant no difference, all checked, of\n%s", report, found, want)
	}
	told := map[string]bool{}
	for _, d := range differencesOfChanged(t, config, db) {
		if m := regexp.MustCompile(`Z: (\w+): the finding has `).FindStringSubmatch(d); m != nil {
			told[m[1]] = true
		}
	}
	for _, signal := range append(ofLogins, "hosts", "largest_message") {
		if !told[signal] {
			t.Errorf("signal %s: it was changed in every finding, and no difference is told", signal)
		}
	}
}
