package words

import "testing"

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 logs", 1: "1 log", 999: "999 logs", 1000: "1,000 logs", -1000: "-1,000 logs", -999: "-999 logs", 1234567: "1,234,567 logs"} {
		if got := Plural(n, "log"); got != want {
			t.Errorf("%d: got %q; want %q", n, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"recipients", "external_share", "hours", "rules"}
	for word, want := range map[string]string{
		"recipents": "recipients", "Rules": "rules", "hour": "hours", "external": "external_share", "": "", "path": "", "zzz": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: got %q; want %q", word, got, want)
		}
	}
}
