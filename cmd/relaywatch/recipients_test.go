package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// By their names detection finds what it finds by the addresses: the same findings, with
// the same evidence, to the last row. No address of a recipient is in the file, not in
// what remote servers said, in the quarantine, nor in a session that is still open.
func TestRecipientsByName(t *testing.T) {
	log := filepath.Join(t.TempDir(), "RECV.LOG")
	writeSession(t, log, "+,,", "<,EHLO pc,", ">,250 ok,", "<,MAIL FROM:<ann.adler@corp.example>,", ">,250 ok,", "<,RCPT TO:<waits.for.reply@example.net>,")
	whole := read(t, log) + "no row of not.understood@example.net\r\n"
	if err := os.WriteFile(log, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	full, args := sampleStore(t, log)
	const found = "SELECT rule, submitter, window_start, window_end, flagged_at, weight, sentence, evidence FROM v_findings ORDER BY id"
	query := func(args []string, sql string) string {
		return mustRun(t, 0, append(args, "query", sql, "--format", "json")...)
	}
	var recipients []struct{ Recipient string }
	sql := "SELECT DISTINCT recipient FROM v_recipients WHERE recipient LIKE '%@%'"
	if err := json.Unmarshal([]byte(query(args, sql)), &recipients); err != nil || len(recipients) < 1000 {
		t.Fatalf("got %d recipients, %v; want those of the samples", len(recipients), err)
	}
	senders := query(args, "SELECT DISTINCT reverse_path FROM v_transactions") // Those are kept.
	want := query(args, found) + query(args, "SELECT submitter, score, severity, recipients, external_recipients FROM v_suspects ORDER BY submitter, first_flagged")
	sessions := query(args, "SELECT count(*) AS n FROM v_quarantine")
	if !inFiles(t, full, []byte("not.understood")) || !inFiles(t, full, []byte("waits.for.reply")) {
		t.Fatal("got no trace of the open session and of the quarantine; want both")
	}

	t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", "hash")
	hashed, args := sampleStore(t, log)
	got := query(args, found) + query(args, "SELECT submitter, score, severity, recipients, external_recipients FROM v_suspects ORDER BY submitter, first_flagged")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want the findings of a store in full -, got +\n%s", diff)
	}
	if got := query(args, "SELECT count(*) AS n FROM v_quarantine"); got != sessions {
		t.Errorf("got %s; want %s", got, sessions)
	}
	mustRun(t, 0, append(args, "explain", "--check")...)
	data, err := os.ReadFile(hashed)
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, r := range append(recipients, struct{ Recipient string }{"waits.for.reply@"}, struct{ Recipient string }{"not.understood@"}) {
		local, _, _ := strings.Cut(r.Recipient, "@")
		if len(local) < 8 || strings.Contains(senders, local) {
			continue
		}
		looked++
		if strings.Contains(string(data), local) {
			t.Errorf("got %s in the store; want none of it", r.Recipient)
		}
	}
	if looked < 500 {
		t.Errorf("looked for %d recipients; want most of them", looked)
	}
	// Who knows the address can have it forgotten.
	if out := mustRun(t, 0, append(args, "forget", "emarsh991@family.example", "--yes")...); !strings.Contains(out, "is forgotten") {
		t.Errorf("got %q; want it forgotten by its name", out)
	}
	mail := mustRun(t, 0, append(args, "digest", "--date", "2026-11-06")...)
	if strings.Contains(mail, "RCPT") && !strings.Contains(mail, "TO:<~") {
		t.Errorf("got %q; want names in the rows that the mail quotes", mail)
	}
}

// A store has one setting, and says so whoever would write it by another.
func TestRecipientsSetting(t *testing.T) {
	t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", "domain")
	db, args := sampleStore(t)
	if out := mustRun(t, 0, append(args, "query", "SELECT count(DISTINCT recipient) - count(DISTINCT domain) AS n FROM v_recipients", "--format", "csv")...); out != "n\n0\n" {
		t.Errorf("got %q; want one recipient for each domain", out)
	}
	if out := mustRun(t, 0, append(args, "status")...); !strings.Contains(out, "privacy.recipients is domain") {
		t.Errorf("got %s; want it to say what is blind", out)
	}
	refused := func(says string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append(args, "ingest", "../../samples/iis"), &out, &errOut); code != exitFailed || !strings.Contains(errOut.String(), says) {
			t.Errorf("got %d, %q; want %q", code, errOut.String(), says)
		}
	}
	for _, other := range []string{"full", "hash"} {
		t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", other)
		refused("keeps of recipients: domain, and privacy.recipients is " + other)
	}
	mustRun(t, 0, append(args, "suspects")...) // Who only reads needs no key.
	if err := os.Remove(keyFile(db)); err != nil {
		t.Fatal(err)
	}
	refused("keeps recipients in full, or lost")
	if err := os.WriteFile(keyFile(db), []byte("hash\nabc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("is not as relaywatch wrote it")
}
