package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"relaywatch/mail"
)

func TestExchangeRow(t *testing.T) {
	const rest = ",EX01\\Default,08DA000000000001,3,10.0.0.5:25,10.1.4.7:50100,"
	const good = "2023-01-11T16:00:04.113Z" + rest
	for _, c := range []struct{ name, line, want string }{
		{"a row", good + "<,MAIL FROM:<>,", `1673452804 < "MAIL FROM:<>" ""`},
		{"no fraction", "2023-01-11T16:00:04Z" + rest + "<,NOOP,", `1673452804 < "NOOP" ""`},
		{"CR at the end", good + "-,,Local\r", `1673452804 - "" "Local"`},
		{"a byte order mark", "\xEF\xBB\xBF" + good + "+,,", `1673452804 + "" ""`},
		{"a comma in quotes", good + `>,"220 ready at Tue, 13 Dec",`, `1673452804 > "220 ready at Tue, 13 Dec" ""`},
		{"quotes in quotes", good + `<,"a ""b"", ""","c"`, `1673452804 < "a \"b\", \"" "c"`},
		{"a quote inside is one", good + `<,EHLO "x,`, `1673452804 < "EHLO \"x" ""`},
		{"an empty event is a note", good + ",,attempting to connect", `1673452804 * "" "attempting to connect"`},
		{"the comma of an empty context is lost", good + "<,QUIT", `1673452804 < "QUIT" ""`},
		{"a blank line", "", "no row"},
		{"a header", "#Software: Microsoft Exchange Server", "no row"},

		{"too few columns", good + "<", "the row has 7 columns instead of the 9 of #Fields"},
		{"too many columns", good + "<,a,b,c", "the row has more columns than the 9 of #Fields"},
		{"no comma at all", "half a r", "the row has 1 columns instead of the 9 of #Fields"},
		{"an open quote", good + `<,"MAIL,`, errOpenQuote.Error()},
		{"text behind a quote", good + `<,"MAIL"x,`, errBehindQuote.Error()},
		{"no session", "2023-01-11T16:00:04Z,EX01\\Default,,3,,,<,NOOP,", errNoSession.Error()},
		{"an unknown event", good + "?,NOOP,", `event "?" is none of + - < > *`},
		{"an event of two letters", good + "<>,NOOP,", `event "<>" is none of + - < > *`},
		{"no time", rest + "<,NOOP,", errNoTime.Error()},
		{"no zone", "2023-01-11T16:00:04.113" + rest + "<,NOOP,", errNoTime.Error()},
		{"another zone", "2023-01-11T16:00:04+01:00" + rest + "<,NOOP,", errNoTime.Error()},
		{"no such day", "2023-02-29T16:00:04.113Z" + rest + "<,NOOP,", errNoTime.Error()},
		{"no digits in the fraction", "2023-01-11T16:00:04.1x3Z" + rest + "<,NOOP,", errNoTime.Error()},
		{"the beginning of time", "1970-01-01T00:00:00Z" + rest + "<,NOOP,", errNoTime.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newExchangeLog(t, FormatExchangeReceive).decoder
			row, at, err := d.decode([]byte(c.line), mail.LogPos{})
			got := "no row"
			if err != nil {
				got = err.Error()
			} else if row {
				got = fmt.Sprintf("%d %c %q %q", at, d.row.event, d.row.data, d.row.context)
			}
			if got != c.want {
				t.Errorf("got %s; want %s", got, c.want)
			}
			if err != nil && !row {
				t.Errorf("got an error for a line that is no row")
			}
		})
	}
}

// A row that is decoded must survive the reader's reuse of its buffer.
func TestExchangeRowIsKept(t *testing.T) {
	d := newExchangeLog(t, FormatExchangeReceive).decoder
	line := []byte("2023-01-11T16:00:04Z,EX01\\Default,08DA000000000001,3,10.0.0.5:25,10.1.4.7:50100,<,NOOP,")
	if _, _, err := d.decode(line, mail.LogPos{}); err != nil {
		t.Fatal(err)
	}
	for i := range line {
		line[i] = 'x'
	}
	if got := string(d.row.data); got != "NOOP" {
		t.Errorf("got data %q; want NOOP", got)
	}
}

