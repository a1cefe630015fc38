package traffic

import (
	"strings"
	"testing"
	"time"
)

func TestIISTimesNeverFallInAFile(t *testing.T) {
	last := map[string]time.Time{}
	for _, r := range readW3C(t, IIS(DemoSeed, DemoDays).Files) {
		if r.at.Before(last[r.file]) {
			t.Errorf("%s: %v after %v", r.file, r.at, last[r.file])
		}
		last[r.file] = r.at
		if want := "ex" + r.at.Format("060102") + ".log"; r.file != want {
			t.Errorf("got row of %v in %s; want %s", r.at, r.file, want)
		}
	}
}

// The bytes of a command are its verb, a blank and its argument, in which the log
// wrote a plus for each blank.
func TestIISCommandBytes(t *testing.T) {
	before := map[string]w3cRow{}
	counted := 0
	for _, r := range readW3C(t, IIS(DemoSeed, DemoDays).Files) {
		key := r.client + " " + r.user
		want := len(r.verb) + len(strings.ReplaceAll(r.query, "+", " "))
		switch {
		case r.outbound() && strings.HasSuffix(r.user, "Command"):
			if r.sc != 4 || r.cs != 0 || r.status != "0" {
				t.Errorf("got bytes %d, %d; want 4, 0: %s", r.sc, r.cs, r.line)
			}
			continue
		case r.outbound():
			if r.verb != "-" || r.sc != len(r.query) {
				t.Errorf("got %d bytes of reply; want %d: %s", r.sc, len(r.query), r.line)
			}
			continue
		case r.verb == "DATA":
			before[key] = r
			continue // The size of the message.
		case r.verb == "QUIT" && r.cs == before[key].cs && r.sc == before[key].sc:
			continue // The client hung up.
		case r.verb == "QUIT":
			want = len("QUIT")
		}
		before[key] = r
		counted++
		if r.cs != want {
			t.Errorf("got cs-bytes %d; want %d: %s", r.cs, want, r.line)
		}
	}
	if counted < 3000 {
		t.Errorf("got %d rows with bytes to check; want 3000 at least", counted)
	}
}

// Each client that has one session at a time goes through its commands in the
// order of RFC 5321.
func TestIISSessionOrder(t *testing.T) {
	follows := map[string]string{
		"": "EHLO HELO", "EHLO": "MAIL QUIT", "HELO": "MAIL QUIT", "MAIL": "RCPT", "RCPT": "RCPT DATA QUIT",
		"DATA": "MAIL QUIT", "QUIT": "EHLO HELO",
	}
	state := map[string]string{}
	for _, r := range readW3C(t, IIS(DemoSeed, DemoDays).Files) {
		// The workstation, the spammer under its name and the gateway have sessions side by side.
		if r.outbound() || r.user == "-" || r.client == "10.1.4.7" || r.client == gatewayIP {
			continue
		}
		key := r.client + " " + r.user
		if !strings.Contains(follows[state[key]], r.verb) {
			t.Errorf("got %s after %q: %s", r.verb, state[key], r.line)
		}
		state[key] = r.verb
	}
	for key, verb := range state {
		if verb != "QUIT" {
			t.Errorf("%s: got %s last; want QUIT", key, verb)
		}
	}
}

func TestIISQuitTellsMilliseconds(t *testing.T) {
	start := map[string]time.Time{}
	for _, r := range readW3C(t, IIS(DemoSeed, DemoDays).Files) {
		key := r.client + " " + r.user
		switch {
		case r.outbound() || r.user == "-" || r.client == "10.1.4.7" || r.client == gatewayIP:
		case r.verb == "EHLO", r.verb == "HELO":
			start[key] = r.at
		case r.verb == "QUIT":
			got, want := time.Duration(r.win32)*time.Millisecond, r.at.Sub(start[key])
			if got < want-2*time.Second || got > want+2*time.Second {
				t.Errorf("got session of %v; want %v: %s", got, want, r.line)
			}
		}
	}
}

// The ground truth is what stands in the rows: counted anew from them.
func TestIISTruth(t *testing.T) {
	scene := IIS(DemoSeed, DemoDays)
	rows := readW3C(t, scene.Files)
	want := map[string]struct{ least, most int }{
		"infected":   {580, 620},
		"slow":       {190, 260},
		"open-relay": {3, 20},
	}
	if len(scene.Spammers) != len(want) {
		t.Fatalf("got %d spammers; want %d", len(scene.Spammers), len(want))
	}
	for _, s := range scene.Spammers {
		got := map[string]int{}
		for _, r := range rows {
			if "ip:"+r.client == s.Submitter && r.verb == "RCPT" && r.status == "250" && !own(r.argument()) &&
				!r.at.Before(s.First) && !r.at.After(s.Last) && !partnerOf(r.argument()) {
				got[r.argument()]++
			}
		}
		if len(got) != s.Distinct || s.Accepted != s.External {
			t.Errorf("%s: got %d distinct recipients in the rows; want %d (external %d of %d)", s.Name, len(got), s.Distinct, s.External, s.Accepted)
		}
		if w := want[s.Name]; s.Distinct < w.least || s.Distinct > w.most {
			t.Errorf("%s: got %d recipients; want %d to %d", s.Name, s.Distinct, w.least, w.most)
		}
	}
	if got, want := scene.Spammers[0].First.Format("2006-01-02 15:04"), "2026-11-05 02:14"; got != want {
		t.Errorf("infected: got first recipient at %s; want %s", got, want)
	}
}

func partnerOf(path string) bool {
	for _, d := range partnerDomains {
		if domainOf(path) == d {
			return true
		}
	}
	return false
}

// What the readers must cope with is there.
func TestIISShows(t *testing.T) {
	scene := IIS(DemoSeed, DemoDays)
	var text strings.Builder
	for _, f := range scene.Files {
		text.Write(f.Data)
	}
	for what, shows := range map[string]string{
		"null reverse-path":            " MAIL - +FROM:<>",
		"SIZE":                         ">+SIZE=",
		"blank after the colon":        " MAIL - +FROM:+<",
		"mixed case":                   " MAIL - +From:+<",
		"server-made Message-ID":       " DATA - <MAIL01",
		"masked EHLO":                  " xxxx - +",
		"HTTP":                         " get - +/+HTTP/1.0 500 ",
		"relay refused":                " RCPT - +TO:<relaytest",
		"refused by the remote":        "550+5.1.1+",
		"put off by the remote":        "421+4.7.0+",
		"trailing blank of the header": "cs(Referer) \r\n",
	} {
		if !strings.Contains(text.String(), shows) {
			t.Errorf("%s: %q is not in the logs", what, shows)
		}
	}
	if got, want := strings.Count(text.String(), "#Fields:"), len(scene.Files)+1; got != want {
		t.Errorf("got %d headers; want %d: one in mid-file", got, want)
	}
	if got := parallel(readW3C(t, scene.Files)); got < 3 {
		t.Errorf("got %d open transactions of 10.1.4.7 at once; want 3 at least", got)
	}
}

// parallel is the largest number of transactions that the infected workstation had
// open at once.
func parallel(rows []w3cRow) int {
	open, most := 0, 0
	for _, r := range rows {
		if r.client != "10.1.4.7" || r.at.Hour() > 5 {
			continue
		}
		switch r.verb {
		case "MAIL":
			open++
		case "DATA":
			open--
		}
		most = max(most, open)
	}
	return most
}
