package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// TestDecisions decides about an episode that is then judged anew.
func TestDecisions(t *testing.T) {
	db := newStore(t)
	judge(t, db, detect.Judgement{Until: t0 + 7200, Episodes: []detect.Episode{episode(t0, t0+600)}})
	confirmed := Decision{ID: 1, Submitter: worm, FirstFlagged: t0, LastFlagged: t0 + 600, Score: 100, Recipients: 7, State: "confirmed", Note: "a'b\n=1", By: "corp\\ann", At: t0 + 1000, Covers: t0 + 1000}
	closed := Decision{ID: 2, Submitter: worm, FirstFlagged: t0, LastFlagged: t0 + 600, State: "closed", By: "bob", At: t0 + 2000, Covers: t0 + 2000}
	other := Decision{ID: 3, Submitter: mail.Submitter{Kind: mail.KindUser, Value: "ann"}, FirstFlagged: t0, LastFlagged: t0, State: "false-alarm", At: t0 + 3000}
	for _, d := range []Decision{confirmed, closed, other} {
		if err := db.Decide(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Decisions(t.Context(), mail.Submitter{})
	if diff := cmp.Diff([]Decision{confirmed, closed, other}, all); diff != "" || err != nil {
		t.Errorf("%v; want -, got +\n%s", err, diff)
	}
	if of, err := db.Decisions(t.Context(), worm); err != nil || len(of) != 2 {
		t.Errorf("got %v, %v; want the two of the submitter", of, err)
	}
	for _, tc := range []struct {
		name        string
		first, last mail.Time
		want        string
	}{
		{"as it was", t0, t0 + 600, "closed"},
		{"begins earlier", t0 - 300, t0 + 600, "closed"},
		{"begins later", t0 + 300, t0 + 600, "closed"},
		{"lasts longer, but not beyond the decision", t0, t0 + 2000, "closed"},
		{"went on after it was closed", t0, t0 + 2001, "open"},
		{"ended before", t0 - 300, t0 - 1, "open"},
		{"began after it had ended", t0 + 601, t0 + 700, "open"},
	} {
		judge(t, db, detect.Judgement{Reset: true, Until: t0 + 7200, Episodes: []detect.Episode{episode(tc.first, tc.last)}})
		got, err := db.Suspects(t.Context(), Filter{})
		if err != nil || len(got) != 1 || got[0].State != tc.want {
			t.Errorf("%s: got %+v, %v; want state %s", tc.name, got, err, tc.want)
			continue
		}
		// Who asks in Go is told the same.
		state := "open"
		if d := got[0].Decision(all); d != nil {
			state = d.State
		}
		if state != tc.want {
			t.Errorf("%s: Decision says %s; want %s", tc.name, state, tc.want)
		}
		if reopened := closed.Reopened(&got[0]); reopened != (tc.last == t0+2001) {
			t.Errorf("%s: got reopened %t", tc.name, reopened)
		}
	}
}

func TestDecideReadOnly(t *testing.T) {
	path := newStore(t).path
	db, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Decide(t.Context(), Decision{Submitter: worm, State: "open"}); err == nil {
		t.Error("got no error; want that the store is open for reading only")
	}
}
