package traffic

import (
	"strings"
	"testing"
	"time"
)

const (
	frontReceive = "FrontEnd/ProtocolLog/SmtpReceive/"
	hubReceive   = "Hub/ProtocolLog/SmtpReceive/"
	hubSend      = "Hub/ProtocolLog/SmtpSend/"
)

func exchangeDemo() Scene { return Exchange(DemoSeed, DemoDays-1) }

// Rows stand in the order of time, in the file of their hour, and each session
// counts its rows from 0 without a gap.
func TestExchangeRowOrder(t *testing.T) {
	scene := exchangeDemo()
	for _, folder := range []string{frontReceive, hubReceive, hubSend} {
		var last time.Time
		next := map[string]int{}
		files := map[string]map[string]bool{}
		for _, r := range readExchange(t, scene.Files, folder) {
			if r.at.Before(last) {
				t.Errorf("%s: %v after %v", r.file, r.at, last)
			}
			last = r.at
			if hour := r.at.Format("2006010215") + "-1.LOG"; !strings.HasSuffix(r.file, hour) {
				t.Errorf("got row of %v in %s; want %s", r.at, r.file, hour)
			}
			if r.seq != next[r.session] {
				t.Errorf("session %s: got sequence number %d; want %d", r.session, r.seq, next[r.session])
			}
			next[r.session]++
			if files[r.session] == nil {
				files[r.session] = map[string]bool{}
			}
			files[r.session][r.file] = true
		}
		spanning := 0
		for _, f := range files {
			if len(f) > 1 {
				spanning++
			}
		}
		if folder == hubReceive && spanning == 0 {
			t.Errorf("%s: no session spans two files", folder)
		}
	}
}

// Every command of a client is answered: as many replies as commands, plus the
// greeting and the two steps of AUTH LOGIN.
func TestExchangeReplies(t *testing.T) {
	balance := map[string]int{}
	for _, r := range readExchange(t, exchangeDemo().Files, frontReceive) {
		switch {
		case r.event == "<":
			balance[r.session]++
		case r.event == ">" && !strings.HasPrefix(r.data, "220 "+exFQDN) && !strings.HasPrefix(r.data, "334 ") && !strings.HasPrefix(r.data, "354 "):
			balance[r.session]--
		}
	}
	for session, n := range balance {
		if n != 0 {
			t.Errorf("session %s: got %+d commands beyond replies; want 0", session, n)
		}
	}
}

func TestExchangeTruth(t *testing.T) {
	scene := exchangeDemo()
	rows := readExchange(t, scene.Files, frontReceive)
	want := map[string]struct {
		least, most int
		client      string
	}{
		"guessed":  {400, 400, "198.51.100.77:"},
		"hijacked": {150, 320, "10.2.0.15:"},
	}
	if len(scene.Spammers) != len(want) {
		t.Fatalf("got %d spammers; want %d", len(scene.Spammers), len(want))
	}
	for _, s := range scene.Spammers {
		w := want[s.Name]
		got := map[string]bool{}
		for _, r := range rows {
			path, ok := strings.CutPrefix(r.data, "RCPT TO:<")
			path = strings.TrimSuffix(path, ">")
			if at := r.at.Truncate(time.Second); ok && r.event == "<" && strings.HasPrefix(r.remote, w.client) &&
				!at.Before(s.First) && !at.After(s.Last) && !own(path) && !partnerOf(path) {
				got[path] = true
			}
		}
		if len(got) != s.Distinct {
			t.Errorf("%s: got %d distinct recipients in the rows; want %d", s.Name, len(got), s.Distinct)
		}
		if s.Distinct < w.least || s.Distinct > w.most {
			t.Errorf("%s: got %d recipients; want %d to %d", s.Name, s.Distinct, w.least, w.most)
		}
	}
	if got, want := scene.Spammers[0].First.Format("2006-01-02 15:04"), "2026-11-05 03:05"; got != want {
		t.Errorf("guessed: got first recipient at %s; want %s", got, want)
	}
}

func TestExchangeGuessing(t *testing.T) {
	failures, ok := 0, 0
	for _, r := range readExchange(t, exchangeDemo().Files, frontReceive) {
		if !strings.HasPrefix(r.remote, "198.51.100.77:") {
			continue
		}
		switch {
		case r.context == `User Name: CORP\d.mercer` && ok == 0:
			failures++
		case r.context == "authenticated" && r.data == `CORP\d.mercer`:
			ok++
		}
	}
	if failures != 40 || ok != 4 {
		t.Errorf("got %d failed logins and then %d good ones; want 40 and 4", failures, ok)
	}
}

// On the day on which the hub's log is on, it shows each message of the front end
// once more, and no others.
func TestExchangeHubShowsTheSameMail(t *testing.T) {
	files := exchangeDemo().Files
	taken := func(folder string) map[string]int {
		ids := map[string]int{}
		for _, r := range readExchange(t, files, folder) {
			if r.at.Day() == 5 && r.event == ">" && strings.HasPrefix(r.data, "250 2.6.0 ") {
				ids[r.data]++
			}
		}
		return ids
	}
	front, hub := taken(frontReceive), taken(hubReceive)
	if len(front) < 50 {
		t.Errorf("got %d messages; want 50 at least", len(front))
	}
	for id, n := range front {
		if n != 1 || hub[id] != 1 {
			t.Errorf("got %d times in the front end's log and %d in the hub's; want once each: %s", n, hub[id], id)
		}
	}
	if len(hub) != len(front) {
		t.Errorf("got %d messages in the hub's log; want %d", len(hub), len(front))
	}
}

func TestExchangeShows(t *testing.T) {
	var text strings.Builder
	for _, f := range exchangeDemo().Files {
		text.Write(f.Data)
	}
	for what, shows := range map[string]string{
		"the right to relay":    "SMTPAcceptAnyRecipient",
		"relay refused":         "550 5.7.54 SMTP; Unable to relay",
		"tarpit":                "Tarpit for '0.00:00:05'",
		"delayed ack":           "due to 'DelayedAck',Delivered",
		"STARTTLS":              "TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded",
		"IPv6":                  ",[2001:db8:5::25]:",
		"health probe":          "MAIL FROM:<HealthMailbox",
		"hop":                   "XPROXYFROM SID=",
		"refused by the remote": "550 5.1.1 <",
		"failed connect":        "Failed to connect. Winsock error code: 10060",
		"quoted commas":         `,"250 2.6.0 <`,
	} {
		if !strings.Contains(text.String(), shows) {
			t.Errorf("%s: %q is not in the logs", what, shows)
		}
	}
}
