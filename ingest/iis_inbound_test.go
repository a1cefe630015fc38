package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// iisShortHeader heads logs of the columns that matter to sessions.
const iisShortHeader = "#Date: 2026-03-02 10:00:00\n#Fields: time c-ip cs-username cs-method cs-uri-query sc-status cs-bytes\n"

// transactionLine is a transaction in one line: reverse-path, recipients with
// their replies, outcome and size.
func transactionLine(tx *mail.Transaction) string {
	var b strings.Builder
	b.WriteString(pathText(tx.ReversePath))
	for _, r := range tx.Recipients {
		fmt.Fprintf(&b, " %s %d", pathText(r.Path), r.Reply)
	}
	fmt.Fprintf(&b, ": %v", tx.Outcome)
	if tx.Outcome == mail.Open {
		b.WriteString("open")
	}
	if tx.SizeBytes >= 0 {
		fmt.Fprintf(&b, " %d bytes", tx.SizeBytes)
	}
	if tx.Authenticated {
		b.WriteString(" authenticated")
	}
	if !tx.Exact {
		b.WriteString(" inexact")
	}
	return b.String()
}

func transactionLines(b *Batch) []string {
	var lines []string
	for i := range b.Transactions {
		lines = append(lines, transactionLine(&b.Transactions[i]))
	}
	return lines
}

