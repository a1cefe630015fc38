package mail

import "testing"

func TestDisguise(t *testing.T) {
	for _, tc := range []struct{ path, want Path }{
		{"ann@example.net", "x@example.net"},
		{"postmaster", "x"}, // Local mail.
		{"", ""},            // The null reverse-path is nobody's.
		{UnknownPath, UnknownPath},
		{"ann%example.org@corp.example", "x%@corp.example"}, // The forms of relay tests stay.
		{"example.org!ann@corp.example", "x!@corp.example"},
		{"@corp.example:ann@example.org", "@x@example.org"},
		{`"ann@example.org"@corp.example`, `"x@@corp.example`},
		{"ann@example.org@corp.example", "x@@corp.example"},
		{"ann@[192.0.2.1]", "x@[192.0.2.1]"},
		{"ann@", "x@"},
	} {
		if got := tc.path.Disguise("x"); got != tc.want {
			t.Errorf("got %q for %q; want %q", got, tc.path, tc.want)
		}
	}
}
