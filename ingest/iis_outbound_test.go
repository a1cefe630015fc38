package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// outboundLog writes a dialogue as outbound rows: "> MAIL FROM:<a>" is a command
// of ours, "< 250 OK" a reply. A second apart each, to one remote server.
func outboundLog(dialogue string) string {
	var b strings.Builder
	b.WriteString("#Date: 2026-03-02 10:00:00\n#Fields: time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-query sc-status\n")
	for i, line := range strings.Split(strings.TrimSpace(dialogue), "\n") {
		direction, text, _ := strings.Cut(line, " ")
		user, method, query := iisOutboundResponse, "-", text
		if direction == ">" {
			user = iisOutboundCommand
			method, query, _ = strings.Cut(text, " ")
		}
		if query == "" {
			query = "-"
		}
		fmt.Fprintf(&b, "%02d:%02d:%02d 192.0.2.34 %s SMTPSVC1 mx1 - 25 %s %s 0\n", 10+i/3600, i/60%60, i%60, user, method, strings.ReplaceAll(query, " ", "+"))
	}
	return b.String()
}

func deliveryLines(b *Batch) []string {
	var lines []string
	for _, d := range b.Deliveries {
		outcome := d.Outcome.String()
		if d.Outcome == mail.Undecided {
			outcome = "undecided"
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s > %s: %s %d %s", pathText(d.ReversePath), pathText(d.Recipient), outcome, d.Reply, d.Text)))
	}
	return lines
}

func TestIISOutbound(t *testing.T) {
	for _, tt := range []struct {
		name         string
		dialogue     string
		transactions []string
		deliveries   []string
	}{
		{
			name: "delivered, with one recipient refused and one deferred",
			dialogue: `
< 220 mx.example.net ESMTP
> EHLO mx1.corp.example
< 250-mx.example.net Hello
> MAIL FROM:<Ann@corp.example> SIZE=1722
< 250 2.1.0 Sender OK
> RCPT TO:<bob@example.net>
< 250 2.1.5 OK
> RCPT TO:<carl@example.net>
< 550 5.1.1 User unknown
> RCPT TO:<dan@example.net>
< 450 4.2.0 Greylisted
> DATA
< 354 Start mail input
< 250 2.0.0 Queued as 1
> QUIT
< 221 Bye`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 250 <carl@example.net> 550 <dan@example.net> 450: accepted"},
			deliveries: []string{
				"<ann@corp.example> > <carl@example.net>: refused 550 5.1.1 User unknown",
				"<ann@corp.example> > <dan@example.net>: deferred 450 4.2.0 Greylisted",
				"<ann@corp.example> > <bob@example.net>: delivered 250 2.0.0 Queued as 1",
			},
		},
		{
			name: "pipelined",
			dialogue: `
> MAIL FROM:<>
> RCPT TO:<bob@example.net>
> RCPT TO:<carl@example.net>
< 250 OK
< 250 OK
< 550 No
> DATA
< 354 Go
< 554 Spam`,
			transactions: []string{"<> <bob@example.net> 250 <carl@example.net> 550: refused"},
			deliveries: []string{
				"<> > <carl@example.net>: refused 550 No",
				"<> > <bob@example.net>: refused 554 Spam",
			},
		},
		{
			name: "MAIL refused decides nothing where no recipient was named",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 421 4.7.0 Deferred due to user complaints`,
			transactions: []string{"<ann@corp.example>: refused"},
		},
		{
			name: "MAIL refused decides the recipients named already",
			dialogue: `
> MAIL FROM:<ann@corp.example>
> RCPT TO:<bob@example.net>
< 421 4.7.0 Later
< 503 Bad sequence`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 0: refused"},
			deliveries:   []string{"<ann@corp.example> > <bob@example.net>: deferred 421 4.7.0 Later"},
		},
		{
			name: "all refused, then RSET",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 550 No
> RSET
< 250 Resetting
> MAIL FROM:<ann@corp.example>
< 250 OK`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 550: refused", "<ann@corp.example>: open"},
			deliveries:   []string{"<ann@corp.example> > <bob@example.net>: refused 550 No"},
		},
		{
			name: "session ends before DATA is answered",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 250 OK
> RCPT TO:<carl@example.net>
> QUIT`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 250 <carl@example.net> 0: aborted"},
			deliveries: []string{
				"<ann@corp.example> > <bob@example.net>: undecided 0",
				"<ann@corp.example> > <carl@example.net>: undecided 0",
			},
		},
		{
			name: "replies without a command, then RCPT without MAIL",
			dialogue: `
< 250 OK
< 354 Go
> RCPT TO:<bob@example.net>
< 250 OK
> DATA
< 354 Go
< 250 Queued`,
			transactions: []string{"? <bob@example.net> 250: accepted"},
			deliveries:   []string{"? > <bob@example.net>: delivered 250 Queued"},
		},
		{
			name: "DATA whose 354 is not logged",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 250 OK
> DATA
< 250 Queued`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 250: accepted"},
			deliveries:   []string{"<ann@corp.example> > <bob@example.net>: delivered 250 Queued"},
		},
		{
			name: "BDAT",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 250 OK
> BDAT 100
< 250 100 octets
> BDAT 20 LAST
< 250 Queued`,
			transactions: []string{"<ann@corp.example> <bob@example.net> 250: accepted"},
			deliveries:   []string{"<ann@corp.example> > <bob@example.net>: delivered 250 Queued"},
		},
		{
			name: "two connections at once",
			dialogue: `
> MAIL FROM:<ann@corp.example>
> MAIL FROM:<ben@corp.example>
< 250 OK
< 250 OK
> RCPT TO:<bob@example.net>
> RCPT TO:<carl@example.net>
< 250 OK
< 250 OK
> DATA
< 354 Go
> DATA
< 354 Go
< 250 One
< 250 Two`,
			transactions: []string{
				"<ann@corp.example> <bob@example.net> 250: accepted inexact",
				"<ben@corp.example> <carl@example.net> 250: accepted inexact",
			},
			deliveries: []string{
				"<ann@corp.example> > <bob@example.net>: delivered 250 One",
				"<ben@corp.example> > <carl@example.net>: delivered 250 Two",
			},
		},
		{
			name: "banner of another connection answers nothing",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 220 mx.example.net ESMTP
< 421 Later`,
			transactions: []string{"<ann@corp.example>: refused"},
		},
		{
			name: "250 before the 354 is of another connection's RCPT",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 250 OK
> DATA
> MAIL FROM:<ben@corp.example>
< 250 OK
> RCPT TO:<carl@example.net>
< 250 OK
< 354 Go
< 554 Spam`,
			transactions: []string{
				"<ann@corp.example> <bob@example.net> 250: refused inexact",
				"<ben@corp.example> <carl@example.net> 250: open inexact",
			},
			deliveries: []string{"<ann@corp.example> > <bob@example.net>: refused 554 Spam"},
		},
		{
			name: "DATA is not of the one with all recipients refused",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 550 No
> MAIL FROM:<ben@corp.example>
< 250 OK
> RCPT TO:<carl@example.net>
< 250 OK
> DATA
< 354 Go
< 250 Queued`,
			transactions: []string{
				"<ann@corp.example> <bob@example.net> 550: open inexact",
				"<ben@corp.example> <carl@example.net> 250: accepted inexact",
			},
			deliveries: []string{
				"<ann@corp.example> > <bob@example.net>: refused 550 No",
				"<ben@corp.example> > <carl@example.net>: delivered 250 Queued",
			},
		},
		{
			name: "QUIT of one of two connections leaves the one with an accepted recipient",
			dialogue: `
> MAIL FROM:<ann@corp.example>
< 250 OK
> RCPT TO:<bob@example.net>
< 250 OK
> MAIL FROM:<ben@corp.example>
< 250 OK
> QUIT
> DATA
< 354 Go
< 250 Queued`,
			transactions: []string{
				"<ann@corp.example> <bob@example.net> 250: accepted inexact",
				"<ben@corp.example>: aborted inexact",
			},
			deliveries: []string{"<ann@corp.example> > <bob@example.net>: delivered 250 Queued"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stops := range []bool{false, true} {
				r := newIISRun(t)
				for line := range strings.Lines(outboundLog(tt.dialogue)) {
					r.feed(line)
					if stops {
						r.stop()
					}
				}
				b := r.batch()
				if diff := cmp.Diff(tt.transactions, transactionLines(b)); diff != "" {
					t.Errorf("stops %t: transactions (-want +got):\n%s", stops, diff)
				}
				if diff := cmp.Diff(tt.deliveries, deliveryLines(b)); diff != "" {
					t.Errorf("stops %t: deliveries (-want +got):\n%s", stops, diff)
				}
				for _, tx := range b.Transactions {
					if tx.Direction != mail.Out || tx.Submitter() != (mail.Submitter{}) || tx.ClientIP != "192.0.2.34" || tx.Server != "MX1" {
						t.Errorf("got %v by %v with %s of %s; want out, nobody's, with 192.0.2.34 of MX1", tx.Direction, tx.Submitter(), tx.ClientIP, tx.Server)
					}
				}
			}
		})
	}
}

// Half an hour without a row ends a delivery as one that the log does not decide.
func TestIISOutboundIdle(t *testing.T) {
	r := newIISRun(t)
	r.feed(outboundLog("> MAIL FROM:<ann@corp.example>\n< 250 OK\n> RCPT TO:<bob@example.net>"))
	r.feed("10:40:00 10.1.4.7 pc SMTPSVC1 mx1 10.0.0.2 0 NOOP - 250\n")
	b := r.batch()
	if diff := cmp.Diff([]string{"<ann@corp.example> <bob@example.net> 0: aborted"}, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"<ann@corp.example> > <bob@example.net>: undecided 0"}, deliveryLines(b)); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

// A command half an hour later is of another connection, though no ten minutes
// passed since it was over.
func TestIISOutboundApart(t *testing.T) {
	r := newIISRun(t)
	r.feed(outboundLog("> MAIL FROM:<ann@corp.example>\n< 250 OK"))
	r.feed("10:30:01 10.1.4.7 pc SMTPSVC1 mx1 10.0.0.2 0 NOOP - 250\n")
	r.feed("10:30:02 192.0.2.34 OutboundConnectionCommand SMTPSVC1 mx1 - 25 RCPT TO:<bob@example.net> 0\n")
	r.feed("10:30:02 192.0.2.34 OutboundConnectionResponse SMTPSVC1 mx1 - 25 - 250+OK 0\n")
	if diff := cmp.Diff([]string{"<ann@corp.example>: aborted", "? <bob@example.net> 250: open"}, transactionLines(r.batch())); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

// A log without replies does not keep commands without end, and loses none.
func TestIISOutboundMaxPending(t *testing.T) {
	var dialogue strings.Builder
	dialogue.WriteString("> MAIL FROM:<ann@corp.example>\n")
	for range iisMaxPending + 10 {
		dialogue.WriteString("> RCPT TO:<bob@example.net>\n")
	}
	r := newIISRun(t)
	log := outboundLog(dialogue.String())
	r.feed(log)
	for _, v := range r.sessions.servers {
		for _, p := range v.out {
			if len(p.Pending) > iisMaxPending {
				t.Errorf("got %d commands without a reply; want at most %d", len(p.Pending), iisMaxPending)
			}
		}
	}
	r.feed("11:30:00 192.0.2.34 OutboundConnectionCommand SMTPSVC1 mx1 - 25 QUIT - 0\n")
	b := r.batch()
	if n := len(b.Transactions[0].Recipients); n != iisMaxPending+10 || len(b.Deliveries) != n {
		t.Errorf("got %d recipients and %d deliveries; want %d of both", n, len(b.Deliveries), iisMaxPending+10)
	}
}

// A client that gives an outbound name with HELO stays a client.
func TestIISOutboundNameGivenByClient(t *testing.T) {
	b := readIIS(t, iisShortHeader+`10:00:01 10.1.4.7 OutboundConnectionCommand HELO +OutboundConnectionCommand 250 7
10:00:01 10.1.4.7 OutboundConnectionCommand MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 OutboundConnectionCommand RCPT +TO:<b@example.net> 250 30
10:00:01 10.1.4.7 OutboundConnectionCommand DATA <1@mx1> 250 30
`)
	if diff := cmp.Diff([]string{"<a@corp.example> <b@example.net> 250: accepted 30 bytes"}, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if got := b.Transactions[0].Submitter().String(); got != "ip:10.1.4.7" {
		t.Errorf("got submitter %q; want ip:10.1.4.7", got)
	}
	b = readIIS(t, `#Date: 2026-03-02 10:00:00
#Fields: time c-ip cs-username cs-method cs-uri-query
10:00:01 10.1.4.7 OutboundConnectionCommand MAIL +FROM:<a@corp.example>
10:00:01 10.1.4.7 OutboundConnectionCommand RCPT +TO:<b@example.net>
`)
	if diff := cmp.Diff([]string{"<a@corp.example> <b@example.net> 0: open"}, transactionLines(b)); diff != "" {
		t.Errorf("without sc-status: transactions (-want +got):\n%s", diff)
	}
	if got := b.Transactions[0].Submitter().String(); got != "ip:10.1.4.7" {
		t.Errorf("without sc-status: got submitter %q; want ip:10.1.4.7", got)
	}
}
