package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/samples/mailbox"
	"relaywatch/store"
)

// mailHost is a host with a store, a configuration and a mail server.
type mailHost struct {
	t      *testing.T
	server *mailbox.Server
	config string
	db     string
	now    time.Time
	said   bytes.Buffer // What the agent would log.

	mu   sync.Mutex // Guards fail.
	fail func(step string) error
}

// newMailHost has read the sample logs of 2026-11-03 to 2026-11-06. more is added to
// digest in the configuration.
func newMailHost(t *testing.T, more string) *mailHost {
	t.Helper()
	h := &mailHost{t: t, db: filepath.Join(t.TempDir(), "store.db"), config: filepath.Join(t.TempDir(), "relaywatch.yaml")}
	h.server = mailbox.New(t, mailbox.Options{TLS: true, User: "relaywatch", Password: "s3cret", Fail: h.answer})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	password := filepath.Join(t.TempDir(), "password")
	logs, err := filepath.Abs("../../samples/iis")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("store: {path: %q}\nlogs: [{path: %q}]\nnetwork: {own_domains: [corp.example], gateways: [10.0.0.25]}\nhours: {time_zone: Europe/London}\n"+
		"digest: {at: \"01:30\", from: relaywatch@corp.example, to: [oncall@corp.example, chief@corp.example], %s\n"+
		"  smtp: {host: %s, port: %d, tls: starttls, ca_file: %q, user: relaywatch, password_file: %q}}\n", h.db, logs, more, h.server.Host, h.server.Port, ca, password)
	for path, data := range map[string]string{h.config: text, ca: string(h.server.CA), password: "s3cret\r\n"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// answer is what the mail server asks before each step.
func (h *mailHost) answer(step string) error {
	h.mu.Lock()
	fail := h.fail
	h.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(step)
}

func (h *mailHost) setFail(f func(step string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = f
}

// step is what the agent does every few seconds.
func (h *mailHost) step(db *store.DB) error {
	h.t.Helper()
	config, err := loadConfig(h.config, func(string) string { return "" })
	if err != nil {
		h.t.Fatal(err)
	}
	return (&mailer{p: &program{config: config}, db: db, now: h.now, log: zerolog.New(&h.said).Level(zerolog.InfoLevel)}).step(h.t.Context())
}

func (h *mailHost) open() *store.DB {
	h.t.Helper()
	db, err := store.Open(h.t.Context(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = db.Close() }) // Reading it again would show what is missing.
	return db
}

// subjects are those of the mails that a reader sees.
func (h *mailHost) subjects() []string {
	var list []string
	for _, m := range h.server.Mails() {
		list = append(list, subjectOf(h.t, m.Data))
	}
	return list
}

func subjectOf(t *testing.T, data []byte) string {
	t.Helper()
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	unfolded := strings.ReplaceAll(string(head), "\r\n ", " ")
	_, subject, ok := strings.Cut(unfolded, "\r\nSubject: ")
	if !ok {
		t.Fatalf("no subject in %s", head)
	}
	subject, _, _ = strings.Cut(subject, "\r\n")
	return subject
}

// Exactly one mail a day, also where clocks change: 01:30 does not come on 29 March,
// and comes twice on 25 October.
func TestMailOnceADay(t *testing.T) {
	h := newMailHost(t, "")
	mustRun(t, 0, "--config", h.config, "ingest")
	db := h.open()
	want := []string{}
	for _, month := range []time.Time{time.Date(2026, 3, 25, 12, 0, 0, 0, time.UTC), time.Date(2026, 10, 22, 12, 0, 0, 0, time.UTC)} {
		for at := month; at.Before(month.AddDate(0, 0, 7)); at = at.Add(20 * time.Minute) {
			h.now = at
			if err := h.step(db); err != nil {
				t.Fatal(err)
			}
		}
		for d := range 7 {
			want = append(want, month.AddDate(0, 0, d+1).Format("Mon 2 Jan"))
		}
	}
	var got []string
	for _, s := range h.subjects() {
		date := s[strings.LastIndex(s, " - ")+3:]
		// Between March and October nobody was here: one late mail for all that.
		if !strings.Contains(date, "(late)") {
			got = append(got, date)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got mails of\n%q; want\n%q", got, want)
	}
	for id, n := range h.server.Takes() {
		if n != 1 {
			t.Errorf("%s was sent %d times; want once", id, n)
		}
	}
}

// A host that was off sends one mail for all that it missed, and says that it is late.
func TestMailMissed(t *testing.T) {
	h := newMailHost(t, "")
	mustRun(t, 0, "--config", h.config, "ingest")
	db := h.open()
	for _, at := range []string{"2026-11-03T12:00:00Z", "2026-11-04T01:30:00Z", "2026-11-07T09:00:00Z", "2026-11-07T09:00:05Z", "2026-11-08T01:30:00Z"} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		h.now = now
		if err := h.step(db); err != nil {
			t.Fatal(err)
		}
	}
	got := h.subjects()
	if len(got) != 3 || !strings.HasSuffix(got[0], " - Wed 4 Nov") || !strings.HasSuffix(got[1], " - Sat 7 Nov (late)") || !strings.HasSuffix(got[2], " - Sun 8 Nov") {
		t.Fatalf("got %q; want the 4th, the 7th late, and the 8th", got)
	}
	text := string(h.server.Mails()[1].Data)
	for _, want := range []string{"It covers 3 days", "This mail is late", "ip:10.1.4.7", "ip:203.0.113.66"} {
		if !strings.Contains(text, want) {
			t.Errorf("the late mail has no %q", want)
		}
	}
	if strings.Contains(string(h.server.Mails()[2].Data), "ip:10.1.4.7 - ") {
		t.Error("the mail after it tells of the same suspect again")
	}
}

// A clock that was wrong for a while costs no mail afterwards.
func TestMailClockWasWrong(t *testing.T) {
	h := newMailHost(t, "")
	mustRun(t, 0, "--config", h.config, "ingest")
	db := h.open()
	for _, at := range []string{"2026-11-04T12:00:00Z", "2099-01-01T12:00:00Z", "2026-11-05T01:30:00Z", "2026-11-05T01:30:05Z", "2026-11-06T01:30:00Z"} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		h.now = now
		if err := h.step(db); err != nil {
			t.Fatal(err)
		}
	}
	got := h.subjects()
	if len(got) != 3 || !strings.HasSuffix(got[1], " - Thu 5 Nov") || !strings.HasSuffix(got[2], " - Fri 6 Nov") {
		t.Errorf("got %q; want that of 2099, the 5th and the 6th", got)
	}
}

// What the server does not take is kept, tried again ever more slowly, with the same
// Message-ID and the same bytes, and said in status.
func TestMailRefused(t *testing.T) {
	h := newMailHost(t, "")
	mustRun(t, 0, "--config", h.config, "ingest")
	db := h.open()
	h.now = time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)
	if err := h.step(db); err != nil { // From here on.
		t.Fatal(err)
	}
	asked := 0
	h.setFail(func(step string) error {
		if step == "MAIL" {
			asked++
			return &smtp.SMTPError{Code: 451, Message: "busy"}
		}
		return nil
	})
	due := time.Date(2026, 11, 5, 1, 30, 0, 0, time.UTC)
	for h.now = due; h.now.Before(due.Add(4 * time.Hour)); h.now = h.now.Add(5 * time.Second) {
		if err := h.step(db); err == nil || !strings.Contains(err.Error(), "451") {
			t.Fatalf("got %v; want the server's answer", err)
		}
	}
	if asked != 9 { // At 0, 1, 3, 7, 15, 31, 63, 123 and 183 minutes.
		t.Errorf("got %d tries in four hours; want 9", asked)
	}
	out := mustRun(t, 0, "--config", h.config, "status")
	if !strings.Contains(out, "mail waits") || !strings.Contains(out, "9 tries") || !strings.Contains(out, "451") || strings.Contains(out, "s3cret") {
		t.Errorf("status does not say that a mail waits, and why:\n%s", out)
	}
	h.setFail(func(step string) error {
		if step == "RCPT chief@corp.example" {
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		}
		return nil
	})
	h.now = due.Add(5 * time.Hour)
	if err := h.step(db); err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("got %v; want that one recipient is refused", err)
	}
	h.setFail(nil)
	h.now = due.Add(7 * time.Hour)
	if err := h.step(db); err != nil {
		t.Error(err)
	}
	mails := h.server.Mails()
	if len(mails) != 1 || !slices.Equal(mails[0].To, []string{"oncall@corp.example", "chief@corp.example"}) {
		t.Errorf("got %d mails, to %v; want one, once to each", len(mails), mails[0].To)
	}
	out = mustRun(t, 0, "--config", h.config, "status")
	if !strings.Contains(out, "daily mail that of 2026-11-05 was taken 2026-11-05 08:30 UTC") || strings.Contains(out, "mail waits") {
		t.Errorf("status does not say that the mail was taken:\n%s", out)
	}
}

