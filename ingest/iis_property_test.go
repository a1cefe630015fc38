package ingest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"relaywatch/mail"
)

// scriptedSession is the rows of one session in their order, without the time.
type scriptedSession struct {
	client, helo string
	rows         []string // Of cs-method to cs-bytes.
}

// drawIISSession draws a session of RFC 5321: messages that are sent, refused, reset
// or left, with recipients of which some are refused.
func drawIISSession(t *rapid.T) scriptedSession {
	s := scriptedSession{
		client: rapid.SampledFrom([]string{"10.1.4.7", "10.1.4.8", "2001:db8::7"}).Draw(t, "client"),
		helo:   rapid.SampledFrom([]string{"pc", "PC", "-"}).Draw(t, "helo"),
	}
	add := func(row ...string) { s.rows = append(s.rows, row...) }
	if s.helo != "-" {
		add("EHLO +" + s.helo + " 250 7")
	}
	if rapid.Bool().Draw(t, "login") {
		add("AUTH +LOGIN 334 10", "AUTH +LOGIN 235 10")
	}
	for m := range rapid.IntRange(0, 3).Draw(t, "messages") {
		mailReply := rapid.SampledFrom([]int{250, 250, 250, 550}).Draw(t, "MAIL")
		add(fmt.Sprintf("MAIL +FROM:<a%d@corp.example> %d 30", m, mailReply))
		for range rapid.IntRange(0, 6).Draw(t, "recipients") {
			reply := 503
			if mailReply == 250 {
				reply = rapid.SampledFrom([]int{250, 250, 550, 451}).Draw(t, "RCPT")
			}
			add(fmt.Sprintf("RCPT +TO:<b@example.net> %d 30", reply))
		}
		switch rapid.IntRange(0, 3).Draw(t, "end") {
		case 0:
			add("DATA +<1@pc> 250 999")
		case 1:
			add("DATA - 554 4")
		case 2:
			add("BDAT +10 250 9", "BDAT +7+LAST 250 9")
		}
		add("RSET - 250 4")
	}
	if rapid.Bool().Draw(t, "quit") {
		add("QUIT " + s.helo + " 240 4")
	}
	return s
}

// interleaveIIS draws an order of all rows that keeps each session's own.
func interleaveIIS(t *rapid.T, sessions []scriptedSession) []string {
	next := make([]int, len(sessions))
	var open, sec []int
	for i := range sessions {
		open = append(open, i)
	}
	sec = rapid.SliceOfN(rapid.IntRange(0, 3), 1, 10).Draw(t, "seconds")
	at := mail.Time(0)
	var rows []string
	for len(open) > 0 {
		j := rapid.IntRange(0, len(open)-1).Draw(t, "session")
		i := open[j]
		s := sessions[i]
		if next[i] == len(s.rows) {
			open = append(open[:j], open[j+1:]...)
			continue
		}
		at += mail.Time(sec[len(rows)%len(sec)])
		rows = append(rows, fmt.Sprintf("10:%02d:%02d %s %s %s\n", at/60%60, at%60, s.client, s.helo, s.rows[next[i]]))
		next[i]++
	}
	return rows
}

// Whatever the order in which the rows of sessions stand: every RCPT row is one
// recipient, of its own client, and stops change nothing.
func TestIISNoRecipientLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sessions := rapid.SliceOfN(rapid.Custom(drawIISSession), 1, 8).Draw(rt, "sessions")
		rows := interleaveIIS(rt, sessions)
		through, stopped := newIISRun(t), newIISRun(t)
		through.feed(iisShortHeader)
		stopped.feed(iisShortHeader)
		clients := map[int64]string{} // Of each RCPT row, by its offset.
		for _, row := range rows {
			if f := strings.Fields(row); f[3] == "RCPT" {
				clients[through.offset] = f[1] + " " + strings.TrimPrefix(f[2], "-")
			}
			through.feed(row)
			stopped.feed(row)
			if rapid.IntRange(0, 3).Draw(rt, "stop") == 0 {
				stopped.stop()
			}
		}
		got, again := through.batch(), stopped.batch()
		if diff := cmp.Diff(got, again); diff != "" {
			rt.Fatalf("without and with stops (-without +with):\n%s", diff)
		}
		for _, tx := range got.Transactions {
			for _, r := range tx.Recipients {
				if want, ok := clients[r.Pos.Offset]; !ok || want != tx.ClientIP+" "+tx.HELO {
					rt.Fatalf("recipient at %d: got client %s %s; want %q, once", r.Pos.Offset, tx.ClientIP, tx.HELO, want)
				}
				delete(clients, r.Pos.Offset)
			}
		}
		if len(clients) > 0 {
			rt.Fatalf("got no recipient for the RCPT rows at %v; want one each", clients)
		}
	})
}

