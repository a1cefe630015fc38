package ingest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"relaywatch/mail"
)

// endAll ends every session that is still open, as '-' rows would.
func (l *exchangeLog) endAll() {
	for _, key := range slices.Sorted(maps.Keys(l.sessions.servers)) {
		v := l.sessions.servers[key]
		for _, key := range slices.Sorted(maps.Keys(v.sessions)) {
			v.sessions[key].end(v.sessions[key].LastAt)
		}
		clear(v.sessions)
	}
}

// drawnRow is a row of a session that a property test drew.
type drawnRow struct {
	event byte
	data  string
	reply int // Of RCPT.
}

// drawSession draws what a client says and a server answers in one session.
func drawSession(t *rapid.T) []drawnRow {
	rows := []drawnRow{{event: '+'}, {event: '>', data: "220 ready"}}
	code := rapid.SampledFrom([]int{250, 250, 250, 451, 550})
	for range rapid.IntRange(0, 4).Draw(t, "transactions") {
		var commands, replies []drawnRow
		say := func(command string, code int) {
			commands = append(commands, drawnRow{'<', command, code})
			replies = append(replies, drawnRow{'>', fmt.Sprintf("%d told", code), 0})
		}
		switch rapid.SampledFrom([]string{"", "", "EHLO h", "NOOP", "X"}).Draw(t, "first") {
		case "EHLO h":
			say("EHLO h", 250)
		case "NOOP":
			say("NOOP", 250)
		case "X":
			say("X", 500)
		}
		if rapid.IntRange(0, 9).Draw(t, "mail") > 0 {
			say(fmt.Sprintf("MAIL FROM:<s%d@example.org>", rapid.IntRange(0, 3).Draw(t, "sender")), code.Draw(t, "mail code"))
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "recipients") {
			say(fmt.Sprintf("RCPT TO:<r%d@example.net>", i), code.Draw(t, "code"))
		}
		switch rapid.SampledFrom([]string{"", "BDAT 5 LAST", "RSET", "DATA"}).Draw(t, "last") {
		case "BDAT 5 LAST":
			say("BDAT 3", 250)
			say("BDAT 5 LAST", code.Draw(t, "end"))
		case "RSET":
			say("RSET", 250)
		case "DATA":
			say("DATA", code.Draw(t, "end"))
			replies = slices.Insert(replies, len(replies)-1, drawnRow{'>', "354 go on", 0})
		}
		if rapid.Bool().Draw(t, "pipelined") {
			rows = append(append(rows, commands...), replies...)
			continue
		}
		for i := range commands {
			rows = append(rows, commands[i], replies[i])
		}
		rows = append(rows, replies[len(commands):]...)
	}
	return append(rows, drawnRow{event: '-'})
}

