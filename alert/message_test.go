package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"relaywatch/detect"
	"relaywatch/mail"
)

func worm() *Message {
	external := 600
	return &Message{
		ID: "2f1c6a0e5b7d4c3f9a8b1234-1", Event: detect.Grown, Episode: "2f1c6a0e5b7d4c3f9a8b1234", Step: 1, Grew: []string{"severity", "rules"}, Provisional: true,
		Made: time.Date(2026, 11, 5, 2, 16, 30, 0, time.UTC), Host: "log01.corp.example",
		Suspect: Suspect{
			Submitter: "ip:10.1.4.7", Kind: mail.KindIP, Value: "10.1.4.7", FirstFlagged: time.Date(2026, 11, 5, 2, 14, 42, 0, time.UTC),
			LastFlagged: time.Date(2026, 11, 5, 2, 16, 1, 0, time.UTC), Score: 110, Severity: detect.Critical, Rules: []string{"external-list", "off-hours"},
			Recipients: 601, External: &external, Transactions: 5, State: "open", Summary: "10.1.4.7 mailed 601 recipients.",
		},
	}
}

// parsed is a syslog message as a parser of somebody else's reads it.
func parsed(t *testing.T, message []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser().Parse(message)
	if err != nil {
		t.Fatalf("%v: %q", err, message)
	}
	s, ok := m.(*rfc5424.SyslogMessage)
	if !ok || s.Message == nil || s.StructuredData == nil {
		t.Fatalf("got %T without a text or structured data", m)
	}
	return s
}

