package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

func TestProposals(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	finding := func(rule, signal, unit string, value float64) detect.Finding {
		return detect.Finding{Rule: rule, Evidence: detect.Evidence{Signals: []detect.Measure{{Signal: signal, Unit: unit, Value: value}}}}
	}
	for _, tc := range []struct {
		name     string
		who      mail.Submitter
		note     string
		findings []detect.Finding
		want     []string
	}{
		{
			"up to what it did and a quarter",
			mail.Submitter{Kind: "user", Value: `corp\ann`},
			"price list, sales",
			[]detect.Finding{
				finding("recipient-fanout", "distinct_recipients", "recipients", 204), finding("external-list", "distinct_recipients", "recipients", 412),
				finding("external-list", "external_share", "share", 1),
			},
			[]string{
				`relaywatch allow add 'user:corp\ann' --rule external-list --rule recipient-fanout --at-most distinct_recipients=520 --until 2027-05-23 --reason 'price list, sales'`,
				`relaywatch allow add 'user:corp\ann' --rule external-list --rule recipient-fanout --until 2027-05-23 --reason 'price list, sales'`,
			},
		},
		{
			"nothing that can be capped",
			mail.Submitter{Kind: "ip", Value: "2001:db8::1"},
			"test",
			[]detect.Finding{finding("login-attack", "failed_logins", "logins", 12)},
			[]string{`relaywatch allow add ip:2001:db8::1 --rule login-attack --until 2027-05-23 --reason test`},
		},
		{
			"a name that would do more",
			mail.Submitter{Kind: "user", Value: "x';reboot;'"},
			"it's\nfine",
			[]detect.Finding{finding("login-attack", "failed_logins", "logins", 12)},
			[]string{`relaywatch allow add SUBMITTER --rule login-attack --until 2027-05-23 --reason WHY`},
		},
		{
			"an option for a name",
			mail.Submitter{Kind: "sender", Value: "$(id)@corp.example"},
			"--by=root",
			[]detect.Finding{finding("login-attack", "failed_logins", "logins", 12)},
			[]string{`relaywatch allow add 'sender:$(id)@corp.example' --rule login-attack --until 2027-05-23 --reason '--by=root'`},
		},
		{"no finding is left", mail.Submitter{Kind: "user", Value: "ann"}, "x", nil, nil},
	} {
		var got []string
		for _, a := range proposals(store.Decision{Submitter: tc.who, Note: tc.note}, tc.findings, now) {
			got = append(got, a.command())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tc.name, diff)
		}
	}
}
