package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3"

	"relaywatch/ingest"
	"relaywatch/store"
)

// spoil changes a store behind relaywatch's back.
func spoil(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: changed %d rows, %v; want some", statement, n, err)
	}
}

// spoilings are ways in which the state of the engine can't be read, each with what
// is said of it.
var spoilings = []struct{ name, statement, said string }{
	{"cases cut off", `UPDATE checkpoint SET cases = CAST(substr(cases, 1, length(cases) - 1) AS BLOB)`, "they are damaged"},
	{"garbage for cases", `UPDATE checkpoint SET cases = CAST(substr(cases, 1, 9) || randomblob(100) AS BLOB)`, "they are damaged"},
	{"cases of another version", `UPDATE checkpoint SET cases = CAST(x'ff' || substr(cases, 2) AS BLOB)`, "another version of relaywatch"},
	{"cases of other rules", `UPDATE checkpoint SET cases = CAST(substr(cases, 1, 1) || x'0102030405060708' || substr(cases, 10) AS BLOB)`, "of other rules"},
	{"a memory cut off", `UPDATE memory SET stretches = CAST(substr(stretches, 1, length(stretches) - 1) AS BLOB) WHERE id = (SELECT max(id) FROM memory)`, "the stored memory of"},
	{"half a recipient in a memory", `UPDATE memory SET stretches = CAST(stretches || x'03414243' AS BLOB) WHERE id = (SELECT min(id) FROM memory)`, "no whole number of recipients"},
}

// A state of the engine that can't be read costs judging all that is stored again:
// it is said once, stops nothing, and loses nothing.
func TestSpoiltJudgement(t *testing.T) {
	log := benchLog(t, 20_000)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	part := cutAtRow(string(whole), len(whole)/2)
	quiet := filepath.Join(t.TempDir(), "quiet.db")
	mustRun(t, 0, "--db", quiet, "ingest", log)
	want := viewsOf(t, quiet)
	for _, s := range spoilings {
		t.Run(s.name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "spoilt.db")
			ingest := func() (said string) {
				var out, errOut bytes.Buffer
				p := &program{out: &out, err: &errOut, batchRows: 500}
				if code := p.run(t.Context(), []string{"--db", db, "ingest", log}); code != exitDone {
					t.Fatalf("got exit code %d (%s); want %d", code, errOut.String(), exitDone)
				}
				return errOut.String()
			}
			if err := os.WriteFile(log, whole[:part], 0o600); err != nil {
				t.Fatal(err)
			}
			ingest()
			// Once with rows to read, and once with none.
			for range 2 {
				spoil(t, db, s.statement)
				if err := os.WriteFile(log, whole, 0o600); err != nil {
					t.Fatal(err)
				}
				said := ingest()
				if strings.Count(said, "WRN") != 1 || !strings.Contains(said, s.said) || !strings.Contains(said, "judged anew; nothing is lost") {
					t.Errorf("said %q; want one warning, with %q", said, s.said)
				}
				if diff := cmp.Diff(want, viewsOf(t, db)); diff != "" {
					t.Errorf("the store differs (- in a quiet run, + after it was spoilt):\n%.4000s", diff)
				}
				if said := ingest(); said != "" {
					t.Errorf("the next run said %q; want nothing", said)
				}
			}
		})
	}
}

// The agent judges anew before it reads on.
func TestAgentSpoiltJudgement(t *testing.T) {
	for _, s := range spoilings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, 6000, "agent: {interval: 50ms}")
			whole := h.logs
			h.logs = whole[:2]
			h.writeAtOnce()
			mustRun(t, 0, "--config", h.config, "ingest")
			spoil(t, h.db, s.statement)
			h.logs = whole
			h.writeAtOnce()
			r := h.start()
			h.until(h.wholeRows(), r)
			r.stop()
			said := r.errOut.String()
			if strings.Count(said, "WRN") != 1 || !strings.Contains(said, s.said) || strings.Count(said, "healed") != 1 {
				t.Errorf("said %q; want one warning, with %q, and that it healed", said, s.said)
			}
			h.same(s.name)
		})
	}
}

// pipelineInto is a pipeline with the built-in rules into the store at path, which the
// caller closes.
func (c *Config) pipelineInto(t *testing.T, path string) (*store.DB, *pipeline) {
	t.Helper()
	site, err := c.judgingSite()
	if err != nil {
		t.Fatal(err)
	}
	ruleSet, err := rulesIn("")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := newPipeline(t.Context(), db, ruleSet, site)
	if err != nil {
		t.Fatal(err)
	}
	return db, line
}

