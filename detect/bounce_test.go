package detect_test

import (
	"testing"

	"relaywatch/detect"
	"relaywatch/mail"
)

// What comes back raises a sum that was a little short, when it comes; who was not
// suspicious stays unsuspected, however much comes.
func TestBouncesRaiseAnOpenCaseOnly(t *testing.T) {
	back := func(times int, to, from string) sending {
		return sending{from: from, at: noon + 1800, every: 60, times: times, to: to, edit: func(t *mail.Transaction) { t.ReversePath = "" }}
	}
	own := func(t *mail.Transaction) { t.ReversePath = "ann@corp.example" }
	for name, tc := range map[string]struct {
		strangers int
		back      sending
		want      bool
	}{
		"six strangers":                   {6, sending{}, false},
		"three reports, by a gateway":     {6, back(3, "ann@corp.example", "10.0.0.9"), true},
		"three reports, from outside":     {6, back(3, "ann@corp.example", "198.51.100.7"), true},
		"three to somebody else":          {6, back(3, "bob@corp.example", "198.51.100.7"), false},
		"three from inside":               {6, back(3, "ann@corp.example", "10.1.4.8"), false},
		"more than were mailed":           {5, back(400, "ann@corp.example", "198.51.100.7"), false},
		"of who is suspicious of nothing": {2, back(3, "ann@corp.example", "198.51.100.7"), false},
	} {
		t.Run(name, func(t *testing.T) {
			sent := monthOf("10.1.4.7")
			for i := range sent {
				sent[i].edit = own
			}
			sent = append(sent, sending{from: "10.1.4.7", at: noon, every: 20, times: tc.strangers, to: "u%d@example.net", edit: own}, tc.back)
			j := judged(t, shipped(t), corp(), sent...)
			var got *detect.Finding
			for i := range j.Findings {
				if f := &j.Findings[i]; f.Rule == "external-list" {
					got = f
				}
			}
			if (got != nil) != tc.want || len(j.Episodes) > 0 != tc.want {
				t.Fatalf("got %+v and %d episodes; want an accusation: %v", got, len(j.Episodes), tc.want)
			}
			if got == nil {
				return
			}
			if got.FlaggedAt != noon+1800+2*60 {
				t.Errorf("got accused at %s; want with the third report", got.FlaggedAt)
			}
			if wrong := ruleNamed(t, shipped(t), got.Rule).Audit(got); len(wrong) > 0 {
				t.Errorf("computed again: %v", wrong)
			}
		})
	}
}
