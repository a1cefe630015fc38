package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

const iisFullRow = "2026-03-02 10:00:01 10.1.4.7 pc SMTPSVC1 Mx1 10.0.0.2 0 MAIL - +FROM:<a@corp.example> 250 0 57 45 0 SMTP - - - -"

// decodeLines decodes each line and says what came of it: the row's time, the
// reason why it is not understood, "-" for a blank line, nothing for a header.
func decodeLines(t *testing.T, d *iisDecoder, log string) []string {
	t.Helper()
	var got []string
	for line := range strings.Lines(log) {
		row, at, err := d.decode([]byte(strings.TrimSuffix(line, "\n")), mail.LogPos{Log: iisTestLog})
		switch {
		case err != nil:
			got = append(got, err.Error())
		case row:
			got = append(got, at.String())
		case !strings.Contains(line, "#"):
			got = append(got, "-")
		}
	}
	return got
}

func TestIISDecode(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  string
		want []string
	}{
		{
			name: "all columns, trailing blank, CR",
			log:  "#Software: Microsoft Internet Information Services 6.0\r\n#Version: 1.0\r\n#Date: 2026-03-01 23:00:00\r\n#Fields: " + strings.Join(iisFullFields, " ") + " \r\n" + iisFullRow + "\r\n",
			want: []string{"2026-03-02T10:00:01Z"},
		},
		{
			name: "byte order mark",
			log:  "\xEF\xBB\xBF#Fields: date time cs-method\n2026-03-02 10:00:01 MAIL\n",
			want: []string{"2026-03-02T10:00:01Z"},
		},
		{
			name: "names in any case, columns in any order, runs of blanks, blank lines",
			log:  " #fields: CS-Method x-new TIME Date\n MAIL 7   10:00:01  2026-03-02 \n \nMAIL 7 10:00:02 2026-03-02\n",
			want: []string{"2026-03-02T10:00:01Z", "-", "2026-03-02T10:00:02Z"},
		},
		{
			name: "columns change in mid-file",
			log:  "#Fields: date time cs-method\n2026-03-02 10:00:01 MAIL\n#Fields: cs-method time date\nMAIL 10:00:02 2026-03-02\n2026-03-02 10:00:03 MAIL\n",
			want: []string{"2026-03-02T10:00:01Z", "2026-03-02T10:00:02Z", `date "MAIL" is no day like 2006-01-02`},
		},
		{
			name: "time alone rolls at midnight, and a late row does not",
			log:  "#Date: 2026-03-01 23:59:58\n#Fields: time cs-method\n23:59:57 HELO\n23:59:59 MAIL\n00:00:01 RCPT\n23:59:59 RCPT\n00:03:00 DATA\n23:59:00 QUIT\n",
			want: []string{
				"2026-03-01T23:59:57Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:01Z",
				"2026-03-01T23:59:59Z", "2026-03-02T00:03:00Z", "2026-03-01T23:59:00Z",
			},
		},
		{
			name: "time alone, #Date anew after days",
			log:  "#Date: 2026-03-01 10:00:00\n#Fields: time cs-method\n10:00:01 HELO\n#Date: 2026-03-04 09:00:00\n08:59:40 HELO\n09:00:01 HELO\n",
			want: []string{"2026-03-01T10:00:01Z", "2026-03-04T08:59:40Z", "2026-03-04T09:00:01Z"},
		},
		{
			name: "first row just before a #Date at midnight",
			log:  "#Date: 2026-03-01 00:00:10\n#Fields: time cs-method\n23:59:55 HELO\n00:00:11 HELO\n",
			want: []string{"2026-02-28T23:59:55Z", "2026-03-01T00:00:11Z"},
		},
		{
			name: "neither date nor time: #Date",
			log:  "#Date: 2026-03-01 10:00:00\n#Fields: cs-method\nHELO\n#Date: 2026-03-01 11:00:00\nHELO\n",
			want: []string{"2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"},
		},
		{
			name: "no date at all",
			log:  "#Fields: time cs-method\n10:00:00 HELO\n",
			want: []string{errIISNoDate.Error()},
		},
		{
			name: "#Date that can't be read",
			log:  "#Date: soon\n#Fields: time cs-method\n10:00:00 HELO\n",
			want: []string{errIISNoDate.Error()},
		},
		{
			name: "date without time",
			log:  "#Date: 2026-03-01 10:00:00\n#Fields: date cs-method\n2026-03-01 HELO\n",
			want: []string{errIISNoTime.Error()},
		},
		{
			name: "no cs-method",
			log:  "#Fields: date time c-ip\n2026-03-01 10:00:00 10.1.4.7\n",
			want: []string{errIISNoMethod.Error()},
		},
		{
			name: "no #Fields, not all columns",
			log:  "#Fields:\n2026-03-01 10:00:00 10.1.4.7 MAIL\n",
			want: []string{errIISNoFields.Error()},
		},
		{
			name: "no #Fields, all columns",
			log:  iisFullRow + "\n2026-03-02 10:00:02 10.1.4.7 pc\n",
			want: []string{"2026-03-02T10:00:01Z", "row has 4 columns; #Fields names 21"},
		},
		{
			name: "values that are none",
			log: "#Fields: date time cs-method sc-status\n2026-02-29 10:00:00 HELO 250\n2024-02-29 10:00:00 HELO 250\n2026-13-01 10:00:00 HELO 250\n1601-01-01 00:00:00 HELO 250\n" +
				"2026-03-01 24:00:00 HELO 250\n- 10:00:00 HELO 250\n2026-03-01 10:00:00 HELO ok\n2026-03-01 10:00:00 HELO 1000\n2026-03-01 10:00:00 HELO -\n2026-03-01 10:00:00 HELO\n2026-03-01 10:00:00 HELO 250 1\n2026-03-01 10:00:00 HE\x00LO 250\n",
			want: []string{
				`date "2026-02-29" is no day like 2006-01-02`, "2024-02-29T10:00:00Z",
				`date "2026-13-01" is no day like 2006-01-02`, `date "1601-01-01" is no day like 2006-01-02`,
				`time "24:00:00" is no time of day like 15:04:05`, `date "" is no day like 2006-01-02`,
				`sc-status "ok" is no reply code`, `sc-status "1000" is no reply code`, "2026-03-01T10:00:00Z",
				"row has 3 columns; #Fields names 4", "row has 5 columns; #Fields names 4", errIISNUL.Error(),
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := decodeLines(t, newIISRun(t).decoder, tt.log)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIISAbout(t *testing.T) {
	for _, tt := range []struct {
		name    string
		log     string
		server  string
		missing string
	}{
		{name: "nothing read"},
		{name: "all columns", log: "#Fields: " + strings.Join(iisFullFields, " ") + "\n" + iisFullRow, server: "MX1"},
		{
			name: "default selection", log: "#Fields: time c-ip cs-method cs-uri-stem sc-status",
			missing: "date cs-username s-computername cs-uri-query cs-bytes",
		},
		{name: "no header", log: iisFullRow, server: "MX1", missing: "#Fields header"},
		{name: "header after rows", log: iisFullRow + "\n#Fields: " + strings.Join(iisFullFields, " "), server: "MX1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newIISRun(t)
			r.feed(tt.log)
			for _, when := range []string{"read", "resumed"} {
				got := r.decoder.about()
				if got.server != tt.server || strings.Join(got.missing, " ") != tt.missing {
					t.Errorf("%s: got server %q, missing %q; want %q, %q", when, got.server, got.missing, tt.server, tt.missing)
				}
				r.stop()
			}
		})
	}
}

// The decoder goes on from what it saved, also where a row was decoded that is
// read again.
func TestIISDecoderSave(t *testing.T) {
	for _, log := range []string{
		"#Date: 2026-03-01 23:59:58\n#Fields: time cs-method\n23:59:57 HELO\n00:00:01 RCPT\n23:59:59 RCPT\n00:06:00 RCPT\n23:59:00 RCPT\n",
		"#Date: 2026-03-01 10:00:00\n#Fields: cs-method\nHELO\nMAIL\n",
		iisFullRow + "\n" + iisFullRow + "\n",
		"#Fields: date time cs-method\n2026-03-02 10:00:01 MAIL\n#Fields: time date cs-method\n10:00:02 2026-03-02 MAIL\n",
	} {
		d := newIISRun(t).decoder
		lines := strings.SplitAfter(log, "\n")
		var want, got []string
		for _, line := range lines {
			want = append(want, decodeLines(t, d, line)...)
		}
		d = newIISRun(t).decoder
		for _, line := range lines {
			got = append(got, decodeLines(t, d, line)...)
			resumed, err := newIISDecoder(d.sessions, d.row.texts, d.save())
			if err != nil {
				t.Fatal(err)
			}
			d = resumed
			if again := decodeLines(t, d, line); len(again) > 0 && again[0] != got[len(got)-1] {
				t.Errorf("%q read again: got %q; want %q", line, again[0], got[len(got)-1])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", log, diff)
		}
	}
}

func TestIISRestoreDamaged(t *testing.T) {
	for _, saved := range []string{
		"{", "[{}]", `[{"Server":{},"In":[null]}]`, `[{"Server":{},"In":[{"Open":[{}]}]}]`,
		`[{"Server":{},"Out":[{"Open":[{"Tx":{},"Filled":[null]}]}]}]`,
		`[{"Server":{},"Out":[{"Pending":[{"Verb":3,"Tx":{"Log":1,"Offset":1}}]}]}]`,
	} {
		if err := newIISSessions(&tray{}).restore([]byte(saved)); err == nil {
			t.Errorf("restore(%s): got no error; want one", saved)
		}
	}
	if _, err := newIISDecoder(newIISSessions(&tray{}), nil, []byte("{")); err == nil {
		t.Error("newIISDecoder with damaged memory: got no error; want one")
	}
}

// A log without columns tells less, and what it can't tell is said to be unknown.
func TestIISFewColumns(t *testing.T) {
	b := readIIS(t, "#Date: 2026-03-02 10:00:00\n#Fields: time c-ip cs-method\n10:00:01 10.1.4.7 MAIL\n10:00:01 10.1.4.7 RCPT\n10:00:01 10.1.4.7 RCPT\n10:00:01 10.1.4.7 BDAT\n")
	if diff := cmp.Diff([]string{"? ? 0 ? 0: accepted"}, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	b = readIIS(t, "#Date: 2026-03-02 10:00:00\n#Fields: time cs-method cs-uri-query\n10:00:01 MAIL +FROM:<a@corp.example>\n10:00:01 RCPT +TO:<b@example.net>\n10:00:01 DATA -\n")
	if diff := cmp.Diff([]string{"<a@corp.example> <b@example.net> 0: accepted"}, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if got := b.Transactions[0].Submitter(); got != (mail.Submitter{}) {
		t.Errorf("got submitter %v; want nobody", got)
	}
}

// Text is of any code page; keys and strings survive a stop.
func TestIISCodePage(t *testing.T) {
	r := newIISRun(t)
	r.feed(iisShortHeader + "10:00:01 10.1.4.7 b\xfcro MAIL +FROM:<M\xfcller@corp.example> 250 30\n")
	r.stop()
	r.feed("10:00:01 10.1.4.7 b\xfcro RCPT +TO:<b@example.net> 250 30\n10:00:01 10.1.4.7 b\xc3\xbcro RCPT +TO:<c@example.net> 250 30\n")
	b := r.batch()
	want := []string{"<müller@corp.example> <b@example.net> 250: open", "? <c@example.net> 250: open"}
	if diff := cmp.Diff(want, transactionLines(b)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(b.Transactions[0].HELO, " ", b.Transactions[1].HELO); got != "büro büro" {
		t.Errorf("got HELO names %q; want büro twice", got)
	}
}

// TestIISSplit cuts random rows of bytes that look like blanks in some of their bits.
func TestIISSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newIISRun(t)
	r.decoder.setFields(strings.Fields("date time c-ip cs-username"))
	for range 10_000 {
		line := make([]byte, random.IntN(40))
		for i := range line {
			line[i] = "  !\x00\x1f\x7f\xa0\xa1a-"[random.IntN(10)]
		}
		want := slices.DeleteFunc(bytes.Split(line, []byte(" ")), func(value []byte) bool { return len(value) == 0 })
		if got := r.decoder.split(line); got != len(want) {
			t.Fatalf("got %d columns of %q; want %d", got, line, len(want))
		}
		for i, value := range want[:min(len(want), 4)] {
			if got := r.decoder.row.values[i]; string(got) != string(value) && (got != nil || string(value) != "-") {
				t.Fatalf("got %q for column %d of %q; want %q", got, i, line, value)
			}
		}
	}
}
