package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// stumbling is a decoder with a mistake.
type stumbling struct {
	decoder
	decoded    int
	inDecode   int // The row, from 1, where decode panics; 0 for none.
	inSessions int // The row where apply panics.
}

func (d *stumbling) decode(line []byte, pos mail.LogPos) (bool, mail.Time, error) {
	row, at, err := d.decoder.decode(line, pos)
	if row {
		d.decoded++
	}
	if row && d.decoded == d.inDecode {
		panic("a mistake in decode")
	}
	return row, at, err
}

func (d *stumbling) apply() {
	if d.decoded == d.inSessions {
		panic("a mistake in apply")
	}
	d.decoder.apply()
}

// A panic costs one row, which is told and quarantined with its position; its log
// and the others go on.
func TestMistakeCostsOneRow(t *testing.T) {
	dir := t.TempDir()
	one, two := w3c("MAIL01", 8, 4, "10.0.0.1"), w3c("MAIL02", 8, 4, "10.0.0.2")
	bad := writeLog(t, dir, "a.log", one)
	good := writeLog(t, dir, "b.log", two)
	var told []string
	r := &Reader{Problem: func(path string, err error) { told = append(told, path+": "+err.Error()) }}
	must(t, r.start())
	for _, path := range []string{bad, good} {
		s, err := r.examine(Source{}, path)
		must(t, err)
		must(t, s.open(r.assembly))
		if path == bad {
			s.decoder = &stumbling{decoder: s.decoder, inDecode: 4, inSessions: 9}
		}
		if !r.advance(s) {
			t.Fatal("no row")
		}
		r.active = append(r.active, s)
	}
	k := newKept()
	must(t, r.merge(t.Context(), k.sink))

	rows := strings.SplitAfter(one[len(headerW3C):], "\r\n")
	at := func(row int) int64 { return int64(len(headerW3C) + len(strings.Join(rows[:row-1], ""))) }
	if want := rowsIn(one) + rowsIn(two); k.rows != want || len(k.rejects) != 2 {
		t.Fatalf("got %d rows, %d of them quarantined; want %d, 2", k.rows, len(k.rejects), want)
	}
	for i, row := range []int{4, 9} {
		if got := k.rejects[i]; got.Pos.Offset != at(row) || string(got.Text)+"\r\n" != rows[row-1] {
			t.Errorf("got quarantined %d %q; want %d %q", got.Pos.Offset, got.Text, at(row), rows[row-1])
		}
	}
	want := fmt.Sprintf("%s: relaywatch could not read the row at offset %d, which is a mistake of its own: please report it: a mistake in apply", bad, at(9))
	if len(told) != 2 || told[1] != want {
		t.Errorf("got %q; want both rows told, the second as %q", told, want)
	}
	var mistake *MistakeError
	if err := errors.Join(r.problems...); !errors.As(err, &mistake) || mistake.Offset != at(4) {
		t.Errorf("got %v; want the row at %d", err, at(4))
	}
}

// A follower that stumbles over every row of one log, here since the memory of its
// format's sessions is broken, goes on with the others, now and later.
func TestFollowMistake(t *testing.T) {
	dir := t.TempDir()
	good, more := cutRows(w3c("MAIL01", 8, 120, "10.0.0.1"), 40_000)
	fields := "#Log-type: SMTP Receive Protocol Log\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\n"
	bad := fields + strings.ReplaceAll(exchangeRows(`EX01\Default EX01`, "08DA000000000001", "10.0.0.5:25", "10.1.4.7:50100",
		strings.Repeat("< MAIL FROM:<ann@corp.example>\n", 30)), "2023-01-11T16", "2026-11-05T08")
	path := writeLog(t, dir, "ex.log", good)
	writeLog(t, dir, "recv.log", bad[:len(fields)+strings.IndexByte(bad[len(fields):], '\n')+1])
	w := followAnd(t, PollAuto, newKept(), func(f *Follower) { f.reader.assembly.exchange.servers = nil }, dir)
	w.until(rowsIn(good) + 1)
	writeLog(t, dir, "recv.log", bad)
	w.until(rowsIn(good) + 30)
	w.append(path, more)
	w.until(rowsIn(good+more) + 30)
	w.look()
	w.stop()

	want := newKept()
	want.mustRead(t, 0, path)
	for pos := range w.kept.transactions { // Of the bad log there may be what was read before.
		if pos.Log != want.resume.Logs[0].ID {
			delete(w.kept.transactions, pos)
		}
	}
	if diff := gocmp.Diff(want.list(), w.kept.list()); diff != "" || w.kept.rows != want.rows+30 {
		t.Errorf("got %d rows; want %d; transactions (-quiet +followed):\n%s", w.kept.rows, want.rows+30, diff)
	}
	at := int64(len(bad[:strings.LastIndexByte(bad[:len(bad)-1], '\n')+1]))
	if n := len(w.kept.rejects); n < 29 || w.kept.rejects[n-1].Pos.Offset != at || !strings.Contains(w.kept.rejects[n-1].Reason, "nil map") {
		t.Fatalf("got %d rows quarantined; want 29, the last at %d for a panic", n, at)
	}
	first := w.kept.rejects[0].Pos.Offset
	text := strings.Join(w.problems, "\n")
	if !strings.Contains(text, fmt.Sprintf("recv.log: relaywatch could not read the row at offset %d, which is a mistake of its own", first)) {
		t.Errorf("got told %q; want the row at %d", w.problems, first)
	}
	if n := strings.Count(text, "mistake"); n > maxMistakes || strings.Contains(text, "ex.log") {
		t.Errorf("got told of %d rows: %q; want %d at most, all of recv.log", n, w.problems, maxMistakes)
	}
}

// A server rolls its log at any time, also between two commands of the same second:
// the rows of the older log come first.
func TestRollWithinSecond(t *testing.T) {
	for hour := 8; hour < 20; hour++ { // Each gives other identities.
		whole := w3c("MAIL01", hour, 3, "10.0.0.1")
		cut := strings.LastIndex(whole[:strings.LastIndex(whole, "\n2026")], "\n") + 1
		dir := t.TempDir()
		writeLog(t, dir, "ex1.log", whole[:cut])
		writeLog(t, dir, "ex2.log", headerW3C+whole[cut:])
		k := newKept()
		k.mustRead(t, 0, dir)
		list := k.list()
		if len(list) != 3 || list[2].Outcome != mail.Accepted || list[2].SizeBytes != 2000 {
			t.Errorf("%d h: got %+v; want the last of 3 accepted with 2000 bytes", hour, list[len(list)-1])
		}
	}
}
