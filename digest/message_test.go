package digest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	relaymail "relaywatch/mail"
)

var head = Head{
	ID: MessageID("relaywatch@corp.example", "daily", "2026-11-24", "loghost /var/lib/relaywatch.db"), From: "relaywatch@corp.example",
	To: []string{"oncall@corp.example", "chief@corp.example"}, Date: at(24, 7, 30), JSON: true,
}

func decoded(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

func TestCompose(t *testing.T) {
	m, err := busyDay().Compose(head)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Subject":                  "relaywatch MAIL01, EX01: 3 suspects (2 critical), 1,041 recipients reached - Tue 24 Nov, with the week",
		"From":                     `"relaywatch" <relaywatch@corp.example>`,
		"To":                       "<oncall@corp.example>, <chief@corp.example>",
		"Date":                     "Tue, 24 Nov 2026 07:30:00 +0000",
		"Message-Id":               head.ID,
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
		"List-Id":                  "relaywatch <relaywatch.corp.example>",
		"Mime-Version":             "1.0",
		"User-Agent":               "",
		"X-Mailer":                 "",
	} {
		if got := parsed.Header.Get(name); got != want {
			t.Errorf("got %s: %s; want %s", name, got, want)
		}
	}
	kinds := map[string]int{}
	page := ""
	walk(t, parsed.Header.Get("Content-Type"), "", parsed.Body, func(kind string, body []byte) {
		kinds[kind]++
		switch kind {
		case "text/html":
			page = string(body)
		case "image/png":
			if _, err := png.Decode(bytes.NewReader(body)); err != nil || len(body) > 2000 {
				t.Errorf("got a chart of %d bytes: %v; want a small picture", len(body), err)
			}
		case "application/json":
			if !json.Valid(body) {
				t.Error("got an attachment that is no JSON")
			}
		}
	})
	if kinds["text/plain"] != 1 || kinds["text/html"] != 1 || kinds["image/png"] != 3 || kinds["application/json"] != 1 {
		t.Errorf("got the parts %v; want text, HTML, three charts and JSON", kinds)
	}
	for _, cid := range []string{"chart1.png", "chart2.png", "chart3.png"} {
		if !strings.Contains(page, `src="cid:`+cid+`"`) || !bytes.Contains(m.Data, []byte("Content-Id: <"+cid+">")) && !bytes.Contains(m.Data, []byte("Content-ID: <"+cid+">")) {
			t.Errorf("the HTML and the parts don't agree on %s", cid)
		}
	}
	if i := strings.Index(page, "http"); i >= 0 {
		t.Errorf("got remote content in the HTML: %.60s", page[i:])
	}
	for i, line := range strings.Split(string(m.Data), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") { // RFC 5322, section 2.1.1.
			t.Errorf("line %d: got %d bytes, or a bare line end", i+1, len(line))
		}
	}
}

// The same mail has the same Message-ID, and no other has it.
func TestMessageID(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []string{"daily", "urgent"} {
		for _, key := range []string{"2026-11-24", "2026-11-25"} {
			for _, origin := range []string{"a", "b"} {
				id := MessageID("relaywatch@corp.example", kind, key, origin)
				if seen[id] || id != MessageID("relaywatch@corp.example", kind, key, origin) {
					t.Errorf("%s: got it twice, or another one the second time", id)
				}
				seen[id] = true
			}
		}
	}
}

func TestCheckAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"oncall@corp.example": true, "a.b+c@corp.example": true, "": false, "oncall": false, "On Call <oncall@corp.example>": false,
		"oncall@corp.example\r\nBcc: x@example.org": false, "ä@corp.example": false, "<oncall@corp.example>": false,
	} {
		if got := CheckAddress(address) == nil; got != good {
			t.Errorf("%q: got %v; want %v", address, got, good)
		}
	}
}

// Of more than twenty suspects the rest is counted.
func TestManySuspects(t *testing.T) {
	d := busyDay()
	s := d.Suspects[0]
	d.Suspects = nil
	for range 31 {
		d.Suspects = append(d.Suspects, s)
	}
	text := strings.Join(strings.Fields(d.Text()), " ")
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	want := "And 11 more suspects (11 critical), 6,600 recipients reached"
	if n := strings.Count(text, ". ip:10.1.4.7 - "); n != 20 || !strings.Contains(text, want) || !strings.Contains(string(page), want) {
		t.Errorf("got %d in full; want 20, and %q", n, want)
	}
	if strings.Contains(text, "21. ip") || strings.Contains(string(page), "21. ip") {
		t.Error("got a 21st in full")
	}
}

// What to do first depends on who it is, and on what was sent.
func TestNow(t *testing.T) {
	for want, change := range map[string]func(*Suspect){
		"Do now: take 10.1.4.7 (WS-RECEPTION) off the network, then clear the queue of MAIL01.": func(*Suspect) {},
		"Do now: take 10.1.4.7 off the network, then clear the queue of the mail server.":       func(s *Suspect) { s.HELOs, s.Servers = nil, nil },
		"Do now: disable the account ann, then clear the queue of MAIL01.":                      func(s *Suspect) { s.Submitter = relaymail.Submitter{Kind: "user", Value: "ann"} },
		"Do now: ask the owner of the account ann, and give it another password; it has sent nothing yet.": func(s *Suspect) {
			s.Submitter, s.Recipients = relaymail.Submitter{Kind: "user", Value: "ann"}, 0
		},
		"Do now: see what runs on 10.1.4.7 (WS-RECEPTION); nothing that it sent was accepted yet.": func(s *Suspect) { s.Recipients = 0 },
		"Do now: close the relay of MAIL01: 10.1.4.7 outside uses it without a login.":             func(s *Suspect) { s.Rules = []string{"open-relay"} },
		"Do now: stop whoever sends as a@corp.example, then clear the queue of MAIL01.": func(s *Suspect) {
			s.Submitter = relaymail.Submitter{Kind: "sender", Value: "a@corp.example"}
		},
	} {
		d := busyDay()
		change(&d.Suspects[0])
		if got := d.Now(); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
}
