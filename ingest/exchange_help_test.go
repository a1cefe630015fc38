package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"relaywatch/mail"
)

const exchangeTestLog mail.LogID = 0xE

// fataler is the part of testing.TB that rapid.T has too.
type fataler interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// exchangeLog reads the rows of one log as the reader does.
type exchangeLog struct {
	t        fataler
	tray     *tray
	sessions *exchangeSessions
	texts    *texts
	decoder  *exchangeDecoder
	format   Format
	offset   int64
	rejects  []string
	batches  []Batch
}

func newExchangeLog(t fataler, format Format) *exchangeLog {
	x, err := newTexts("")
	if err != nil {
		t.Fatal(err)
	}
	l := &exchangeLog{t: t, texts: x, format: format}
	l.open(nil, nil)
	return l
}

// open starts a run that goes on where another stopped.
func (l *exchangeLog) open(sessions, decoder []byte) {
	l.tray = &tray{}
	l.sessions = newExchangeSessions(l.tray)
	if sessions != nil {
		if err := l.sessions.restore(sessions); err != nil {
			l.t.Fatal(err)
		}
	}
	d, err := newExchangeDecoder(l.sessions, l.texts, l.format, decoder)
	if err != nil {
		l.t.Fatal(err)
	}
	l.decoder = d
}

// line reads one line.
func (l *exchangeLog) line(line []byte) {
	pos := mail.LogPos{Log: exchangeTestLog, Offset: l.offset}
	l.offset += int64(len(line)) + 1
	row, at, err := l.decoder.decode(line, pos)
	switch {
	case err != nil:
		l.rejects = append(l.rejects, err.Error())
	case row && at == 0:
		l.t.Fatalf("row %q has no time", line)
	case row:
		l.decoder.apply()
	}
}

func (l *exchangeLog) read(log string) {
	for line := range strings.SplitSeq(strings.TrimSuffix(log, "\n"), "\n") {
		l.line([]byte(line))
	}
}

// stop hands on what was read, and starts the next run.
func (l *exchangeLog) stop() {
	var b Batch
	l.tray.take(&b)
	saved, err := l.sessions.save()
	if err != nil {
		l.t.Fatal(err)
	}
	if !json.Valid(saved) {
		l.t.Fatalf("save: got %q; want JSON", saved)
	}
	l.batches = append(l.batches, b)
	l.open(saved, l.decoder.save())
}

// result is everything that was handed on, with the parts of transactions put
// together.
func (l *exchangeLog) result() *Batch {
	l.stop()
	all := &Batch{}
	at := make(map[mail.LogPos]int)
	for _, b := range l.batches {
		for _, tx := range b.Transactions {
			i, ok := at[tx.Pos]
			if ok != tx.Continued {
				l.t.Fatalf("part of %v: got continued %t; want %t", tx.Pos, tx.Continued, ok)
			}
			if !ok {
				i = len(all.Transactions)
				at[tx.Pos] = i
				all.Transactions = append(all.Transactions, mail.Transaction{})
			}
			former := all.Transactions[i].Recipients
			if tx.Former != len(former) {
				l.t.Fatalf("part of %v: got former %d; want %d", tx.Pos, tx.Former, len(former))
			}
			tx.Recipients = append(former, tx.Recipients...)
			tx.Former, tx.Continued = 0, false
			all.Transactions[i] = tx
		}
		all.Logins = append(all.Logins, b.Logins...)
		all.Deliveries = append(all.Deliveries, b.Deliveries...)
	}
	return all
}

// exchangeRows writes the rows of one session, a second apart from the time of
// start, where each line is an event and the rest of the row: `< MAIL FROM:<>`,
// `* data|context`, and `wait 3600` for a pause in seconds.
func exchangeRows(connector, session, local, remote, lines string) string {
	var b strings.Builder
	at := exchangeStart
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		event, rest, _ := strings.Cut(line, " ")
		if event == "wait" {
			var seconds mail.Time
			fmt.Sscan(rest, &seconds)
			at += seconds
			continue
		}
		data, context, _ := strings.Cut(rest, "|")
		fmt.Fprintf(&b, "%s,%s,%s,%d,%s,%s,%s,%s,%s\n", strings.TrimSuffix(at.String(), "Z")+".250Z", connector, session, at-exchangeStart,
			local, remote, event, quoteExchange(data), quoteExchange(context))
		at++
	}
	return b.String()
}

const exchangeStart mail.Time = 1673452800 // 2023-01-11T16:00:00Z

func quoteExchange(s string) string {
	if !strings.ContainsAny(s, `,"`) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// received reads a session of a client at a front end.
func received(t testing.TB, lines string) *Batch {
	l := newExchangeLog(t, FormatExchangeReceive)
	l.read(exchangeRows(`EX01\Default Frontend EX01`, "08DA000000000001", "10.0.0.5:25", "10.1.4.7:50100", lines))
	if len(l.rejects) > 0 {
		t.Fatalf("got rejected rows %q; want none", l.rejects)
	}
	return l.result()
}

// sent reads a session of the server with a remote one.
func sent(t testing.TB, lines string) *Batch {
	l := newExchangeLog(t, FormatExchangeSend)
	l.read(exchangeRows(`To the internet`, "08DA000000000002", "10.0.0.5:40000", "192.0.2.26:25", lines))
	if len(l.rejects) > 0 {
		t.Fatalf("got rejected rows %q; want none", l.rejects)
	}
	return l.result()
}

// facts tells a Batch in one line each: its transactions, logins and deliveries.
func facts(b *Batch) string {
	var out bytes.Buffer
	for i := range b.Transactions {
		tx := &b.Transactions[i]
		end := "open"
		if tx.Outcome != mail.Open {
			end = fmt.Sprintf("%v@%d", tx.Outcome, tx.EndAt-exchangeStart)
		}
		fmt.Fprintf(&out, "%s %s", pathText(tx.ReversePath), end)
		for _, p := range goldenOf(tx).Properties {
			fmt.Fprintf(&out, " %s", strings.ReplaceAll(p, " ", "-"))
		}
		if tx.User != "" {
			fmt.Fprintf(&out, " user=%s", tx.User)
		}
		if tx.SizeBytes >= 0 {
			fmt.Fprintf(&out, " %dB", tx.SizeBytes)
		}
		for _, r := range tx.Recipients {
			fmt.Fprintf(&out, "; %s %d@%d", pathText(r.Path), r.Reply, r.At-exchangeStart)
		}
		out.WriteByte('\n')
	}
	for _, l := range b.Logins {
		fmt.Fprintf(&out, "login %q %t@%d\n", l.User, l.OK, l.At-exchangeStart)
	}
	for _, d := range b.Deliveries {
		fmt.Fprintf(&out, "delivery %s>%s %s %d %q@%d", pathText(d.ReversePath), pathText(d.Recipient), d.Outcome, d.Reply, d.Text, d.At-exchangeStart)
		if d.RepliedAt != 0 {
			fmt.Fprintf(&out, " replied@%d", d.RepliedAt-exchangeStart)
		}
		out.WriteByte('\n')
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// wantFacts compares a Batch with lines of facts.
func wantFacts(t *testing.T, b *Batch, want string) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(want), "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	if got, want := facts(b), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