func TestIISInbound(t *testing.T) {
	for _, tt := range []struct {
		name string
		rows string
		want []string
	}{
		{
			name: "whole session",
			rows: `
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<Ann@Corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<bob@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<carl@example.net> 550 30
10:00:02 10.1.4.7 pc DATA +<1@pc> 250 1399
10:00:02 10.1.4.7 pc QUIT pc 240 4`,
			want: []string{"<ann@corp.example> <bob@example.net> 250 <carl@example.net> 550: accepted 1399 bytes"},
		},
		{
			name: "two messages in one session",
			rows: `
10:00:01 10.1.4.7 pc EHLO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc DATA +<1@pc> 250 1399
10:00:02 10.1.4.7 pc RSET - 250 4
10:00:03 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:03 10.1.4.7 pc RCPT +TO:<c@example.net> 250 30
10:00:04 10.1.4.7 pc DATA +<2@pc> 250 1400`,
			want: []string{
				"<a@corp.example> <b@example.net> 250: accepted 1399 bytes",
				"<a@corp.example> <c@example.net> 250: accepted 1400 bytes",
			},
		},
		{
			name: "arguments of every shape",
			rows: `
10:00:01 10.1.4.7 pc MAIL +From:+<a+b@corp.example>+SIZE=10 250 30
10:00:01 10.1.4.7 pc RCPT TO:+b@example.net+NOTIFY=NEVER 250 30
10:00:01 10.1.4.7 pc rcpt +to:<@relay.example:c@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<> 550 30
10:00:01 10.1.4.7 pc RCPT +Somebody 501 30
10:00:01 10.1.4.7 pc RCPT +<D@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT - 501 30
10:00:02 10.1.4.7 pc Data +<1@pc> 250 1`,
			want: []string{"<a+b@corp.example> <b@example.net> 250 <@relay.example:c@example.net> 250 <> 550 <somebody> 501 <<d@example.net>> 250 ? 501: accepted 1 bytes"},
		},
		{
			name: "null reverse-path",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30`,
			want: []string{"<> <b@example.net> 250: open"},
		},
		{
			name: "MAIL within a transaction is of a parallel session; RCPT goes to the one with fewer",
			rows: `
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<a1@example.net> 250 30
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<b@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b1@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<a2@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b2@example.net> 250 30
10:00:02 10.1.4.7 pc DATA +<1@pc> 250 11
10:00:02 10.1.4.7 pc QUIT pc 240 4
10:00:02 10.1.4.7 pc DATA +<2@pc> 250 22`,
			want: []string{
				"<a@corp.example> <a1@example.net> 250 <a2@example.net> 250: accepted 11 bytes inexact",
				"<b@corp.example> <b1@example.net> 250 <b2@example.net> 250: accepted 22 bytes inexact",
			},
		},
		{
			name: "another HELO name or client is another session",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc2 MAIL +FROM:<b@corp.example> 250 30
10:00:01 10.1.4.8 pc MAIL +FROM:<c@corp.example> 250 30
10:00:01 10.1.4.8 pc RCPT +TO:<c1@example.net> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<a1@example.net> 250 30`,
			want: []string{
				"<a@corp.example> <a1@example.net> 250: open",
				"<b@corp.example>: open",
				"<c@corp.example> <c1@example.net> 250: open",
			},
		},
		{
			name: "refused MAIL takes the RCPT rows that follow",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 550 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 503 30
10:00:01 10.1.4.7 pc DATA - 503 30
10:00:01 10.1.4.7 pc RCPT +TO:<c@example.net> 503 30`,
			want: []string{
				"<a@corp.example> <b@example.net> 503: refused",
				"? <c@example.net> 503: open",
			},
		},
		{
			name: "accepted RCPT is not of a refused MAIL",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 550 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30`,
			want: []string{
				"<a@corp.example>: refused",
				"? <b@example.net> 250: open",
			},
		},
		{
			name: "MAIL refused within a transaction leaves it open",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc MAIL +FROM:<b@corp.example> 503 30
10:00:01 10.1.4.7 pc RCPT +TO:<c@example.net> 250 30`,
			want: []string{"<a@corp.example> <c@example.net> 250: open"},
		},
		{
			name: "RCPT without MAIL, all refused, is refused when the session ends",
			rows: `
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 550 30
10:00:01 10.1.4.7 pc RCPT +TO:<c@example.net> 550 30
10:00:02 10.1.4.7 pc QUIT pc 240 30`,
			want: []string{"? <b@example.net> 550 <c@example.net> 550: refused"},
		},
		{
			name: "DATA ends the oldest that has somebody accepted",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<a1@example.net> 550 30
10:00:01 10.1.4.7 pc MAIL +FROM:<b@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b1@example.net> 250 30
10:00:02 10.1.4.7 pc DATA +<1@pc> 250 11
10:00:02 10.1.4.7 pc DATA - 554 11
10:00:02 10.1.4.7 pc DATA - 503 11`,
			want: []string{
				"<a@corp.example> <a1@example.net> 550: refused inexact",
				"<b@corp.example> <b1@example.net> 250: accepted 11 bytes inexact",
			},
		},
		{
			name: "DATA without a recipient, and 354, end nothing",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:02 10.1.4.7 pc DATA - 503 4
10:00:02 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc DATA - 354 4`,
			want: []string{"<a@corp.example> <b@example.net> 250: open"},
		},
		{
			name: "BDAT adds up and LAST ends",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc BDAT +1000 250 9
10:00:02 10.1.4.7 pc BDAT +24+last 250 9`,
			want: []string{"<a@corp.example> <b@example.net> 250: accepted 1024 bytes"},
		},
		{
			name: "BDAT that was refused ends",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc BDAT +1000 552 9`,
			want: []string{"<a@corp.example> <b@example.net> 250: refused"},
		},
		{
			name: "RSET of a single session aborts",
			rows: `
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc RSET - 250 4`,
			want: []string{"<a@corp.example> <b@example.net> 250: aborted"},
		},
		{
			name: "RSET of one of several aborts the oldest without an accepted recipient",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc RCPT +TO:<a1@example.net> 250 30
10:00:01 10.1.4.7 pc MAIL +FROM:<b@corp.example> 250 30
10:00:02 10.1.4.7 pc RSET - 250 4
10:00:02 10.1.4.7 pc RSET - 250 4`,
			want: []string{
				"<a@corp.example> <a1@example.net> 250: open inexact",
				"<b@corp.example>: aborted inexact",
			},
		},
		{
			name: "QUIT of a single session aborts; of two it leaves the newer",
			rows: `
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc MAIL +FROM:<b@corp.example> 250 30
10:00:02 10.1.4.7 pc QUIT pc 240 4
10:00:03 10.1.4.8 pc MAIL +FROM:<c@corp.example> 250 30
10:00:03 10.1.4.8 pc timeout - 421 4`,
			want: []string{
				"<a@corp.example>: aborted inexact",
				"<b@corp.example>: open inexact",
				"<c@corp.example>: aborted",
			},
		},
		{
			name: "EHLO after STARTTLS is the same session",
			rows: `
10:00:01 10.1.4.7 pc EHLO +pc 250 7
10:00:01 10.1.4.7 pc STARTTLS - 220 8
10:00:01 10.1.4.7 pc EHLO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:02 10.1.4.7 pc QUIT pc 240 4`,
			want: []string{"<a@corp.example>: aborted"},
		},
		{
			name: "EHLO that was refused or masked is no session",
			rows: `
10:00:01 10.1.4.7 - xxxx +pc 500 7
10:00:01 10.1.4.7 pc EHLO +pc 501 7
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:02 10.1.4.7 pc QUIT pc 240 4`,
			want: []string{"<a@corp.example>: aborted"},
		},
		{
			name: "HELO within a transaction may be of a parallel session",
			rows: `
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:01 10.1.4.7 pc HELO +pc 250 7
10:00:02 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
10:00:02 10.1.4.7 pc QUIT pc 240 4`,
			want: []string{"<a@corp.example> <b@example.net> 250: open"},
		},
		{
			name: "half an hour without a row ends a session",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:30:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30
11:00:02 10.1.4.7 pc RCPT +TO:<c@example.net> 250 30`,
			want: []string{
				"<a@corp.example> <b@example.net> 250: aborted",
				"? <c@example.net> 250: open",
			},
		},
		{
			name: "half an hour without a row, though no ten minutes passed since it was over",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:30:01 10.1.4.9 pc NOOP - 250 4
10:30:02 10.1.4.7 pc RCPT +TO:<c@example.net> 250 30`,
			want: []string{"<a@corp.example>: aborted", "? <c@example.net> 250: open"},
		},
		{
			name: "rows of others end an idle session, at the next ten minutes",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:09:01 10.1.4.9 pc MAIL +FROM:<b@corp.example> 250 30
10:40:01 10.1.4.8 pc NOOP - 250 4`,
			want: []string{"<a@corp.example>: aborted", "<b@corp.example>: aborted"},
		},
		{
			name: "late rows end nothing",
			rows: `
10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
09:57:01 10.1.4.7 pc RCPT +TO:<b@example.net> 250 30`,
			want: []string{"<a@corp.example> <b@example.net> 250: open"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := readIIS(t, iisShortHeader+tt.rows[1:]+"\n")
			if diff := cmp.Diff(tt.want, transactionLines(b)); diff != "" {
				t.Errorf("transactions (-want +got):\n%s", diff)
			}
			if len(b.Rejects) > 0 {
				t.Errorf("got rejects %q; want none", b.Rejects)
			}
		})
	}
}

func TestIISInboundAuth(t *testing.T) {
	b := readIIS(t, iisShortHeader+`10:00:01 10.1.4.7 pc EHLO +pc 250 7
10:00:01 10.1.4.7 pc AUTH +LOGIN 334 10
10:00:02 10.1.4.7 pc AUTH +LOGIN 535 10
10:00:02 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30
10:00:02 10.1.4.7 pc RSET - 250 4
10:00:03 10.1.4.7 pc AUTH +LOGIN 454 10
10:00:04 10.1.4.7 pc X-EXPS +LOGIN 235 10
10:00:04 10.1.4.7 pc MAIL +FROM:<b@corp.example> 250 30
10:00:05 10.1.4.7 pc QUIT pc 240 4
10:00:06 10.1.4.7 pc EHLO +pc 250 7
10:00:06 10.1.4.7 pc MAIL +FROM:<c@corp.example> 250 30
`)
	want := []string{"<a@corp.example>: aborted", "<b@corp.example>: aborted authenticated", "<c@corp.example>: open"}
	if diff := cmp.Diff(want, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	var logins []string
	for _, l := range b.Logins {
		logins = append(logins, fmt.Sprint(l.At, " ", l.ClientIP, " ", l.User, l.OK))
	}
	want = []string{"2026-03-02T10:00:02Z 10.1.4.7 false", "2026-03-02T10:00:04Z 10.1.4.7 true"}
	if diff := cmp.Diff(want, logins); diff != "" {
		t.Errorf("logins (-want +got):\n%s", diff)
	}
}

// A transaction that is filled goes on in another at its own row, and both end
// by the same DATA.
func TestIISInboundFull(t *testing.T) {
	const row = "10:00:01 10.1.4.7 pc "
	for _, tt := range []struct {
		name   string
		before string // Rows before the transaction.
		exact  bool
	}{
		{name: "alone", exact: true},
		{name: "with a neighbour at first", before: row + "MAIL +FROM:<n@corp.example> 250 30\n" + row + "RCPT +TO:<b@example.net> 250 30\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newIISRun(t)
			r.feed(iisShortHeader + tt.before)
			first := r.offset
			r.feed(row + "MAIL +FROM:<a@corp.example> 250 30\n")
			if tt.before != "" {
				r.feed(row + "DATA - 250 9\n") // Of the neighbour.
			}
			for range mail.MaxRecipients {
				r.feed(row + "RCPT +TO:<b@example.net> 250 30\n")
			}
			r.stop()
			second := r.offset
			r.feed(row + "RCPT +TO:<c@example.net> 250 30\n" + row + "DATA - 250 99\n")
			got := r.batch().Transactions
			for i, want := range []mail.Transaction{
				{Pos: mail.LogPos{Log: iisTestLog, Offset: first}, Former: mail.MaxRecipients},
				{Pos: mail.LogPos{Log: iisTestLog, Offset: second}, Former: 1},
			} {
				tx := got[len(got)-2+i]
				tx.Former, tx.Recipients = len(tx.Recipients), nil // Too many to print.
				want.At, want.EndAt = tx.At, tx.EndAt
				want.ClientIP, want.HELO, want.ReversePath = "10.1.4.7", "pc", "a@corp.example"
				want.Outcome, want.SizeBytes, want.Exact = mail.Accepted, 99, tt.exact
				if diff := cmp.Diff(want, tx); diff != "" {
					t.Errorf("transaction %d, Former for the number of recipients (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// A log without QUIT rows does not keep transactions open without end.
func TestIISInboundMaxOpen(t *testing.T) {
	r := newIISRun(t)
	r.feed(iisShortHeader)
	for range iisMaxOpen + 1 {
		r.feed("10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30\n")
	}
	b := r.batch()
	if first, second := b.Transactions[0].Outcome, b.Transactions[1].Outcome; first != mail.Aborted || second != mail.Open {
		t.Errorf("got the oldest %q, the next %q; want aborted, and open", first, second)
	}
}

// The server's clock is saved: a stop does not make late rows idle.
func TestIISInboundLateAfterStop(t *testing.T) {
	r := newIISRun(t)
	r.feed(`#Fields: date time c-ip cs-username cs-method cs-uri-query sc-status
2026-03-02 10:41:00 10.1.4.9 pc NOOP - 250
2026-03-02 10:09:00 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250
`)
	r.stop()
	r.feed("2026-03-02 10:42:00 10.1.4.9 pc NOOP - 250\n")
	if diff := cmp.Diff([]string{"<a@corp.example>: open"}, transactionLines(r.batch())); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}

// A log of former days that is read later leaves what is open of newer ones, and
// closes its own idle sessions.
func TestIISInboundFormerDays(t *testing.T) {
	r := newIISRun(t)
	r.feed(iisShortHeader + "10:00:01 10.1.4.7 pc MAIL +FROM:<a@corp.example> 250 30\n")
	r.stop()
	r.feed(strings.Replace(iisShortHeader, "03-02", "03-01", 1) + `10:00:01 10.1.4.8 pc MAIL +FROM:<b@corp.example> 250 30
10:59:01 10.1.4.9 pc MAIL +FROM:<c@corp.example> 250 30
`)
	r.stop()
	r.feed(iisShortHeader + "10:00:02 10.1.4.7 pc RCPT +TO:<d@example.net> 250 30\n")
	want := []string{"<a@corp.example> <d@example.net> 250: open", "<b@corp.example>: aborted", "<c@corp.example>: aborted"}
	if diff := cmp.Diff(want, transactionLines(r.batch())); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
}
