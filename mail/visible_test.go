package mail

import "testing"

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"ann@example.net":          "ann@example.net",
		"änn ☺ '\\":                "änn ☺ '\\",
		"\x1b[2J\x00\x7f":          `\x1b[2J\x00\x7f`,
		"a\r\nb\tc":                `a\r\nb\tc`,
		"bidi\u202etxt.exe\u2066":  `bidi\u202etxt.exe\u2066`,
		"x\u2028y\u2029z\u0085":    `x\u2028y\u2029z\u0085`,
		"soft\u00adhyphen\u200b":   `soft\u00adhyphen\u200b`,
		"private\ue000 \U000f0000": `private\ue000 \U000f0000`,
		"\xff broken":              "\uFFFD broken",
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: got %q; want %q", in, got, want)
		}
	}
}