func TestExchangeFields(t *testing.T) {
	l := newExchangeLog(t, FormatExchangeReceive)
	l.read("#Fields: event, data,session-id,date-time,remote-endpoint\r\n" +
		"<,MAIL FROM:<a@example.org>,S1,2023-01-11T16:00:00Z,10.1.4.7:50100\n")
	l.stop() // The columns in force outlive the run.
	l.read(">,250 2.1.0 Sender OK,S1,2023-01-11T16:00:01Z,10.1.4.7:50100\n" +
		"#fields: date-time,session-id,remote-endpoint,data,event,context\n" +
		"2023-01-11T16:00:02Z,S1,10.1.4.7:50100,RCPT TO:<b@example.net>,<,\n" +
		"2023-01-11T16:00:03Z,S1,10.1.4.7:50100,250 2.1.5 Recipient OK,>,\n")
	if len(l.rejects) > 0 {
		t.Errorf("got rejected rows %q; want none", l.rejects)
	}
	wantFacts(t, l.result(), `<a@example.org> open; <b@example.net> 250@2`)
}

func TestExchangeAbout(t *testing.T) {
	const row = "2023-01-11T16:00:04Z,%s,08DA000000000001,3,10.0.0.5:25,10.1.4.7:50100,%s,%s,\n"
	for _, c := range []struct {
		name   string
		format Format
		log    string
		server string
		lacks  string
	}{
		{"a receive connector names its server", FormatExchangeReceive, fmt.Sprintf(row, `ex01\Default Frontend ex01`, "+", ""), "EX01", ""},
		{"a name with a backslash in it", FormatExchangeReceive, fmt.Sprintf(row, `ex01\a\b`, "+", ""), `EX01\A`, ""},
		{"a connector without a server", FormatExchangeReceive, fmt.Sprintf(row, `Relay`, "+", ""), "", ""},
		{"a send connector does not", FormatExchangeSend, fmt.Sprintf(row, `Internet`, "+", ""), "", ""},
		{
			"but EHLO does", FormatExchangeSend,
			fmt.Sprintf(row, `Internet`, ">", "EHLO ex01.corp.example") + fmt.Sprintf(row, `Internet`, "<", "250 Hello"),
			"EX01.CORP.EXAMPLE", "",
		},
		{"a log without data", FormatExchangeReceive, "#Fields: date-time,connector-id,session-id,event\n", "", "remote-endpoint data context"},
		{"all that matters", FormatExchangeReceive, "#Fields: date-time,session-id,remote-endpoint,event,data,context\n", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newExchangeLog(t, c.format)
			l.read(c.log)
			l.stop()
			got := l.decoder.about()
			if got.server != c.server {
				t.Errorf("got server %q; want %q", got.server, c.server)
			}
			if got := strings.Join(got.missing, " "); got != c.lacks {
				t.Errorf("got missing %q; want %q", got, c.lacks)
			}
		})
	}
}

func TestExchangeEndpoints(t *testing.T) {
	for _, c := range []struct{ endpoint, want string }{
		{"192.0.2.1:25", "192.0.2.1"},
		{"192.0.2.1", "192.0.2.1"},
		{"[2001:db8::1]:25", "2001:db8::1"},
		{"[2001:DB8:0::1]", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::1"},
		{"[fe80::1%3]:25", "fe80::1"},
		{"fe80::1%3:25", "fe80::1"},
		{"fe80::1%eth0", "fe80::1"},
		{"[::ffff:192.0.2.1]:25", "192.0.2.1"},
		{"x.x.x.x:25", "x.x.x.x"},
		{"10.**.**.168:25", "10.**.**.168"},
		{"InternalIPOfMyMailServer:10437", "InternalIPOfMyMailServer"},
		{"[half", "[half"},
		{"", ""},
	} {
		x, err := newTexts("")
		if err != nil {
			t.Fatal(err)
		}
		if got := x.ip(host([]byte(c.endpoint))); got != c.want {
			t.Errorf("%s: got %s; want %s", c.endpoint, got, c.want)
		}
	}
}

func TestExchangeWho(t *testing.T) {
	l := newExchangeLog(t, FormatExchangeReceive)
	l.read(exchangeRows(`ex01\Client`, "S1", "[2001:db8::5]:587", "[2001:db8::7]:50100", `
		< EHLO [10.1.4.7]
		> 250 Hello
		< MAIL FROM:<a@example.org>
		> 250 2.1.0 Sender OK`))
	tx := l.result().Transactions[0]
	want := mail.Transaction{
		Pos: tx.Pos, At: exchangeStart + 2, Server: "EX01", ServerIP: "2001:db8::5", ClientIP: "2001:db8::7", Connector: "Client", TLS: mail.Plain,
		HELO: "[10.1.4.7]", ReversePath: "a@example.org", Exact: true, SizeBytes: -1,
	}
	if got, want := fmt.Sprintf("%+v", tx), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// A log without its header: each session tells by its first command or reply
// where it goes.
func TestExchangeDirection(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"a command comes in", "< MAIL FROM:<>\n> 250 Ok", `<> open`},
		{"a reply goes out", "> 220 Ready\n< MAIL FROM:<>\n> 250 Ok", `<> open`},
		{"a reply comes in", "< 220 Ready\n> MAIL FROM:<>\n< 250 Ok", `<> open out`},
		{"a command goes out", "> MAIL FROM:<>\n< 250 Ok", `<> open out`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newExchangeLog(t, FormatExchange)
			l.read(exchangeRows("Any", "S1", "10.0.0.5:25", "192.0.2.26:25", c.rows))
			wantFacts(t, l.result(), c.want)
		})
	}
}

