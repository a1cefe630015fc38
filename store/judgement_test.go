package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
)

var worm = mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}

func finding(rule string, when mail.Time) detect.Finding {
	threshold := 200.0
	return detect.Finding{
		Rule: rule, Submitter: worm, WindowStart: when - 600, WindowEnd: when + 60, FlaggedAt: when,
		Level: detect.LevelAlert, Weight: 40, Sentence: "It sent to 200 addresses in an hour.",
		Evidence: detect.Evidence{
			Signals: []detect.Measure{{Signal: "recipients", Value: 200, Threshold: &threshold, Unit: "recipients"}},
			Rows:    []mail.LogPos{{Log: log2, Offset: 12}, {Log: log1, Offset: 34}},
		},
	}
}

func episode(first, last mail.Time) detect.Episode {
	return detect.Episode{
		Submitter: worm, Start: first - 600, FirstFlagged: first, LastFlagged: last, Score: 40, Severity: detect.High,
		Rules: []string{"recipient-fanout", "off-hours"}, Recipients: 200, External: 190, Transactions: 20, Summary: "ip:10.1.4.7 sent spam.",
	}
}

func judge(t *testing.T, db *DB, j detect.Judgement) {
	t.Helper()
	if err := db.WriteJudgement(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func TestJudgementRoundTrip(t *testing.T) {
	db := newStore(t)
	silenced := finding("off-hours", t0+5)
	silenced.Silenced = "newsletter host"
	judge(t, db, detect.Judgement{
		Until: t0 + 100, MemoryAt: t0 + 50, Cases: []byte("cases"),
		Findings: []detect.Finding{finding("recipient-fanout", t0), silenced},
		Episodes: []detect.Episode{episode(t0, t0+60)},
		Memory:   []detect.Memory{{Submitter: worm, Hashes: []byte{0, 255}}, {Submitter: worm, Hashes: []byte{7}}},
	})
	got, err := db.Findings(t.Context(), worm)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]detect.Finding{finding("recipient-fanout", t0), silenced}, got); diff != "" {
		t.Errorf("findings: want -, got +\n%s", diff)
	}
	suspects, err := db.Suspects(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	e := episode(t0, t0+60)
	want := []Suspect{{
		Submitter: worm, FirstFlagged: t0, LastFlagged: t0 + 60, Start: t0 - 600, Score: 40, Severity: detect.High,
		Rules: e.Rules, Recipients: 200, Transactions: 20, State: "open", Summary: e.Summary,
	}}
	if diff := cmp.Diff(want, suspects); diff != "" {
		t.Errorf("suspects: want -, got +\n%s", diff)
	}
	for query, want := range map[string]string{
		`SELECT rule, submitter, window_start, window_end, flagged_at, weight FROM v_findings`:                "recipient-fanout | ip:10.1.4.7 | 2026-11-02T08:50:00Z | 2026-11-02T09:01:00Z | 2026-11-02T09:00:00Z | 40",
		`SELECT evidence ->> '$.signals[0].threshold', evidence ->> '$.rows[0].log' FROM v_findings`:          "200 | fffffffffffffff0",
		`SELECT rule, reason FROM v_silenced`:                                                                 "off-hours | newsletter host",
		`SELECT submitter, kind, value, first_flagged, rules, external_recipients, state FROM v_suspects`:     "ip:10.1.4.7 | ip | 10.1.4.7 | 2026-11-02T09:00:00Z | recipient-fanout,off-hours | - | open",
		`SELECT count(DISTINCT id) = 1 AND max(id) < 1 << 53 FROM v_findings`:                                 "1",
		`SELECT count(*) FROM v_findings f JOIN v_suspects s ON s.submitter = f.submitter WHERE s.score > 10`: "1",
	} {
		if got := strings.Join(rows(t, db, query), "\n"); got != want {
			t.Errorf("%s: got %q; want %q", query, got, want)
		}
	}
}

func TestSuspectJSON(t *testing.T) {
	external := 190
	s := Suspect{
		Submitter: worm, FirstFlagged: t0, LastFlagged: t0 + 60, Score: 40, Severity: detect.High, Rules: []string{"recipient-fanout"},
		Recipients: 200, External: &external, Transactions: 20, State: "open", Summary: "Spam.",
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"submitter":"ip:10.1.4.7","kind":"ip","value":"10.1.4.7","first_flagged":"2026-11-02T09:00:00Z","last_flagged":"2026-11-02T09:01:00Z",` +
		`"score":40,"severity":"high","rules":["recipient-fanout"],"recipients":200,"external_recipients":190,"transactions":20,"state":"open","summary":"Spam."}`
	if string(got) != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// TestProvisional gives a finding provisionally, new and changed, and then judges
// for good.
func TestProvisional(t *testing.T) {
	db := newStore(t)
	final := finding("recipient-fanout", t0)
	judge(t, db, detect.Judgement{By: "rules 1", Until: t0 + 100, Cases: []byte("a"), Findings: []detect.Finding{final}, Episodes: []detect.Episode{episode(t0, t0+60)}})

	changed, added := final, finding("off-hours", t0+200)
	changed.Sentence = "It sent to 300 addresses in an hour."
	judge(t, db, detect.Judgement{
		Until: t0 + 999, Cases: []byte("void"), Memory: []detect.Memory{{Submitter: worm, Hashes: []byte{1}}}, Provisional: true,
		Findings: []detect.Finding{changed, added}, Episodes: []detect.Episode{episode(t0, t0+260)},
	})
	if got := rows(t, db, `SELECT rule, sentence FROM v_findings ORDER BY flagged_at`); len(got) != 2 || got[0] != "recipient-fanout | "+changed.Sentence {
		t.Errorf("provisional findings: got %q; want the changed one and the new one", got)
	}
	if got := rows(t, db, `SELECT last_flagged FROM v_suspects`); len(got) != 1 || got[0] != (t0+260).String() {
		t.Errorf("provisional suspects: got %q; want %s", got, t0+260)
	}
	c, err := db.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(detect.Checkpoint{By: "rules 1", Until: t0 + 100, Cases: []byte("a")}, c); diff != "" {
		t.Errorf("checkpoint: want -, got +\n%s", diff)
	}

	judge(t, db, detect.Judgement{Until: t0 + 150, Cases: []byte("b")})
	if got := rows(t, db, `SELECT rule, sentence FROM v_findings`); len(got) != 1 || got[0] != "recipient-fanout | "+final.Sentence {
		t.Errorf("findings: got %q; want the final one as it was", got)
	}
	if got := rows(t, db, `SELECT last_flagged FROM v_suspects`); len(got) != 1 || got[0] != (t0+60).String() {
		t.Errorf("suspects: got %q; want %s", got, t0+60)
	}
}

// TestMemory appends more stretches than a row holds, some after the store was
// opened again.
func TestMemory(t *testing.T) {
	db := newStore(t)
	other := mail.Submitter{Kind: mail.KindUser, Value: "ann"}
	var want []byte
	for i := range 40 {
		if i == 20 {
			db.Close()
			db = open(t, db.path)
		}
		hashes := []byte(strings.Repeat(string(rune('\x00'+i)), 10*i))
		want = append(want, hashes...)
		judge(t, db, detect.Judgement{Until: t0 + mail.Time(i), MemoryAt: t0 + mail.Time(i), Memory: []detect.Memory{{Submitter: worm, Hashes: hashes}}})
	}
	judge(t, db, detect.Judgement{Until: t0 + 40, MemoryAt: t0 + 40, Memory: []detect.Memory{{Submitter: other, Hashes: []byte("x")}}})
	c, err := db.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last := len(c.Memory) - 1; last < 1 || !cmp.Equal(c.Memory[last], detect.Memory{Submitter: other, Hashes: []byte("x")}) {
		t.Fatalf("got %v; want the stretch of %s last", c.Memory, other)
	}
	var got []byte
	for _, m := range c.Memory[:len(c.Memory)-1] {
		if m.Submitter != worm {
			t.Errorf("got memory of %s; want that of %s", m.Submitter, worm)
		}
		got = append(got, m.Hashes...)
	}
	if c.Until != t0+40 || c.MemoryAt != t0+40 || !bytes.Equal(got, want) {
		t.Errorf("got memory up to %s, %s: %q; want up to %s: %q", c.Until, c.MemoryAt, got, t0+40, want)
	}
	if got := rows(t, db, `SELECT count(*) < 6 FROM memory`); got[0] != "1" {
		t.Errorf("rows of memory: got 6 or more; want stretches to share rows")
	}

	judge(t, db, detect.Judgement{Reset: true, By: "rules 2", Until: t0 + 1, Memory: []detect.Memory{{Submitter: other, Hashes: []byte("y")}}})
	if c, err = db.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(detect.Checkpoint{By: "rules 2", Until: t0 + 1, Memory: []detect.Memory{{Submitter: other, Hashes: []byte("y")}}}, c); diff != "" {
		t.Errorf("after Reset: want -, got +\n%s", diff)
	}
}

// Two turns of the memory are kept.
func TestMemoryTurns(t *testing.T) {
	db := newStore(t)
	var all []detect.Memory
	for turn := range uint32(4) {
		all = append(all, detect.Memory{Submitter: worm, Turn: turn, Hashes: []byte{byte(turn)}})
		judge(t, db, detect.Judgement{Until: t0 + mail.Time(turn), Turn: turn, TurnAt: t0, Memory: all[turn:]})
		c, err := db.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := detect.Checkpoint{Until: t0 + mail.Time(turn), Turn: turn, TurnAt: t0, Memory: all[max(1, turn)-1:]}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("turn %d: want -, got +\n%s", turn, diff)
		}
	}
}

// The key of hashes is the store's own, and stays.
func TestHashKey(t *testing.T) {
	keyOf := func(db *DB) [16]byte {
		key, err := db.HashKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	db := newStore(t)
	key := keyOf(db)
	if key == keyOf(newStore(t)) || key == [16]byte{} {
		t.Errorf("got %x for two stores; want two keys", key)
	}
	db.Close()
	if again := keyOf(open(t, db.path)); again != key {
		t.Errorf("opened again: got %x; want %x", again, key)
	}
}

// Rows that came too late for what was judged void the judgement, together with
// them.
func TestLateRowsVoidTheJudgement(t *testing.T) {
	login := func(when mail.Time) ingest.Batch { return ingest.Batch{Logins: []mail.Login{{Pos: at(1), At: when}}} }
	part := func(when mail.Time, begun mail.Time) ingest.Batch {
		tx := sent(at(1), when, "ann@corp.example", "bob@example.org")
		tx.At, tx.Continued = begun, true
		return ingest.Batch{Transactions: []mail.Transaction{tx}}
	}
	outbound := sent(at(1), t0, "ann@corp.example", "bob@example.org")
	outbound.Direction = mail.Out
	for _, c := range []struct {
		name  string
		batch ingest.Batch
		want  string
	}{
		{"later", ingest.Batch{Transactions: []mail.Transaction{sent(at(1), t0+101, "ann@corp.example", "bob@example.org")}}, "rules 1"},
		{"at the same time", ingest.Batch{Transactions: []mail.Transaction{sent(at(1), t0+100, "ann@corp.example", "bob@example.org")}}, ""},
		{"a login that is earlier", login(t0 + 99), ""},
		{"a login that is later", login(t0 + 101), "rules 1"},
		{"a later part of an earlier transaction", part(t0+101, t0+90), "rules 1"},
		{"an earlier part of one", part(t0+95, t0+90), ""},
		{"an earlier delivery", ingest.Batch{Deliveries: []mail.Delivery{{Pos: at(1), At: t0, RepliedAt: t0 + 9}}}, ""},
		{"nothing that is judged", ingest.Batch{Transactions: []mail.Transaction{outbound}}, "rules 1"},
	} {
		db := newStore(t)
		judge(t, db, detect.Judgement{By: "rules 1", Until: t0 + 100, MemoryAt: t0 + 100})
		c.batch.Logs = []ingest.Log{logAt(log1, 1000)}
		write(t, db, &c.batch)
		got, err := db.Checkpoint(t.Context())
		if err != nil || got.By != c.want {
			t.Errorf("%s: got judge %q, %v; want %q", c.name, got.By, err, c.want)
		}
	}
}

func TestSuspectStates(t *testing.T) {
	db := newStore(t)
	const closing = mail.Time(86400)
	judge(t, db, detect.Judgement{Until: t0 + closing + 60, Episodes: []detect.Episode{episode(t0-10*closing, t0-9*closing), episode(t0, t0+59), episode(t0+30, t0+60), episode(t0+90, t0+95)}})
	execute(t, db.path, `INSERT INTO triage (submitter_id, first_flagged, state, note, at) VALUES (1, 1793610090, 'confirmed', '', 1), (1, 1793610090, 'false-alarm', '', 2)`)
	for _, tc := range []struct {
		first mail.Time
		want  string
	}{
		{t0 - 10*closing, "closed"},
		{t0, "closed"},
		{t0 + 30, "open"}, // 24 hours are not over.
		{t0 + 90, "false-alarm"},
	} {
		got, err := db.Suspects(t.Context(), Filter{Since: tc.first, Until: tc.first + 1, State: tc.want, Submitter: worm})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].FirstFlagged != tc.first {
			t.Errorf("episode of %s in state %s: got %v; want it alone", tc.first, tc.want, got)
		}
	}
}

func TestSuspectsWorstFirst(t *testing.T) {
	db := newStore(t)
	var episodes []detect.Episode
	for i, e := range []struct {
		severity detect.Severity
		score    float64
	}{{detect.Low, 90}, {detect.Critical, 10}, {detect.High, 20}, {detect.High, 30}, {detect.Medium, 50}} {
		ep := episode(t0+mail.Time(i), t0+100)
		ep.Severity, ep.Score = e.severity, e.score
		episodes = append(episodes, ep)
	}
	judge(t, db, detect.Judgement{Until: t0 + 200, Episodes: episodes})
	suspects, err := db.Suspects(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range suspects {
		got = append(got, string(s.Severity))
	}
	if diff := cmp.Diff([]string{"critical", "high", "high", "medium", "low"}, got); diff != "" || suspects[1].Score != 30 {
		t.Errorf("want -, got + (second score %v; want 30)\n%s", suspects[1].Score, diff)
	}
}

// Rows older than what was judged for good make the checkpoint nobody's, until all is
// judged anew: a kill in between must not hide them from the engine.
func TestLateRowsForgetWhoJudged(t *testing.T) {
	db := newStore(t)
	judge(t, db, detect.Judgement{Until: t0 + 100, By: "rules"})
	by := func() string {
		t.Helper()
		c, err := db.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c.By
	}
	write(t, db, &ingest.Batch{Transactions: []mail.Transaction{sent(at(0), t0+101, "a@corp.example", "b@example.org")}, Logs: []ingest.Log{logAt(log1, 900)}})
	if got := by(); got != "rules" {
		t.Errorf("after a row in time: got %q; want rules", got)
	}
	write(t, db, &ingest.Batch{Logins: []mail.Login{{Pos: at(300), At: t0 + 100, ClientIP: "10.1.4.7", User: "ann"}}})
	if got := by(); got != "" {
		t.Errorf("after a late row: got %q; want nobody", got)
	}
	judge(t, db, detect.Judgement{Until: t0 + 100, By: "rules", Reset: true})
	if got := by(); got != "rules" {
		t.Errorf("judged anew: got %q; want rules", got)
	}
}

// What stands beside a provisional judgement leaves it as it is, until the next one.
func TestJudgementBeside(t *testing.T) {
	db := newStore(t)
	watched := []detect.Watched{{Submitter: worm, Rule: "external-list", At: t0, Until: t0 + 100}}
	judge(t, db, detect.Judgement{Provisional: true, Findings: []detect.Finding{finding("recipient-fanout", t0)}, Watched: watched})
	judge(t, db, detect.Judgement{Provisional: true, Beside: true, Findings: []detect.Finding{finding("off-hours", t0+5)}})
	rules := func() (names []string) {
		t.Helper()
		findings, err := db.Findings(t.Context(), worm)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			names = append(names, f.Rule)
		}
		return names
	}
	if diff := cmp.Diff([]string{"recipient-fanout", "off-hours"}, rules()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if on, err := db.Watched(t.Context(), worm); err != nil || len(on) != 1 {
		t.Errorf("got %d on watch, %v; want the one there was", len(on), err)
	}
	judge(t, db, detect.Judgement{Until: t0 + 100})
	if got := rules(); len(got) > 0 {
		t.Errorf("got %q after a judgement; want none", got)
	}
}
