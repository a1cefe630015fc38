package ingest

import (
	"errors"
	"strings"
	"testing"
)

const (
	headerIIS = "#Software: Microsoft Internet Information Services 6.0\r\n#Version: 1.0\r\n#Date: 2026-11-05 00:00:01\r\n" +
		"#Fields: time c-ip cs-method cs-uri-stem sc-status \r\n"
	headerReceive = "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Receive Protocol Log\r\n" +
		"#Date: 2026-11-05T00:00:01.113Z\r\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
)

func TestHeadTellsLogsApart(t *testing.T) {
	row := func(n int) string { return strings.Repeat("00:00:02 10.0.0.1 HELO - 250\r\n", n) }
	tests := []struct {
		name string
		a, b string
		same bool
	}{
		{"a copy", headerIIS + row(3), headerIIS + row(3), true},
		{"it grew", headerIIS + row(1), headerIIS + row(300), true},
		{"an excerpt of its beginning", headerIIS + row(300), headerIIS + row(2), true},
		{"an excerpt that ends in half a row", headerIIS + row(300), headerIIS + row(2) + "00:0", true},
		{"two servers with the same first rows", headerIIS + row(2) + "00:00:03 10.0.0.2 QUIT - 240\r\n", headerIIS + row(2) + "00:00:03 10.0.0.3 QUIT - 240\r\n", false},
		{"no common row", headerIIS + "00:00:02 10.0.0.2 HELO - 250\r\n", headerIIS + row(1), false},
		{"beyond the head", headerIIS + row(300) + "a\r\n", headerIIS + row(300) + "b\r\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
				k := newKnownLogs(nil)
				first := identify(t, k, pair[0])
				second := identify(t, k, pair[1])
				if got := first == second; got != tt.same {
					t.Errorf("same log: got %v; want %v", got, tt.same)
				}
				if !tt.same && first.ID == second.ID {
					t.Errorf("two logs have the identity %v", first.ID)
				}
			}
		})
	}
}

// identify is the log that begins so; nil if there is none yet.
func identify(t *testing.T, k *knownLogs, log string) *Log {
	t.Helper()
	logs, err := k.identify([]byte(log)[:min(len(log), headBytes+1)], FormatAuto, "ex.log")
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) == 0 {
		return nil
	}
	return logs[0]
}

// A log that became UTF-16 without a byte order mark is refused; one with NUL bytes, which
// a crash leaves, is read.
func TestUTF16WithoutMark(t *testing.T) {
	log := w3c("MAIL01", 8, 3, "10.0.0.1")
	rows := rowsIn(log)
	row := log[strings.Index(log, "2026-11-05 08"):]
	before, last := log[:strings.LastIndex(log, "2026-11-05 08")], log[strings.LastIndex(log, "2026-11-05 08"):]
	wide := func(text, front, behind string) string {
		var b strings.Builder
		for _, c := range text {
			b.WriteString(front + string(c) + behind)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, log string
		rows      int64
		refused   bool
	}{
		{"little endian", wide(log, "", "\x00"), 0, true},
		{"big endian", wide(log, "\x00", ""), 0, true},
		{"rows without a header", wide(row, "", "\x00"), 0, true},
		{"only just enough to tell", wide(log[:16], "", "\x00"), 0, true},
		{"too little to tell", wide(log[:15], "", "\x00"), 0, false},
		{"something else", wide("Dear diary, today nothing came", "", "\x00"), 0, false},
		{"reserved space", log + strings.Repeat("\x00", 70_000), rows, false},
		{"nothing but reserved space", strings.Repeat("\x00", 70_000), 0, false},
		{"a gap between rows", before + strings.Repeat("\x00", 512) + last, rows, false},
		{"NUL bytes in a row", before + last[:20] + "\x00" + last[20:], rows + 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKept()
			_, err := k.read(t, 0, writeLog(t, t.TempDir(), "ex.log", c.log))
			var refused *RefusedError
			if errors.As(err, &refused) != c.refused || c.refused && refused.Name != "UTF-16" || !c.refused && err != nil {
				t.Errorf("got error %v; want it refused: %v", err, c.refused)
			}
			if k.rows != c.rows {
				t.Errorf("got %d rows; want %d", k.rows, c.rows)
			}
		})
	}
}