// One mail through the front end and on to the hub of the same server is one
// mail that came in: the hub's transaction, and the front end's delivery to it,
// are hops.
func TestExchangeFrontEndAndHub(t *testing.T) {
	tr := &tray{}
	sessions := newExchangeSessions(tr)
	const message = `
		< MAIL FROM:<a@example.org> %s
		> 250 2.1.0 Sender OK
		< RCPT TO:<ann@corp.example>
		> 250 2.1.5 Recipient OK
		< BDAT 100 LAST
		> 250 2.6.0 Queued
	`
	out := strings.NewReplacer("\t< ", "\t> ", "\t> ", "\t< ").Replace(fmt.Sprintf(message, ""))
	for _, log := range []struct {
		format Format
		rows   string
	}{
		{FormatExchangeReceive, exchangeRows(`EX01\Default Frontend EX01`, "08D5000000000001", "10.0.0.5:25", "192.0.2.7:50100", fmt.Sprintf(message, ""))},
		{FormatExchangeSend, exchangeRows(`Inbound Proxy Internal Send Connector`, "08D5000000000002", "10.0.0.5:40000", "10.0.0.5:2525",
			"* |Proxying inbound session with session id 08D5000000000001"+out)},
		{FormatExchangeReceive, exchangeRows(`EX01\Default EX01`, "08D5000000000003", "10.0.0.5:2525", "10.0.0.5:40000",
			"< XPROXYFROM SID=08D5000000000001 IP=192.0.2.7\n> 250 XProxyFrom accepted\n"+fmt.Sprintf(message, "SIZE=0 AUTH=<> XMESSAGEVALUE=MediumHigh"))},
	} {
		x, err := newTexts("")
		if err != nil {
			t.Fatal(err)
		}
		d, err := newExchangeDecoder(sessions, x, log.format, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(log.rows), "\n") {
			if _, _, err := d.decode([]byte(line), mail.LogPos{Log: mail.LogID(len(log.rows)), Offset: int64(i)}); err != nil {
				t.Fatal(err)
			}
			d.apply()
		}
	}
	var b Batch
	tr.take(&b)
	var submitters []string
	for _, tx := range b.Transactions {
		submitters = append(submitters, tx.Submitter().String())
	}
	if want := []string{"ip:192.0.2.7", "", ""}; !slices.Equal(submitters, want) {
		t.Errorf("got submitters %q; want %q", submitters, want)
	}
	if len(b.Deliveries) > 0 {
		t.Errorf("got deliveries %v; want none", b.Deliveries)
	}
}

// A transaction that is full goes on in another, at the row of the recipient that
// has no place in it, and both end by the same DATA.
func TestExchangeMaxRecipients(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK\n")
	for range mail.MaxRecipients + 1 {
		rows.WriteString("< RCPT TO:<b@example.net>\n")
	}
	for range mail.MaxRecipients + 1 {
		rows.WriteString("> 250 2.1.5 Recipient OK\n")
	}
	rows.WriteString("< BDAT 99 LAST\n> 250 2.6.0 Queued\n")
	txs := received(t, rows.String()).Transactions
	if len(txs) != 2 || len(txs[0].Recipients) != mail.MaxRecipients || len(txs[1].Recipients) != 1 {
		t.Fatalf("got %d transactions; want one with %d recipients, one with 1", len(txs), mail.MaxRecipients)
	}
	for _, tx := range txs {
		if tx.Outcome != mail.Accepted || tx.SizeBytes != 99 {
			t.Errorf("got %v, %d bytes; want accepted, 99 bytes", tx.Outcome, tx.SizeBytes)
		}
	}
	full, rest := txs[0], txs[1]
	if rest.Pos != rest.Recipients[0].Pos || rest.At != rest.Recipients[0].At || rest.ReversePath != full.ReversePath {
		t.Errorf("got the second of %s at %v; want that of the first, at its recipient's row %v", rest.ReversePath, rest.Pos, rest.Recipients[0].Pos)
	}
}

