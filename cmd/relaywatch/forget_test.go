package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// inFiles tells whether bytes stand in the store's files, in any case of letters.
func inFiles(t *testing.T, db string, what []byte) bool {
	t.Helper()
	data, lower := filesOf(t, db)
	return bytes.Contains(data, what) || bytes.Contains(lower, what)
}

// filesOf are the bytes of a store's files, and the same in lower case.
func filesOf(t *testing.T, db string) (data, lower []byte) {
	t.Helper()
	files, err := filepath.Glob(db + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v; want the files of the store", files, err)
	}
	for _, path := range files {
		data = append(data, read(t, path)...)
	}
	return data, bytes.ToLower(data)
}

// memorised is an address as detection remembers it in a store.
func memorised(t *testing.T, db, path string) []byte {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key, err := s.HashKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return (&detect.Site{Key: key}).Remembered(mail.Path(path))
}

// sampleStore reads the shipped samples into a new store, and returns it with the
// arguments that name it. Other logs are read with them.
func sampleStore(t *testing.T, logs ...string) (db string, args []string) {
	t.Helper()
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	db = filepath.Join(t.TempDir(), "samples.db")
	args = []string{"--config", filepath.Join(samples, "relaywatch.yaml"), "--db", db}
	logs = append(logs, filepath.Join(samples, "iis"), filepath.Join(samples, "exchange"))
	mustRun(t, 0, append(append(append([]string{}, args...), "ingest"), logs...)...)
	return db, args
}