// A mail that nobody takes for three days is given up, and the next ones say so.
func TestMailGivenUp(t *testing.T) {
	h := newMailHost(t, "")
	mustRun(t, 0, "--config", h.config, "ingest")
	db := h.open()
	h.setFail(func(step string) error {
		if step == "RCPT chief@corp.example" {
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		}
		return nil
	})
	for h.now = time.Date(2026, 11, 4, 1, 30, 0, 0, time.UTC); h.now.Before(time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)); h.now = h.now.Add(time.Hour) {
		_ = h.step(db) // It fails for one recipient.
	}
	mails := h.server.Mails()
	if len(mails) != 4 {
		t.Fatalf("got %d mails; want one a day", len(mails))
	}
	if text := string(mails[3].Data); !strings.Contains(text, "The mail of 2026-11-05 was given up for") && !strings.Contains(text, "The mail of 2026-11-05 still waits") {
		t.Errorf("the mail of the 8th does not say that another did not arrive: %s", text)
	}
	first, err := db.Digest(t.Context(), store.DigestDaily, "2026-11-05")
	if err != nil || first.Done == 0 || !slices.Equal(first.Waiting, []string{"chief@corp.example"}) || first.Message != nil {
		t.Errorf("got %+v, %v; want it given up for one", first, err)
	}
}