// Sessions whose end is lost end once the clock of their own server says so,
// also if they never speak again.
func TestExchangeSilence(t *testing.T) {
	l := newExchangeLog(t, FormatExchangeReceive)
	row := func(server, session, at, event string) {
		l.read(fmt.Sprintf("2023-01-11T%sZ,%s\\Default,%s,0,10.0.0.5:25,10.1.4.7:50100,%s,\n", at, server, session, event))
	}
	row("EX01", "S1", "16:00:00", "<,MAIL FROM:<one@example.org>")
	row("EX01", "S1", "16:00:09", ">,250 2.1.0 Sender OK")
	row("EX02", "S1", "16:00:00", "<,MAIL FROM:<two@example.org>")
	row("EX02", "S1", "16:00:01", ">,250 2.1.0 Sender OK")
	row("EX01", "S2", "17:00:08", "<,NOOP") // A second too early.
	wantSilent := func(want string) {
		t.Helper()
		var b Batch
		l.tray.take(&b)
		wantFacts(t, &b, want)
	}
	wantSilent("<one@example.org> open\n<two@example.org> open")
	row("EX01", "S2", "17:09:59", "<,NOOP") // Nobody looks before the next ten minutes.
	wantSilent("")
	row("EX01", "S2", "17:10:00", "<,NOOP")
	wantSilent("<one@example.org> aborted@9")
	if got := len(l.sessions.servers[`rEX02`].sessions); got != 1 {
		t.Errorf("got %d sessions of EX02; want the one whose server wrote nothing since", got)
	}
}

func TestExchangeSavedIsBroken(t *testing.T) {
	l := newExchangeLog(t, FormatExchangeReceive)
	for _, saved := range []string{"", "{}", `[{"clock":1}]`, `[{"key":"ckVYMDE=","sessions":[{"key":"UzE="}]}]`} {
		if err := l.sessions.restore([]byte(saved)); err == nil {
			t.Errorf("restore %q: got no error; want one", saved)
		}
	}
	if _, err := newExchangeDecoder(l.sessions, l.texts, FormatExchangeReceive, []byte("half")); err == nil {
		t.Error("decoder memory: got no error; want one")
	}
	if _, err := newExchangeDecoder(l.sessions, l.texts, FormatIISW3C, nil); err == nil {
		t.Error("format of IIS: got no error; want one")
	}
}

// What a session is known by may be any bytes, as long as it is kept.
func TestExchangeSavedKeepsAnyBytes(t *testing.T) {
	l := newExchangeLog(t, FormatExchangeReceive)
	const row = "2023-01-11T16:00:0%dZ,\xE9\xFF\\Default,\xFE,0,,\xFD:1,%s,\n"
	l.read(fmt.Sprintf(row, 0, "<,MAIL FROM:<\xE9@example.org>"))
	l.stop()
	l.read(fmt.Sprintf(row, 1, ">,250 2.1.0 Sender OK"))
	wantFacts(t, l.result(), "<é@example.org> open")
}

func TestExchangeGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/exchange/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("got logs %v, %v; want some", logs, err)
	}
	for _, path := range logs {
		name := strings.TrimSuffix(filepath.Base(path), ".log")
		t.Run(name, func(t *testing.T) {
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			format := FormatExchange
			switch {
			case strings.HasPrefix(name, "recv-"):
				format = FormatExchangeReceive
			case strings.HasPrefix(name, "send-"):
				format = FormatExchangeSend
			}
			l := newExchangeLog(t, format)
			l.read(string(log))
			if len(l.rejects) > 0 {
				t.Errorf("got rejected rows %q; want none", l.rejects)
			}
			checkGolden(t, strings.TrimSuffix(path, ".log")+".golden.json", l.result())
		})
	}
}