// However sessions interleave, and wherever reading stops, each RCPT row is one
// recipient with its own place and reply, and the parts make the same whole.
func TestExchangeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sessions := make([][]drawnRow, rapid.IntRange(1, 4).Draw(t, "sessions"))
		for i := range sessions {
			sessions[i] = drawSession(t)
		}
		format, turn := FormatExchangeReceive, map[byte]byte{'<': '<', '>': '>'}
		if rapid.Bool().Draw(t, "send") {
			format, turn = FormatExchangeSend, map[byte]byte{'<': '>', '>': '<'}
		}
		silent := rapid.IntRange(0, 3).Draw(t, "silent") == 0 // Then replies come too late.
		at := exchangeStart
		whole, parts := newExchangeLog(t, format), newExchangeLog(t, format)
		want := make(map[mail.LogPos]int)
		for open := len(sessions); open > 0; {
			i := rapid.IntRange(0, len(sessions)-1).Draw(t, "session")
			for len(sessions[i]) == 0 {
				i = (i + 1) % len(sessions)
			}
			r := sessions[i][0]
			if sessions[i] = sessions[i][1:]; len(sessions[i]) == 0 {
				open--
			}
			at += mail.Time(rapid.IntRange(0, 2).Draw(t, "seconds"))
			if silent && rapid.IntRange(0, 19).Draw(t, "pause") == 0 {
				at += 3700
			}
			event := r.event
			if e, ok := turn[event]; ok {
				event = e
			}
			if bytes.HasPrefix([]byte(r.data), []byte("RCPT")) {
				want[mail.LogPos{Log: exchangeTestLog, Offset: whole.offset}] = r.reply
			}
			line := fmt.Appendf(nil, `%s,EX%d\Default,S%d,0,10.0.0.5:25,192.0.2.1:5010%d,%c,%s,`, at, i%2, i/2, i, event, r.data)
			whole.line(line)
			parts.line(line)
			if rapid.IntRange(0, 4).Draw(t, "stop") == 0 {
				parts.stop()
			}
		}
		whole.endAll() // Those that a pause cut off from their last row.
		parts.endAll()
		result := whole.result()
		got := make(map[mail.LogPos]int)
		for _, tx := range result.Transactions {
			for _, r := range tx.Recipients {
				if _, ok := got[r.Pos]; ok {
					t.Errorf("row %v: got two recipients; want one", r.Pos)
				}
				got[r.Pos] = r.Reply
				if silent {
					got[r.Pos] = want[r.Pos]
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
		if format == FormatExchangeSend && len(result.Deliveries) != len(want) {
			t.Errorf("got %d deliveries; want %d", len(result.Deliveries), len(want))
		}
		if diff := cmp.Diff(result, parts.result()); diff != "" {
			t.Errorf("stopped (-whole +parts):\n%s", diff)
		}
	})
}

// Any bytes: each line that is no header and not blank is understood or an error,
// and each understood RCPT row is one recipient.
func FuzzExchange(f *testing.F) {
	f.Add([]byte(exchangeRows(`EX01\Default`, "S1", "10.0.0.5:25", "10.1.4.7:50100", greeting+`
		< AUTH LOGIN
		> 334 x
		* CORP\ann|authenticated
		> 235 ok
		< MAIL FROM:<"a>b"@example.org> SIZE=3
		< RCPT TO:<b@example.net>
		< BDAT 3 LAST
		> 250 ok
		> 250 ok
		> 250 2.6.0 <x> 3 bytes in 1
		- |Local`)), uint8(1))
	f.Add([]byte("#Fields: date-time,session-id,event,data\n2023-01-11T16:00:00Z,S,<,RCPT TO:<a>\n2023-01-11T16:00:00Z,S,\"<\",\"RCPT \"\"\"\n"), uint8(0))
	f.Fuzz(func(t *testing.T, log []byte, kind uint8) {
		format := []Format{FormatExchangeReceive, FormatExchangeSend, FormatExchange}[kind%3]
		l := newExchangeLog(t, format)
		recipients := make(map[mail.LogPos]bool)
		for i, line := range bytes.Split(log, []byte{'\n'}) {
			pos := mail.LogPos{Log: exchangeTestLog, Offset: l.offset}
			before := len(l.rejects)
			l.line(line)
			text := bytes.TrimSuffix(bytes.TrimPrefix(line, byteOrderMark), []byte{'\r'})
			if row := len(text) > 0 && text[0] != '#'; !row || len(l.rejects) > before {
				if !row && len(l.rejects) > before {
					t.Fatalf("line %q: got %q; want no row", line, l.rejects[before])
				}
				continue
			}
			d := l.decoder
			command := map[Format]byte{FormatExchangeReceive: '<', FormatExchangeSend: '>'}[format]
			if d.row.event == command && parseExchangeCommand(&d.row, d.texts).Verb == exchangeRCPT {
				recipients[pos] = true
			}
			if i%7 == 6 {
				l.stop()
			}
		}
		l.endAll()
		if format == FormatExchange {
			l.result()
			return // Which rows are commands, the sessions decide.
		}
		for _, tx := range l.result().Transactions {
			for _, r := range tx.Recipients {
				if !recipients[r.Pos] {
					t.Fatalf("recipient at %v: want a RCPT row there, and only one recipient", r.Pos)
				}
				delete(recipients, r.Pos)
			}
		}
		if len(recipients) > 0 {
			t.Fatalf("got no recipient of the rows at %v", recipients)
		}
	})
}
