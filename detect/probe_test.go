package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/rules"
)

// A relay test of one form is proven by the row of the form and by that of the refusal
// before it; what a form is answered counts for no refusal.
func TestProofOfAProbe(t *testing.T) {
	all, err := detect.LoadRules(rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(code int) func(*mail.Transaction) {
		return func(t *mail.Transaction) { t.Recipients[0].Reply = code }
	}
	j := judged(t, all, corp(),
		sending{from: "10.1.4.7", at: noon, times: 1, to: "u@example.net", edit: refused(550)},
		sending{from: "10.1.4.7", at: noon + 60, times: 1, to: "ann@example.net@example.org", edit: refused(554)})
	if len(j.Findings) != 1 || j.Findings[0].Rule != "relay-probe" {
		t.Fatalf("got %+v; want one finding of relay-probe", j.Findings)
	}
	f := j.Findings[0]
	if diff := cmp.Diff([]mail.LogPos{{Log: 1, Offset: 10}, {Log: 2, Offset: 10}}, f.Evidence.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, m := range f.Evidence.Signals {
		if m.Signal == "refused_relay" && m.Value != 1 {
			t.Errorf("got refused_relay %g; want 1", m.Value)
		}
	}
}
