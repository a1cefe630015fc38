package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

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