// What is forgotten is gone from the file, to the last byte and to the hash that
// detection remembers; what was found, and its evidence, stands.
func TestForget(t *testing.T) {
	const who = "emarsh991@family.example" // A recipient of the spammer whom a remote server refused, by name.
	log := filepath.Join(t.TempDir(), "ex261105.log")
	rows := "#Software: Microsoft Internet Information Services 8.5\r\n" +
		"#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status cs-bytes\r\n" +
		"2026-11-05 09:00:00 10.1.4.9 WS-09 MAIL01 EHLO +WS-09 250 10\r\n" +
		"no row of EMarsh991@Family.example\r\n"
	if err := os.WriteFile(log, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	db, args := sampleStore(t, log)
	do := func(code int, more ...string) string {
		t.Helper()
		return mustRun(t, code, append(append([]string{}, args...), more...)...)
	}
	do(0, "triage", `user:corp\d.mercer`, "confirmed", "--note", "asked by "+who)
	if !inFiles(t, db, []byte("emarsh991")) || !inFiles(t, db, memorised(t, db, who)) {
		t.Fatal("got no trace of the address; want it in the store before it is forgotten")
	}
	states := []string{"suspects", "query", "SELECT rule, submitter, flagged_at, window_end, weight, sentence, evidence FROM v_findings ORDER BY id"}
	before := do(0, states[0], "--format", "json") + do(0, states[1], states[2], "--format", "json")
	counts := []string{"query", "SELECT count(*), count(DISTINCT recipient), sum(external), sum(accepted), count(DISTINCT domain) FROM v_recipients"}
	counted := do(0, counts...)

	out := do(0, "forget", "<EMarsh991@family.example>", "--yes")
	for _, want := range []string{who + " is in the store as 2 recipients, in 1 delivery to it, and in 3 texts that quote it", who + " is forgotten"} {
		if !strings.Contains(out, want) {
			t.Errorf("got %q; want %q", out, want)
		}
	}
	if inFiles(t, db, []byte("emarsh991")) {
		t.Error("got the address in the store's files; want no byte of it")
	}
	if inFiles(t, db, memorised(t, db, who)) {
		t.Error("got the hash of the address in the store's files; want none")
	}
	if diff := cmp.Diff(before, do(0, states[0], "--format", "json")+do(0, states[1], states[2], "--format", "json")); diff != "" {
		t.Errorf("want the findings as before -, got +\n%s", diff)
	}
	if got := do(0, counts...); got != counted {
		t.Errorf("got %s; want the counts as before: %s", got, counted)
	}
	do(0, "explain", "--check")
	if got := do(0, "query", "SELECT count(*) AS n FROM v_deliveries WHERE recipient LIKE 'forgotten-%@family.example' AND text LIKE '%<forgotten-%@family.example>%'", "--format", "csv"); got != "n\n1\n" {
		t.Errorf("got %q; want the answer of the remote server to name it so, too", got)
	}
	if again := do(0, "ingest", "../../samples/iis", "../../samples/exchange", log); !strings.Contains(again, "0 recipients") || inFiles(t, db, []byte("emarsh991")) {
		t.Errorf("got %q; want nothing read again", again)
	}
	if out := do(0, "forget", who); !strings.Contains(out, "there is nothing to forget") {
		t.Errorf("got %q; want it to say that there is nothing", out)
	}
}

// An address is forgotten as a recipient and as a sender, of ours and from outside. It is
// asked for, and neither an agent nor a run of ingest may be at work.
func TestForgetSenders(t *testing.T) {
	db, args := sampleStore(t)
	query := func(sql string) (n int) {
		t.Helper()
		var rows []struct{ N int }
		if err := json.Unmarshal([]byte(mustRun(t, 0, append(args, "query", sql, "--format", "json")...)), &rows); err != nil || len(rows) != 1 {
			t.Fatalf("got %v, %v", rows, err)
		}
		return rows[0].N
	}
	const ours = "ann.adler@corp.example"
	sent := query("SELECT count(*) AS n FROM v_transactions WHERE reverse_path = '" + ours + "'")
	got := query("SELECT count(*) AS n FROM v_recipients WHERE recipient = '" + ours + "'")
	if sent == 0 || got == 0 {
		t.Fatalf("got %d sent and %d received; want some of both", sent, got)
	}
	found := func() string {
		return mustRun(t, 0, append(args, "suspects", "--format", "json")...) + mustRun(t, 0, append(args, "query", "SELECT * FROM v_findings ORDER BY id", "--format", "json")...)
	}
	before, memory := found(), memorised(t, db, ours)
	var out, errOut bytes.Buffer
	ask := func(answer string) int {
		out.Reset()
		errOut.Reset()
		return (&program{out: &out, err: &errOut, in: strings.NewReader(answer)}).run(t.Context(), append(args, "forget", ours))
	}
	if code := ask("no\n"); code != exitFailed || !strings.Contains(errOut.String(), "nothing is changed") {
		t.Errorf("got %d, %s; want it left alone", code, errOut.String())
	}
	for lock, want := range map[fileLock]string{lockOf(db, agentLock): "an agent writes to", lockOf(db, readingLock): "relaywatch ingest reads logs into"} {
		if held, err := lock.TryRLock(); err != nil || !held {
			t.Fatal(held, err)
		}
		if code := ask("yes\n"); code != exitFailed || !strings.Contains(errOut.String(), want) {
			t.Errorf("got %d, %s; want it to say: %s", code, errOut.String(), want)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	if code := ask("yes\n"); code != exitDone || !strings.Contains(out.String(), "as the sender of") {
		t.Errorf("got %d, %s%s; want it done", code, out.String(), errOut.String())
	}
	if n := query("SELECT count(*) AS n FROM v_transactions WHERE reverse_path LIKE 'forgotten-%@corp.example'"); n != sent {
		t.Errorf("got %d transactions of nobody; want the %d of the sender", n, sent)
	}
	if n := query("SELECT count(*) AS n FROM v_recipients WHERE recipient LIKE 'forgotten-%@corp.example'"); n != got {
		t.Errorf("got %d recipients without a name; want %d", n, got)
	}
	if inFiles(t, db, []byte("ann.adler@")) || inFiles(t, db, memory) {
		t.Error("got the sender in the store's files; want no byte of it")
	}
	if diff := cmp.Diff(before, found()); diff != "" {
		t.Errorf("want the findings as before -, got +\n%s", diff)
	}
	mustRun(t, 0, append(args, "explain", "--check")...)
	outside := strings.Split(mustRun(t, 0, append(args, "query", "SELECT reverse_path FROM v_transactions WHERE direction = 'in' AND reverse_path LIKE '%@%' AND sender_domain <> 'corp.example' LIMIT 1", "--format", "csv")...), "\n")[1]
	mustRun(t, 0, append(args, "forget", outside, "--yes")...)
	local, _, _ := strings.Cut(outside, "@")
	if inFiles(t, db, []byte(local+"@")) || query("SELECT count(*) AS n FROM v_transactions WHERE reverse_path = '"+outside+"'") != 0 {
		t.Errorf("got %s as a sender; want it forgotten", outside)
	}
}

// An account that is accused is forgotten, and is accused as before under another name:
// same rules, times, numbers and proof, with what was decided of it.
func TestForgetAccused(t *testing.T) {
	const who = `corp\d.mercer`
	db, args := sampleStore(t)
	do := func(more ...string) string { return mustRun(t, 0, append(append([]string{}, args...), more...)...) }
	do("triage", "user:"+who, "confirmed", "--note", "taken over: "+who)
	do("allow", "add", "user:"+who, "--rule", "loop", "--reason", "tries", "--until", "never")
	found := func() string {
		return do("suspects", "--format", "json") +
			do("query", "SELECT rule, submitter, flagged_at, window_end, weight, sentence, evidence FROM v_findings ORDER BY flagged_at, rule, submitter", "--format", "json") +
			do("query", "SELECT submitter, state, note FROM v_triage") + do("query", "SELECT submitter FROM v_allow")
	}
	before := found()
	if !strings.Contains(before, `corp\\d.mercer`) {
		t.Fatal("got nobody accused; want the account")
	}
	if out := do("forget", `CORP\D.Mercer`, "--yes"); !strings.Contains(out, "it is under suspicion") {
		t.Errorf("got %q; want it to say that it is accused", out)
	}
	after := found()
	alias := regexp.MustCompile(`forgotten-[0-9a-f]{16}`).FindString(after)
	want := strings.NewReplacer(`corp\\d.mercer`, alias, `corp\d.mercer`, alias).Replace(before)
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(after)); diff != "" {
		t.Errorf("want the findings as before -, got +\n%s", diff)
	}
	if inFiles(t, db, []byte(who)) || inFiles(t, db, []byte(`corp\\d.mercer`)) {
		t.Error("got the account in the store's files; want no byte of it")
	}
	do("explain", "--check")
	if out := do("explain", "user:"+alias); !strings.Contains(out, "LOG ROWS") {
		t.Errorf("got %q; want its proof", out)
	}
}

// A run of ingest that starts while an address is forgotten waits until that is done.
func TestIngestWaitsForForget(t *testing.T) {
	db, args := sampleStore(t)
	lock := lockOf(db, readingLock)
	if held, err := lock.TryLock(); err != nil || !held {
		t.Fatal(held, err)
	}
	errOut := &said{}
	done := make(chan int)
	go func() {
		p := &program{out: io.Discard, err: errOut}
		done <- p.run(t.Context(), append(args, "--log-level", "info", "ingest", "../../samples/iis"))
	}()
	for !strings.Contains(errOut.String(), "waiting until it is done") {
		select {
		case code := <-done:
			t.Fatalf("got %d, %s; want it to wait", code, errOut)
		default:
			runtime.Gosched()
		}
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != exitDone {
		t.Errorf("got %d, %s; want it to go on", code, errOut)
	}
}

// writeSession writes a log of Exchange with one session of 10.3.0.9, of which rows are
// event, data and context.
func writeSession(t *testing.T, log string, rows ...string) {
	t.Helper()
	text := "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Receive Protocol Log\r\n#Date: 2026-11-06T17:58:00.000Z\r\n" +
		"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
	for _, row := range rows {
		text += "2026-11-06T17:58:01.000Z,EX01\\Client,08DE18E46C2DFFFF,0,10.0.0.30:587,10.3.0.9:59075," + row + "\r\n"
	}
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// In a session that is still open an address is told from what only looks like it, and
// the session goes on.
func TestForgetOpenSession(t *testing.T) {
	var rows []string
	log := filepath.Join(t.TempDir(), "RECV.LOG")
	add := func(more ...string) {
		rows = append(rows, more...)
		writeSession(t, log, rows...)
	}
	add("+,,", "<,EHLO key,", ">,250 ok,", "<,MAIL FROM:<ann.adler@corp.example>,", ">,250 ok,",
		"<,RCPT TO:<r&d@example.net>,", "<,RCPT TO:<x.r&d@example.net>,", "<,RCPT TO:<key>,", "<,RCPT TO:<ann.adler@corp.example>,")
	_, args := sampleStore(t, log)
	for _, who := range []string{"r&d@example.net", "key", "ann.adler@corp.example"} {
		if out := mustRun(t, 0, append(args, "forget", who, "--yes")...); !strings.Contains(out, "is forgotten") {
			t.Errorf("got %q; want %s forgotten", out, who)
		}
	}
	add(">,250 ok,", ">,250 ok,", ">,250 ok,", ">,250 ok,", "<,DATA,", ">,354 go on,", ">,250 ok,", "<,QUIT,", ">,221 bye,", "-,,Remote")
	mustRun(t, 0, append(args, "ingest", log)...)
	got := mustRun(t, 0, append(args, "query", "SELECT t.helo, t.reverse_path, replace(substr(r.recipient, 1, 11), 'forgotten-', '~') || '…' || r.domain AS recipient"+
		" FROM v_recipients r JOIN v_transactions t ON t.id = r.transaction_id WHERE r.client_ip = '10.3.0.9' AND t.helo = 'key'", "--format", "csv")...)
	lines := strings.Split(strings.TrimSpace(got), "\n")[1:]
	for i, line := range lines {
		line = regexp.MustCompile(`^key,forgotten-[0-9a-f]{16}@`).ReplaceAllString(line, "key,~@")
		lines[i] = regexp.MustCompile(`~[0-9a-f]`).ReplaceAllString(line, "~")
	}
	want := []string{
		"key,~@corp.example,~…example.net", "key,~@corp.example,x.r&d@examp…example.net",
		"key,~@corp.example,~…", "key,~@corp.example,~…corp.example",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("want the recipients -, got +\n%s", diff)
	}
}

// A kill right after the address is renamed, before all is judged anew, leaves a store
// that reads as before and that the next run judges.
func TestForgetKilled(t *testing.T) {
	db, args := sampleStore(t)
	suspects := mustRun(t, 0, append(args, "suspects", "--format", "json")...)
	d, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Forget(t.Context(), "emarsh991@family.example"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, append(args, "status")...)
	for _, when := range []string{"before", "after"} {
		if got := mustRun(t, 0, append(args, "suspects", "--format", "json")...); got != suspects {
			t.Errorf("%s the next run: got %s; want %s", when, got, suspects)
		}
		mustRun(t, 0, append(args, "ingest", "../../samples/iis")...)
	}
	mustRun(t, 0, append(args, "explain", "--check")...)
}

// A lock leaves no file, and is one lock for all who come
// and go: whoever waited on a file that was removed takes the next.
func TestFileLock(t *testing.T) {
	store := filepath.Join(t.TempDir(), "a.db")
	first, second, waited := lockOf(store, readingLock), lockOf(store, readingLock), lockOf(store, readingLock)
	take := func(l fileLock, try func() (bool, error), want bool) {
		t.Helper()
		if held, err := l.take(try); err != nil || held != want {
			t.Fatalf("got held: %v, %v; want %v", held, err, want)
		}
	}
	take(first, first.TryRLock, true)
	take(second, second.TryRLock, true)
	take(waited, waited.TryLock, false)
	first.release()
	take(waited, waited.TryLock, false) // The second has it still, and the same.
	second.release()
	take(waited, waited.TryLock, true)
	take(second, second.TryRLock, false)
	waited.release()
	if left, err := filepath.Glob(store + "*"); err != nil || len(left) > 0 {
		t.Errorf("left beside the store: got %q, %v; want nothing", left, err)
	}
}