// A log is told by its first row, so it has no identity before that row is whole,
// and keeps it while it grows.
func TestIdentityStays(t *testing.T) {
	k := newKnownLogs(nil)
	for _, b := range []string{"", "#Software: Micro", headerIIS, headerIIS + "00:00:02 10.0"} {
		if l := identify(t, k, b); l != nil {
			t.Errorf("identify %q: got %v; want none", b, l)
		}
	}
	small := identify(t, k, headerIIS+"00:00:02 10.0.0.1 HELO - 250\r\n")
	id := small.ID
	grown := identify(t, newKnownLogs([]Log{*small}), headerIIS+"00:00:02 10.0.0.1 HELO - 250\r\n00:00:03 10.0.0.1 QUIT - 240\r\n")
	if grown.ID != id {
		t.Errorf("identity changed from %v to %v", id, grown.ID)
	}
}

func TestSniff(t *testing.T) {
	tests := []struct {
		name    string
		log     string
		want    Format
		refused string // What its refusal says.
	}{
		{name: "IIS", log: headerIIS + "x\n", want: FormatIISW3C},
		{name: "IIS with a BOM", log: "\xef\xbb\xbf" + headerIIS + "x\n", want: FormatIISW3C},
		{name: "IIS without a header", log: "2026-11-05 02:14:01 10.1.4.7 PC7 SMTPSVC1 MAIL01 10.0.0.5 0 EHLO - +PC7 250 0 275 14 93 SMTP - - - -\n", want: FormatIISW3C},
		{name: "receive", log: headerReceive + "x\n", want: FormatExchangeReceive},
		{name: "receive, case of the documentation", log: strings.Replace(headerReceive, "#Log-type", "#Log-Type", 1) + "x\n", want: FormatExchangeReceive},
		{name: "send", log: strings.Replace(headerReceive, "Receive", "Send", 1) + "x\n", want: FormatExchangeSend},
		{name: "Exchange without a header", log: "2026-11-05T02:14:01.123Z,EX01\\Default EX01,08DC1DB8591B229A,1,10.0.0.6:25,10.1.4.7:53228,<,EHLO pc7,\n", want: FormatExchange},
		{name: "header of a refused format", log: "\xef\xbb\xbf" + strings.Replace(headerReceive, "SMTP Receive Protocol Log", "Message Tracking Log", 1), refused: "message tracking"},
		{name: "header only", log: headerIIS, want: FormatIISW3C},
		{name: "NCSA", log: "192.0.2.121 - pc7 [05/Nov/2026:13:16:39 -0600] \"EHLO -?+pc7 SMTP\" 250 46\n", refused: "NCSA Common Log File Format"},
		{name: "IIS format", log: "192.0.2.8, pc7, 11/5/2026, 9:47:02, SMTPSVC1, MAIL01, 10.0.0.5, 0, 81154, 132, 250, 0, DATA, -, <a@b>,\n", refused: "Microsoft IIS Log File Format"},
		{name: "ODBC table", log: "ClientHost,Username,LogTime,Service,Machine,ServerIP,ProcessingTime,BytesRecvd,BytesSent,ServiceStatus,Win32Status,Operation,Target,Parameters\n", refused: "ODBC"},
		{name: "tracking", log: strings.Replace(headerReceive, "SMTP Receive Protocol Log", "Message Tracking Log", 1) + "x\n", refused: "message tracking"},
		{name: "tracking without a header", log: "2010-04-19T12:29:07.390Z,10.10.14.73,MAIL07,,MAIL07,\"MDB:ada3d2c3, ClientType:User\",,STOREDRIVER,SUBMIT,,<1@corp.example>,,,,,,,s,ann@corp.example,,\n", refused: "message tracking"},
		{name: "tracking of 2003", log: "# Message Tracking Log File\n# Exchange System Attendant Version 6.0.7638\n# Date\tTime\n2026-11-5\t1:2:3 GMT\t-\n", refused: "Exchange 2000/2003: it is not read; in Exchange System Manager,"},
		{name: "web site", log: "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port\n2026-11-05 00:00:01 10.0.0.5 GET / - 443\n", refused: "web site"},
		{name: "zip", log: "PK\x03\x04\x14", refused: "a ZIP archive: unpack it first"},
		{name: "UTF-16", log: "\xff\xfe#", refused: "is in UTF-16: "},
		{name: "something else", log: "Dear diary\n", refused: "no SMTP log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Format(""), otherFile([]byte(tt.log))
			if err == nil {
				got, err = sniff([]byte(tt.log))
			}
			if got != tt.want {
				t.Errorf("got %q; want %q", got, tt.want)
			}
			switch {
			case tt.refused == "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("got error %v; want one that names %q", err, tt.refused)
			}
			var refused *RefusedError
			if errors.As(err, &refused) && refused.Remedy == "" {
				t.Error("the refusal has no remedy")
			}
		})
	}
}
