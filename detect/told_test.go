package detect

import (
	"slices"
	"testing"

	"relaywatch/mail"
)

func TestToldGrew(t *testing.T) {
	told := Told{Severity: High, Rules: []string{"external-list", "off-hours"}, Recipients: 40}
	for _, c := range []struct {
		severity   Severity
		rules      []string
		recipients int
		want       []string
	}{
		{High, []string{"external-list"}, 40, nil},
		{Medium, []string{"off-hours"}, 30, nil}, // It shrank: that is no news.
		{High, []string{"off-hours", "external-list"}, 89, nil},
		{High, nil, 90, []string{GrewRecipients}}, // Twice, and 50 more.
		{Critical, nil, 41, []string{GrewSeverity}},
		{High, []string{"external-list", "sameness"}, 41, []string{GrewRules}},
		{Critical, []string{"sameness"}, 400, []string{GrewSeverity, GrewRules, GrewRecipients}},
	} {
		if got := told.Grew(c.severity, c.rules, c.recipients); !slices.Equal(got, c.want) {
			t.Errorf("%s %v %d: got %v; want %v", c.severity, c.rules, c.recipients, got, c.want)
		}
	}
	few := Told{Severity: High, Recipients: 1}
	if got := few.Grew(High, nil, 50); got != nil {
		t.Errorf("got %v for 50 recipients after 1; want nothing before 51", got)
	}
	told.Tell(Medium, []string{"sameness"}, 20)
	want := Told{Severity: High, Rules: []string{"external-list", "off-hours", "sameness"}, Recipients: 40}
	if told.Severity != want.Severity || !slices.Equal(told.Rules, want.Rules) || told.Recipients != want.Recipients {
		t.Errorf("got %+v; want what was told before to stay told: %+v", told, want)
	}
}

func TestToldAbout(t *testing.T) {
	const day = mail.Time(86400)
	who := mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}
	told := Told{Submitter: who, FirstFlagged: 10 * day, LastFlagged: 11 * day}
	for _, c := range []struct {
		who         mail.Submitter
		first, last mail.Time
		want        bool
	}{
		{who, 10 * day, 11 * day, true},
		{who, 10*day - 30, 10*day - 20, true}, // A late row began it earlier.
		{who, 12*day - 1, 13 * day, true},
		{who, 12 * day, 13 * day, false}, // A day without an alert ended it.
		{who, 8 * day, 9 * day, false},
		{mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.8"}, 10 * day, 11 * day, false},
	} {
		if got := told.About(c.who, c.first, c.last); got != c.want {
			t.Errorf("%s from day %.3f to %.3f: got %v; want %v", c.who, float64(c.first)/86400, float64(c.last)/86400, got, c.want)
		}
	}
	if told.Settled(11*day + 599) {
		t.Error("it is settled within the grace")
	}
	if !told.Settled(11*day + 600) {
		t.Error("it is not settled after the grace")
	}
}
