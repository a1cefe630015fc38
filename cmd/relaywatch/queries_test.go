package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plainly are sample queries as they would be written if every store were small: those
// in samples/queries get at the rows by an index, or count where it pays only.
var plainly = map[string]string{
	"top-fanout": `SELECT hour, sender, external_recipients, domains FROM (
		SELECT strftime('%Y-%m-%d %H:00', r.time) AS hour, coalesce(nullif(r.user, ''), r.client_ip) AS sender,
			count(DISTINCT r.recipient) AS external_recipients, count(DISTINCT r.domain) AS domains,
			row_number() OVER (PARTITION BY coalesce(nullif(r.user, ''), r.client_ip) ORDER BY count(*) DESC, min(r.time)) AS place
		FROM v_recipients r WHERE r.external = 1 AND r.accepted = 1 GROUP BY 1, 2)
		WHERE place = 1 ORDER BY external_recipients DESC, hour, sender LIMIT 20`,
	"first-contact": `SELECT domain, min(time) AS first, coalesce(nullif(user, ''), client_ip) AS sender, count(*) AS recipients_since
		FROM v_recipients WHERE external = 1 AND accepted = 1 GROUP BY domain ORDER BY first DESC, domain LIMIT 50`,
	"night-senders": `SELECT coalesce(nullif(user, ''), client_ip) AS sender, count(DISTINCT date(time)) AS nights,
		count(*) AS recipients, count(DISTINCT recipient) AS distinct_recipients, sum(external) AS external
		FROM v_recipients WHERE accepted = 1 AND (strftime('%H', time) >= '22' OR strftime('%H', time) < '06')
		GROUP BY sender ORDER BY distinct_recipients DESC LIMIT 20`,
	"login-failures": `SELECT f.user, f.client_ip, count(*) AS failures, min(f.time) AS first, max(f.time) AS last,
		(SELECT min(o.time) FROM v_auth o WHERE o.outcome = 'ok' AND o.user = f.user AND o.client_ip = f.client_ip AND o.time >= min(f.time)) AS then_ok
		FROM v_auth f WHERE f.outcome = 'failed' GROUP BY f.user, f.client_ip ORDER BY failures DESC LIMIT 20`,
	"refused-share": `SELECT client_ip, sum(recipients) AS recipients, sum(refused) AS refused, round(100.0 * sum(refused) / sum(recipients), 1) AS refused_percent
		FROM v_transactions WHERE direction = 'in' GROUP BY client_ip HAVING sum(recipients) >= 5 AND sum(refused) > 0
		ORDER BY refused_percent DESC, recipients DESC LIMIT 20`,
	"account-sources": `SELECT client_ip, helo, min(time) AS first, max(time) AS last, count(*) AS messages, sum(recipients) AS recipients,
		sum(external) AS external FROM v_transactions WHERE user = 'corp\d.mercer' AND direction = 'in' GROUP BY client_ip, helo ORDER BY first`,
	"suspect-transactions": `WITH worst AS (SELECT kind, value, first_flagged FROM v_suspects ORDER BY score DESC, first_flagged LIMIT 1)
		SELECT t.time, t.client_ip, t.helo, t.reverse_path, t.recipients, t.external, t.outcome, t.exact, t.log, t.log_offset
		FROM v_transactions t, worst w WHERE t.direction = 'in' AND t.time >= w.first_flagged
		AND (w.kind = 'ip' AND t.client_ip = w.value OR w.kind = 'user' AND t.user = w.value OR w.kind = 'sender' AND t.reverse_path = w.value)
		ORDER BY t.time LIMIT 100`,
	"unauthenticated-external": `SELECT client_ip, min(helo) AS a_helo, count(*) AS messages, sum(external) AS external_recipients,
		count(DISTINCT reverse_path) AS reverse_paths, max(time) AS last
		FROM v_transactions WHERE direction = 'in' AND authenticated = 0 AND external > 0 AND accepted > 0
		GROUP BY client_ip ORDER BY external_recipients DESC LIMIT 50`,
}

// TestQueriesPlainly: on the shipped logs the sample queries answer what they would
// if they were written plainly.
func TestQueriesPlainly(t *testing.T) {
	t.Chdir("../..")
	db := filepath.Join(t.TempDir(), "samples.db")
	mustRun(t, 0, "--config", "samples/relaywatch.yaml", "--db", db, "ingest")
	for name, sql := range plainly {
		got := mustRun(t, 0, "--db", db, "query", "--format", "csv", "@"+filepath.Join("samples", "queries", name+".sql"))
		want := mustRun(t, 0, "--db", db, "query", "--format", "csv", sql)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (- plainly, + as it is):\n%s", name, diff)
		}
	}
}

// BenchmarkQueries asks the sample queries and the commands that read. RELAYWATCH_STORE
// names a store that is there, as one of 10 million recipients; else one is made of as
// many rows of a log as BENCH_ROWS says.
func BenchmarkQueries(b *testing.B) {
	queries, err := filepath.Glob("../../samples/queries/*.sql")
	if err != nil || len(queries) != 10 {
		b.Fatalf("got %d queries, %v; want 10", len(queries), err)
	}
	db := benchStore(b)
	ask := func(name string, args ...string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p := &program{out: io.Discard, err: io.Discard}
				if code := p.run(b.Context(), append([]string{"--db", db}, args...)); code != exitDone {
					b.Fatalf("relaywatch %q: got exit code %d; want %d", args, code, exitDone)
				}
			}
		})
	}
	for _, path := range queries {
		ask(filepath.Base(path), "query", "@"+path)
	}
	ask("suspects", "suspects")
	ask("explain", "explain")
	ask("explain-json", "explain", "--format", "json")
	ask("senders", "senders")
	ask("status", "status")
	ask("schema", "schema")
}

func benchStore(b *testing.B) string {
	b.Helper()
	if path := os.Getenv("RELAYWATCH_STORE"); path != "" {
		b.Setenv("RELAYWATCH_STORE", "") // It is no key of the configuration.
		return path
	}
	rows := 100_000
	if text := os.Getenv("BENCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatalf("BENCH_ROWS: %v", err)
		}
	}
	log, db := benchLog(b, rows), filepath.Join(b.TempDir(), "bench.db")
	config, err := filepath.Abs("../../samples/relaywatch.yaml")
	if err != nil {
		b.Fatal(err)
	}
	mustRun(b, 0, "--config", config, "--db", db, "ingest", log)
	return db
}