func TestMessage(t *testing.T) {
	b, err := worm().syslog("local0", CEF, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	want := `<130>1 2026-11-05T02:16:30Z log01.corp.example relaywatch - grown ` +
		`[relaywatch@32473 id="2f1c6a0e5b7d4c3f9a8b1234-1" event="grown" episode="2f1c6a0e5b7d4c3f9a8b1234" step="1" submitter="ip:10.1.4.7" severity="critical" recipients="601" rules="external-list,off-hours"] ` +
		`CEF:0|relaywatch|relaywatch|1.2.3|episode-grown|Suspicion of sending spam has grown|10|externalId=2f1c6a0e5b7d4c3f9a8b1234-1 rt=1793844990000 start=1793844882000 end=1793844961000 ` +
		`dvchost=log01.corp.example act=grown src=10.1.4.7 cs1=ip:10.1.4.7 cs1Label=submitter cs2=external-list,off-hours cs2Label=rules cs3=2f1c6a0e5b7d4c3f9a8b1234 cs3Label=episode ` +
		`cs4=critical cs4Label=severity cs5=severity,rules cs5Label=grew cn1=601 cn1Label=recipients cn2=600 cn2Label=external recipients cn3=1 cn3Label=step msg=10.1.4.7 mailed 601 recipients.`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	m := parsed(t, b)
	if *m.Facility != 16 || *m.Severity != 2 || *m.Hostname != "log01.corp.example" || *m.Appname != "relaywatch" || m.ProcID != nil || *m.MsgID != "grown" ||
		!m.Timestamp.Equal(worm().Made) {
		t.Errorf("got %+v", m)
	}
}

func TestMessageECS(t *testing.T) {
	b, err := worm().syslog("auth", ECS, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(*parsed(t, b).Message), &got); err != nil {
		t.Fatal(err)
	}
	at := func(path string) any {
		var v any = got
		for key := range strings.SplitSeq(path, ".") {
			object, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = object[key]
		}
		return v
	}
	for path, want := range map[string]string{
		"@timestamp": "2026-11-05T02:16:01Z", "message": "10.1.4.7 mailed 601 recipients.", "event.id": "2f1c6a0e5b7d4c3f9a8b1234-1", "event.kind": "alert",
		"event.action": "episode-grown", "event.start": "2026-11-05T02:14:42Z", "event.severity": "10", "source.ip": "10.1.4.7", "related.ip": "[10.1.4.7]",
		"rule.name": "external-list", "observer.hostname": "log01.corp.example", "relaywatch.recipients": "601", "relaywatch.provisional": "true",
	} {
		if got := fmt.Sprint(at(path)); got != want {
			t.Errorf("%s: got %s; want %s", path, got, want)
		}
	}
}

// hostile texts try to begin a field, a line, a message, or something on a screen.
var hostile = []string{
	`x" ] injected="yes`, `\`, `\\"`, `a\]b"c`, "line\nfeed", "x\r\n<14>1 2026-01-01T00:00:00Z evil evil - - - owned", "nul\x00", "\x1b[2J\x1b]0;owned\x07",
	"bidi\u202etxt.exe", "para\u2029graph", "\xff broken", "a|b", `a\|b`, "msg=x act=allowed src=8.8.8.8", `k\=v`, "]] [x@1 y=\"z\"]", "12345 <34>1 - - - - - -", "",
	strings.Repeat("a", 20000), strings.Repeat("\x01", 5000), strings.Repeat("\"", 3000), strings.Repeat("é\n|=]", 2000), "{{.}}", `</script><script>alert(1)</script>`,
}

// Whatever stands in a name, every field comes back as it was, or cut, and no other.
func TestMessageHostile(t *testing.T) {
	for _, text := range hostile {
		for _, kind := range []string{mail.KindIP, mail.KindUser, mail.KindSender, mail.KindHELO} {
			a := worm()
			a.Kind, a.Value, a.Submitter, a.Summary, a.Host, a.Rules = kind, text, kind+":"+text, text, text, []string{text, text}
			for _, format := range []string{CEF, ECS} {
				for _, most := range []int{maxDatagram, maxStream} {
					b, err := a.fit(most, func(a *Message) ([]byte, error) { return a.syslog("local0", format, "1.2|3]") })
					if err != nil {
						t.Fatal(err)
					}
					checkHostile(t, b, a, format, most)
				}
			}
			b, err := a.JSON()
			if err != nil || len(b) > maxStream || bytes.ContainsAny(b, "\n\r\x1b\x00") {
				t.Errorf("%.40q: JSON of %d bytes, %v: %q", text, len(b), err, b)
			}
			var back Message
			if err := json.Unmarshal(b, &back); err != nil || !kept(back.Value, text, false) || !kept(back.Summary, text, false) || back.ID != a.ID {
				t.Errorf("%.40q: %v: got %+v", text, err, back)
			}
		}
	}
}

func checkHostile(t *testing.T, b []byte, a *Message, format string, most int) {
	t.Helper()
	if len(b) > most {
		t.Errorf("%.40q: got %d bytes; want at most %d", a.Value, len(b), most)
	}
	if i := bytes.IndexFunc(b, func(r rune) bool { return unicode.IsControl(r) || r == '\u2029' && format == CEF }); i >= 0 {
		t.Errorf("%.40q: %q acts at %d", a.Value, b, i)
	}
	m := parsed(t, b)
	data := *m.StructuredData
	if len(data) != 1 || len(data[sdID]) != 8 || data[sdID]["id"] != a.ID || data[sdID]["event"] != a.Event || !kept(data[sdID]["submitter"], a.Submitter, true) {
		t.Errorf("%.40q: got structured data %q", a.Value, data)
	}
	if format == ECS {
		var o struct {
			Message    string
			Event      struct{ ID string }
			Relaywatch struct{ Submitter string }
		}
		if err := json.Unmarshal([]byte(*m.Message), &o); err != nil || o.Event.ID != a.ID || !kept(o.Relaywatch.Submitter, a.Submitter, false) || !kept(o.Message, a.Summary, false) {
			t.Errorf("%.40q: %v: got %+v", a.Value, err, o)
		}
		return
	}
	header, extension := parseCEF(t, *m.Message)
	if len(header) != 7 || header[1] != "relaywatch" || header[4] != "episode-grown" {
		t.Errorf("%.40q: got CEF header %q", a.Value, header)
	}
	want := map[string]string{"externalId": a.ID, "act": "grown", "cn1": "601", "cs4": "critical"}
	for key, w := range want {
		if extension[key] != w {
			t.Errorf("%.40q: got %s=%q; want %q", a.Value, key, extension[key], w)
		}
	}
	if !kept(extension["cs1"], a.Submitter, true) || !kept(extension["msg"], a.Summary, true) {
		t.Errorf("%.40q: got cs1=%q msg=%q", a.Value, extension["cs1"], extension["msg"])
	}
	if who := extension["suser"] + extension["src"] + extension["c6a2"]; !kept(who, a.Value, true) {
		t.Errorf("%.40q: got %q", a.Value, who)
	}
}

// kept tells whether got is text, made visible where shown is set, or its beginning.
func kept(got, text string, shown bool) bool {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if got == text || shown && got == mail.Visible(text) {
		return true
	}
	begin, short := strings.CutSuffix(got, "…")
	return short && (strings.HasPrefix(text, begin) || shown && strings.HasPrefix(mail.Visible(text), begin))
}

// parseCEF reads CEF as its guide has it: seven fields behind CEF:0 in which a bar is
// escaped, then key=value, where a key is what stands before an equals sign that is
// not escaped, back to a space.
func parseCEF(t *testing.T, text string) (header []string, extension map[string]string) {
	t.Helper()
	field := ""
	i := 0
	for ; i < len(text) && len(header) < 7; i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			if text[i] != '\\' && text[i] != '|' {
				t.Errorf("CEF escapes %q in its header", text[i])
			}
			field += text[i : i+1]
		case text[i] == '|':
			header, field = append(header, field), ""
		default:
			field += text[i : i+1]
		}
	}
	extension = map[string]string{}
	key, value, word := "", "", 0 // word: where the last word of value begins.
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != '\\' && text[i] != '=' {
				t.Errorf("CEF escapes %q in an extension", text[i])
			}
			value += text[i : i+1]
		case c == '=':
			next := value[word:]
			if key != "" {
				extension[key] = strings.TrimSuffix(value[:word], " ")
			}
			if _, again := extension[next]; again || next == "" || strings.ContainsFunc(next, func(r rune) bool { return r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				t.Errorf("CEF has the key %q, or has it twice: %q", next, text)
			}
			key, value, word = next, "", 0
		default:
			value += text[i : i+1]
			if c == ' ' {
				word = len(value)
			}
		}
	}
	extension[key] = value
	return header, extension
}

// Each kind of submitter is in the field that is meant for it.
func TestMessageSubmitters(t *testing.T) {
	for _, c := range []struct{ kind, value, cef, ecs string }{
		{mail.KindIP, "10.1.4.7", " src=10.1.4.7 ", `"source":{"address":"10.1.4.7","ip":"10.1.4.7"}`},
		{mail.KindIP, "2001:db8::7", " c6a2=2001:db8::7 c6a2Label=Source IPv6 Address ", `"source":{"address":"2001:db8::7","ip":"2001:db8::7"}`},
		{mail.KindUser, `corp\ann`, ` suser=corp\\ann `, `"user":{"name":"corp\\ann"}`},
		{mail.KindHELO, "ws-ann@10.6.0.1", " src=10.6.0.1 shost=ws-ann ", `"source":{"address":"10.6.0.1","domain":"ws-ann","ip":"10.6.0.1"}`},
		{mail.KindSender, "ann@corp.example", " suser=ann@corp.example ", `"email":{"from":{"address":["ann@corp.example"]}}`},
	} {
		a := worm()
		a.Kind, a.Value, a.Submitter = c.kind, c.value, c.kind+":"+c.value
		for format, want := range map[string]string{CEF: c.cef, ECS: c.ecs} {
			if b, err := a.syslog("local0", format, "1.2.3"); err != nil || !strings.Contains(string(b), want) {
				t.Errorf("got %s, %v; want %s in it", b, err, want)
			}
		}
	}
}

// What is usual needs no cutting, not even in a datagram.
func TestMessageFits(t *testing.T) {
	a := worm()
	a.Summary = strings.Repeat("A sentence of a rule with numbers, and one more. ", 6)
	a.Rules = strings.Split("external-list,recipient-fanout,sender-rotation,refused-recipients,unauthenticated-submission,external-only,off-hours,sameness", ",")
	for _, format := range []string{CEF, ECS} {
		b, err := a.syslog("local0", format, "1.2.3")
		if err != nil || len(b) > maxDatagram {
			t.Errorf("%s: got %d bytes, %v; want at most %d", format, len(b), err, maxDatagram)
		}
	}
}