// A session that shares its client and HELO name with no other is told exactly,
// however the rows of others stand between its own.
func TestIISLoneSessionExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sessions := rapid.SliceOfN(rapid.Custom(drawIISSession), 1, 6).Draw(rt, "sessions")
		lone := drawIISSession(rt)
		lone.client = "192.0.2.1"
		want := readIIS(t, iisShortHeader+strings.Join(interleaveIIS(rt, []scriptedSession{lone}), ""))
		got := readIIS(t, iisShortHeader+strings.Join(interleaveIIS(rt, append(sessions, lone)), ""))
		var lines []string
		for i := range got.Transactions {
			if tx := &got.Transactions[i]; tx.ClientIP == lone.client {
				lines = append(lines, transactionLine(tx))
			}
		}
		if diff := cmp.Diff(transactionLines(want), lines); diff != "" {
			rt.Fatalf("alone and among others (-alone +among):\n%s", diff)
		}
		for _, line := range lines {
			if strings.Contains(line, "inexact") {
				rt.Fatalf("got %s; want it exact", line)
			}
		}
	})
}

// millionRows is a log of mass mailers: 40 clients with two HELO names each and
// up to 300 sessions at once.
type millionRows struct {
	random *rand.Rand
	rcpts  int // RCPT rows that are still to come.
	open   []*millionSession
}

type millionSession struct {
	client, helo string
	state        string // The verb of the last row.
	recipients   int    // Still to come in this message.
	messages     int
}

// row is the next row without its time.
func (m *millionRows) row() string {
	if len(m.open) < 300 && m.random.IntN(3) == 0 || len(m.open) == 0 {
		m.open = append(m.open, &millionSession{
			client: fmt.Sprintf("10.1.0.%d", m.random.IntN(40)), helo: fmt.Sprintf("pc%d", m.random.IntN(2)),
			state: "new", messages: 1 + m.random.IntN(5),
		})
	}
	i := m.random.IntN(len(m.open))
	s := m.open[i]
	text := s.next(m)
	if s.state == "QUIT" {
		m.open = append(m.open[:i], m.open[i+1:]...)
	}
	return s.client + " " + s.helo + " " + text
}

func (s *millionSession) next(m *millionRows) string {
	switch {
	case s.state == "new":
		s.state = "HELO"
		return "HELO +" + s.helo + " 250 7"
	case m.random.IntN(50) == 0:
		return "NOOP - 250 4"
	case (s.state == "HELO" || s.state == "DATA") && s.messages > 0:
		s.state, s.messages, s.recipients = "MAIL", s.messages-1, 1+m.random.IntN(9)
		return "MAIL +FROM:<a@corp.example> 250 30"
	case (s.state == "MAIL" || s.state == "RCPT") && s.recipients > 0 && m.rcpts > 0:
		s.state, s.recipients, m.rcpts = "RCPT", s.recipients-1, m.rcpts-1
		return fmt.Sprintf("RCPT +TO:<b%d@example.net> %d 30", m.random.IntN(5000), []int{250, 250, 250, 550}[m.random.IntN(4)])
	case s.state == "MAIL" || s.state == "RCPT":
		s.state = "DATA"
		return "DATA +<1@pc> 250 2000"
	}
	s.state = "QUIT"
	return "QUIT " + s.helo + " 240 4"
}

// 593,656 of the million rows of a mass mailer's log are RCPT rows; so many
// recipients must come out, each once, with a stop every 50,000 rows.
func TestIISMillionRows(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a million rows")
	}
	const rows, rcpts = 1_000_000, 593_656
	m := &millionRows{random: rand.New(rand.NewPCG(1, 2)), rcpts: rcpts}
	r := newIISRun(t)
	r.feed(iisShortHeader)
	left := make(map[int64]bool, rcpts)
	for i := range rows {
		text := m.row()
		if strings.Contains(text, " RCPT ") {
			left[r.offset] = true
		}
		at := i / 100
		r.feed(fmt.Sprintf("%02d:%02d:%02d %s\n", (10+at/3600)%24, at/60%60, at%60, text))
		if i%50_000 == 0 {
			r.stop()
		}
	}
	if len(left) != rcpts {
		t.Fatalf("the log has %d RCPT rows; want %d", len(left), rcpts)
	}
	b := r.batch()
	recipients, inexact := 0, 0
	for _, tx := range b.Transactions {
		for _, to := range tx.Recipients {
			if !left[to.Pos.Offset] {
				t.Fatalf("recipient at %d is no RCPT row, or is told twice", to.Pos.Offset)
			}
			delete(left, to.Pos.Offset)
			recipients++
		}
		if !tx.Exact {
			inexact++
		}
	}
	if recipients != rcpts || len(left) != 0 || len(b.Rejects) != 0 {
		t.Errorf("got %d recipients, %d lost, %d rejects; want %d, 0, 0", recipients, len(left), len(b.Rejects), rcpts)
	}
	if inexact == 0 || inexact == len(b.Transactions) {
		t.Errorf("got %d of %d transactions inexact; want some, since sessions are parallel, and not all", inexact, len(b.Transactions))
	}
}
