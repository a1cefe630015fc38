package ingest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// tlsOf tells of each transaction, then of each login, whether it was encrypted.
func tlsOf(b *Batch) []string {
	var told []string
	for i := range b.Transactions {
		told = append(told, string(b.Transactions[i].ReversePath)+" "+b.Transactions[i].TLS.String())
	}
	for _, l := range b.Logins {
		told = append(told, "login "+l.TLS.String())
	}
	return told
}

func TestExchangeTLS(t *testing.T) {
	const login = `
		< AUTH LOGIN
		* CORP\ann|authenticated
		> 235 2.7.0 Authentication successful`
	for _, c := range []struct {
		name, rows string
		want       []string
	}{
		{"none", "< EHLO pc" + "\n> 250 Hello" + login + "\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", []string{"a@example.org no", "login no"}},
		{"before the login", "< STARTTLS\n> 220 2.0.0 SMTP server ready\n< EHLO pc\n> 250 Hello" + login + "\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", []string{"a@example.org yes", "login yes"}},
		{"after the login", login + "\n< STARTTLS\n> 220 2.0.0 SMTP server ready\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", []string{"a@example.org yes", "login no"}},
		{"refused", "< STARTTLS\n> 454 4.7.0 TLS not available\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", []string{"a@example.org no"}},
		{"no reply in the log", "< STARTTLS\n< EHLO pc\n> 250 Hello\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", []string{"a@example.org no"}},
	} {
		l := newExchangeLog(t, FormatExchangeReceive)
		l.read(exchangeRows(`EX01\Client Frontend EX01 `, "S1", "10.0.0.5:587", "10.1.4.7:50100", c.rows))
		l.stop()
		b := l.result()
		if diff := cmp.Diff(c.want, tlsOf(b)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, diff)
		}
		if got := b.Transactions[0].Connector; got != "Client Frontend EX01" {
			t.Errorf("%s: got connector %q", c.name, got)
		}
	}
}

// A log of IIS tells nothing of encryption before it has a row of STARTTLS.
func TestIISTLS(t *testing.T) {
	r := newIISRun(t)
	r.feed(iisShortHeader + `10:00:01 10.1.4.7 pc EHLO +pc 250 7
10:00:01 10.1.4.7 pc AUTH +LOGIN 235 10
10:00:02 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:03 10.1.4.7 pc QUIT pc 240 4
10:00:06 10.1.4.8 pc EHLO +pc 250 7
10:00:06 10.1.4.8 pc AUTH +LOGIN 235 10
10:00:06 10.1.4.8 pc STARTTLS - 220 8
10:00:07 10.1.4.8 pc EHLO +pc 250 7
`)
	r.stop()
	r.feed(`10:00:07 10.1.4.8 pc MAIL +FROM:<b@corp.example> 250 30
10:00:07 10.1.4.8 pc RSET - 250 4
10:00:08 10.1.4.8 pc AUTH +LOGIN 235 10
10:00:08 10.1.4.8 pc MAIL +FROM:<c@corp.example> 250 30
10:00:09 10.1.4.8 pc QUIT pc 240 4
10:00:10 10.1.4.8 pc EHLO +pc 250 7
10:00:11 10.1.4.8 pc MAIL +FROM:<d@corp.example> 250 30
10:00:12 10.1.4.9 pc AUTH +LOGIN 535 10
`)
	want := []string{"a@corp.example ", "b@corp.example yes", "c@corp.example yes", "d@corp.example no", "login ", "login ", "login yes", "login no"}
	b := r.batch()
	if diff := cmp.Diff(want, tlsOf(b)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	var authenticated []bool
	for i := range b.Transactions {
		authenticated = append(authenticated, b.Transactions[i].Authenticated)
	}
	if diff := cmp.Diff([]bool{true, false, true, false}, authenticated); diff != "" {
		t.Errorf("authenticated: want -, got +\n%s", diff)
	}
	if b.Logins[0].TLS != mail.TLSNotTold {
		t.Errorf("got %v; want that the log does not tell", b.Logins[0].TLS)
	}
}