// Late rows that are stored when a kill comes are judged by the next run.
func TestKilledBeforeJudgingAnew(t *testing.T) {
	h := newHost(t, 20_000, "")
	h.writeAtOnce()
	paths := []string{filepath.Join(h.dir, "ex0.log"), filepath.Join(h.dir, "ex1.log"), filepath.Join(h.dir, "ex2.log")}
	quiet := filepath.Join(t.TempDir(), "quiet.db")
	for _, db := range []string{quiet, h.db} {
		mustRun(t, 0, "--config", h.config, "--db", db, "ingest", paths[0], paths[2])
	}
	mustRun(t, 0, "--config", h.config, "--db", quiet, "ingest", paths[1])

	ctx := t.Context()
	config, err := loadConfig(h.config, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	db, line := config.pipelineInto(t, h.db)
	resume, err := db.Resume(ctx)
	if err != nil {
		t.Fatal(err)
	}
	reader := &ingest.Reader{Sources: []ingest.Source{{Path: paths[1]}}, Resume: resume}
	_, err = reader.Run(ctx, func(ctx context.Context, b *ingest.Batch) error {
		line.judge(b, true)
		return db.Write(ctx, b)
	})
	if err != nil || !line.anew {
		t.Fatalf("got %v, anew %v; want late rows", err, line.anew)
	}
	if err := db.Close(); err != nil { // Here the kill comes.
		t.Fatal(err)
	}
	mustRun(t, 0, "--config", h.config, "ingest", paths[1])
	if diff := cmp.Diff(viewsOf(t, quiet), viewsOf(t, h.db)); diff != "" {
		t.Errorf("the store differs (- in quiet runs, + killed before all was judged anew):\n%.4000s", diff)
	}
}

// A server whose clock was put back within a transaction: the next run replays its rows
// in another order than by time, and goes on nevertheless.
func TestRestartAfterAClockWasPutBack(t *testing.T) {
	var text strings.Builder
	text.WriteString("#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status\n")
	row := func(second int, host, method, arg string, reply int) {
		fmt.Fprintf(&text, "2026-11-05 12:%02d:%02d %s WS MAIL01 %s %s %d\n", second/60, second%60, host, method, arg, reply)
	}
	mails := func(from, to int) {
		for i := from; i < to; i++ {
			host := fmt.Sprintf("10.1.%d.%d", i/250, i%250)
			row(i/5, host, "MAIL", "+FROM:<ann@corp.example>", 250)
			row(i/5, host, "RCPT", fmt.Sprintf("+TO:<u%d@example.net>", i%70), 250)
			row(i/5, host, "QUIT", "-", 250)
		}
	}
	mails(0, judgeEach+200)
	mails(12_500, 12_600) // Else nothing is judged for good yet.
	// IIS tells no session: there the rows after such a moment are another transaction.
	putBack := "#Log-type: SMTP Receive Protocol Log\n" +
		"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\n"
	for i, at := range []string{"12:40:00 +", "12:40:00 < MAIL FROM:<bob@corp.example>", "12:40:00 > 250 2.1.0 Sender OK", "12:05:00 < RCPT TO:<late@example.net>", "12:05:00 > 250 2.1.5 Recipient OK", "12:06:00 -"} {
		data := strings.TrimPrefix(at[10:], " ")
		putBack += fmt.Sprintf("2026-11-05T%s.000Z,EX01\\Relay,08DE18E46C2D0414,%d,10.0.0.30:25,10.1.99.1:57741,%s,%s,\n", at[:8], i, at[9:10], data)
	}
	log, db := filepath.Join(t.TempDir(), "ex261105.log"), filepath.Join(t.TempDir(), "store.db")
	exchange := filepath.Join(t.TempDir(), "RECV20261105-1.LOG")
	for path, content := range map[string]string{log: text.String(), exchange: putBack} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, 0, "--db", db, "ingest", log, exchange)
	mails(17_000, 17_100)
	if err := os.WriteFile(log, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, line := defaultConfig(t).pipelineInto(t, db)
	if line.anew || line.engine.Late() {
		t.Errorf("got anew %v, late %v; want the engine to go on", line.anew, line.engine.Late())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, "--db", db, "ingest", log, exchange)
	quiet := filepath.Join(t.TempDir(), "quiet.db")
	mustRun(t, 0, "--db", quiet, "ingest", log, exchange)
	if diff := cmp.Diff(viewsOf(t, quiet), viewsOf(t, db)); diff != "" {
		t.Errorf("the store differs (- in one run, + in two):\n%.4000s", diff)
	}
}