// An episode that opens is mailed at once, five a day; once, also if it goes on.
func TestMailUrgent(t *testing.T) {
	h := newMailHost(t, "urgent: critical,")
	db := h.open()
	h.now = time.Date(2026, 11, 10, 10, 0, 0, 0, time.UTC)
	accuse := func(n int, severity detect.Severity, last time.Time) {
		t.Helper()
		at := mail.Of(time.Date(2026, 11, 10, 10, n, 0, 0, time.UTC))
		err := db.WriteJudgement(t.Context(), detect.Judgement{Until: mail.Of(last), Episodes: []detect.Episode{{
			Submitter: mail.Submitter{Kind: "ip", Value: fmt.Sprintf("10.1.4.%d", n)}, Start: at, FirstFlagged: at, LastFlagged: mail.Of(last),
			Score: 100, Severity: severity, Rules: []string{"recipient-fanout"}, Recipients: 50, Summary: "mailed 50.",
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	step := func() {
		t.Helper()
		if err := h.step(db); err != nil {
			t.Fatal(err)
		}
	}
	step()
	accuse(1, detect.High, h.now)
	step()
	if got := h.subjects(); len(got) != 0 {
		t.Fatalf("got %q; want none for an episode that is not critical", got)
	}
	for n := 1; n <= 7; n++ {
		h.now = h.now.Add(time.Minute)
		accuse(n, detect.Critical, h.now)
		step()
		accuse(n, detect.Critical, h.now.Add(30*time.Second)) // It goes on.
		step()
	}
	got := h.subjects()
	if len(got) != 5 || !strings.Contains(got[0], ": CRITICAL ip:10.1.4.1, 50 recipients reached - Tue 10 Nov 10:01") {
		t.Fatalf("got %q; want five urgent mails", got)
	}
	if !strings.Contains(string(h.server.Mails()[4].Data), "It is the last urgent mail of today") {
		t.Error("the fifth does not say that it is the last of the day")
	}
	h.now = time.Date(2026, 11, 11, 1, 30, 0, 0, time.UTC)
	step()
	got = h.subjects()
	// The day is new: what was held back comes at once, in one mail, as the daily mail
	// told of it, too.
	if len(got) != 6 || !strings.Contains(got[5], "7 suspects (7 critical), 350 recipients reached") {
		t.Errorf("got %q; want the daily mail with all seven, and no other", got[5:])
	}
	if said := h.said.String(); strings.Count(said, "taken the mail") != 6 || strings.Contains(said, "10.1.4.") {
		t.Errorf("got logged %s; want six mails, and nobody named", said)
	}
}

// Without an agent, digest --send sends each mail once; beside one, too.
func TestDigestSend(t *testing.T) {
	h := newMailHost(t, "attach_json: true,")
	mustRun(t, 0, "--config", h.config, "ingest")
	out := mustRun(t, 0, "--config", h.config, "digest", "--send", "--date", "2026-11-05")
	if !strings.Contains(out, "the server has taken the mail of 2026-11-05 for oncall@corp.example, chief@corp.example") {
		t.Errorf("got %q", out)
	}
	out = mustRun(t, 0, "--config", h.config, "digest", "--send", "--date", "2026-11-05")
	if !strings.Contains(out, "it is not sent again") {
		t.Errorf("got %q; want it sent once", out)
	}
	h.setFail(func(string) error { return &smtp.SMTPError{Code: 421, Message: "closing"} })
	var stdout, stderr bytes.Buffer
	args := []string{"--config", h.config, "digest", "--send", "--date", "2026-11-06"}
	if code := run(t.Context(), args, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "421") || !strings.Contains(stderr.String(), "is kept") {
		t.Errorf("got %d: %s; want that it is kept", code, stderr.String())
	}
	h.setFail(nil)
	mustRun(t, 0, args...)
	mails := h.server.Mails()
	if len(mails) != 2 || len(h.server.Takes()) != 2 || !bytes.Contains(mails[0].Data, []byte("relaywatch-2026-11-05.json")) {
		t.Errorf("got %d mails; want two, with JSON", len(mails))
	}
}

func TestDigestTest(t *testing.T) {
	h := newMailHost(t, "")
	out := mustRun(t, 0, "--config", h.config, "digest", "--test")
	for _, want := range []string{"* 127.0.0.1:", "(STARTTLS)", "> EHLO", "> STARTTLS", "< 250", "> MAIL FROM:<relaywatch@corp.example>", "> DATA", "* the server has taken the test"} {
		if !strings.Contains(out, want) {
			t.Errorf("got the dialogue without %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "s3cret") || strings.Contains(out, "AHJlbGF5") {
		t.Errorf("the password is in the dialogue:\n%s", out)
	}
	if got := slices.Collect(maps.Values(h.server.Takes())); !slices.Equal(got, []int{1}) {
		t.Errorf("got %v; want one mail", got)
	}
}

// A mail is written as a whole: who reads the former one while it is written reads it
// to its end. The store is never written over.
func TestDigestOutWhole(t *testing.T) {
	dir := t.TempDir()
	out, held := filepath.Join(dir, "day.txt"), filepath.Join(dir, "held.txt")
	if err := os.WriteFile(out, []byte("of yesterday"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(out, held); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, "store.json")
	mustRun(t, 0, "--db", db, "ingest", "../../samples/iis")
	mustRun(t, 0, "--db", db, "digest", "--date", "2026-11-05", "--out", out)
	if got := read(t, held); got != "of yesterday" {
		t.Errorf("got the former file changed to %q; want another one in its place", got)
	}
	if got := read(t, out); !strings.HasPrefix(got, "Subject: ") {
		t.Errorf("got %q; want the mail", got)
	}
	if info, err := os.Stat(out); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want a file that nobody else may read", info.Mode(), err)
	}
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"--db", db, "digest", "--date", "2026-11-05", "--out", db}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("got exit code %d, %s; want the store left alone", code, &stderr)
	}
	mustRun(t, 0, "--db", db, "suspects")
	missing := filepath.Join(dir, "none", "day.txt")
	if code := run(t.Context(), []string{"--db", db, "digest", "--date", "2026-11-05", "--out", missing}, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "there is no folder") {
		t.Errorf("got exit code %d, %s; want it to say that there is no folder", code, &stderr)
	}
}
