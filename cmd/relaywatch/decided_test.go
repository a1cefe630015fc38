package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// Which decisions the engine is told of.
func TestVerdicts(t *testing.T) {
	const t0, day = mail.Time(1793610000), mail.Time(86400)
	ann, bob := mail.Submitter{Kind: "user", Value: "ann"}, mail.Submitter{Kind: "user", Value: "bob"}
	decision := func(who mail.Submitter, state string, first, last, covers mail.Time) store.Decision {
		return store.Decision{Submitter: who, State: state, FirstFlagged: first, LastFlagged: last, Covers: covers}
	}
	for _, tc := range []struct {
		name      string
		decisions []store.Decision
		want      []detect.Verdict
	}{
		{"none", nil, nil},
		{
			"said while it was going on",
			[]store.Decision{decision(ann, "false-alarm", t0, t0+600, t0+900)},
			[]detect.Verdict{{Submitter: ann, From: t0 - day, Until: t0 + 900}},
		},
		{
			"said of old logs",
			[]store.Decision{decision(ann, "false-alarm", t0, t0+600, t0+90*day)},
			[]detect.Verdict{{Submitter: ann, From: t0 - day, Until: t0 + 600 + day}},
		},
		{"taken back", []store.Decision{decision(ann, "false-alarm", t0, t0+600, t0+900), decision(ann, "confirmed", t0-60, t0+1200, t0+1200)}, nil},
		{
			"others confirmed",
			[]store.Decision{
				decision(ann, "confirmed", t0, t0+600, t0+900), decision(ann, "false-alarm", t0, t0+600, t0+900),
				decision(ann, "confirmed", t0+3*day, t0+3*day, t0+3*day), decision(bob, "closed", t0, t0+600, t0+900),
			},
			[]detect.Verdict{{Submitter: ann, From: t0 - day, Until: t0 + 900}},
		},
	} {
		if diff := cmp.Diff(tc.want, verdicts(tc.decisions)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tc.name, diff)
		}
	}
}
