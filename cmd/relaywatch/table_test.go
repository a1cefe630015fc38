package main

import (
	"bytes"
	"strings"
	"testing"

	"relaywatch/words"
)

// TestTableFits shows one table on terminals of several widths.
func TestTableFits(t *testing.T) {
	table := rows{
		columns: []string{"suspect", "sent to", "state", "why"}, prose: "why", spare: []string{"state"},
		cells: [][]any{
			{"ip:10.1.4.7", count(1234567), "closed", "mailed 600 different recipients within an hour; 100 % were outside."},
			{"user:ann", count(3), "open", "logged in after 40 failed logins."},
		},
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{width: 0, want: `
SUSPECT        SENT TO  STATE   WHY
ip:10.1.4.7  1,234,567  closed  mailed 600 different recipients within an hour; 100 % were outside.
user:ann             3  open    logged in after 40 failed logins.
`},
		{width: 80, want: `
SUSPECT        SENT TO  STATE   WHY
ip:10.1.4.7  1,234,567  closed  mailed 600 different recipients within an hour;
                                100 % were outside.
user:ann             3  open    logged in after 40 failed logins.
`},
		{width: 50, want: `
SUSPECT        SENT TO  STATE
ip:10.1.4.7  1,234,567  closed
    mailed 600 different recipients within an
    hour; 100 % were outside.
user:ann             3  open
    logged in after 40 failed logins.
`},
		{width: 24, want: `
SUSPECT        SENT TO
ip:10.1.4.7  1,234,567
    mailed 600 different
    recipients within an
    hour; 100 % were
    outside.
user:ann             3
    logged in after 40
    failed logins.
`},
	} {
		var b bytes.Buffer
		if err := table.table(&b, test.width); err != nil {
			t.Fatal(err)
		}
		if got, want := b.String(), strings.TrimPrefix(test.want, "\n"); got != want {
			t.Errorf("width %d: got\n%s; want\n%s", test.width, got, want)
		}
	}
}

// TestQueryTableFits: nothing is known of the columns of a query.
func TestQueryTableFits(t *testing.T) {
	table := rows{
		columns: []string{"log", "reason", "n"},
		cells:   [][]any{{"9fd485f9cbaea659", "the row has 3 columns, and #Fields names 9 of them", int64(12)}, {nil, []byte("bytes"), int64(-1)}},
	}
	for _, test := range []struct {
		width int
		want  string
	}{
		{width: 60, want: `
LOG               REASON                               N
9fd485f9cbaea659  the row has 3 columns, and #Fields  12
                  names 9 of them
                  bytes                               -1
`},
		{width: 36, want: `
log     9fd485f9cbaea659
reason  the row has 3 columns, and
        #Fields names 9 of them
n       12

log
reason  bytes
n       -1
`},
	} {
		var b bytes.Buffer
		if err := table.table(&b, test.width); err != nil {
			t.Fatal(err)
		}
		if got, want := b.String(), strings.TrimPrefix(test.want, "\n"); got != want {
			t.Errorf("width %d: got\n%s; want\n%s", test.width, got, want)
		}
	}
}

// TestPageWraps breaks lines at blanks and leaves the blanks inside alone.
func TestPageWraps(t *testing.T) {
	var b bytes.Buffer
	p := &page{w: &b, width: 30}
	p.line(11, "  as       a@example.org (1), b@example.org (2)")
	p.line(2, "short")
	p.line(4, "%s", strings.Repeat("x", 40))
	want := `  as       a@example.org (1),
           b@example.org (2)
short
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    xxxxxxxxxx
`
	if got := b.String(); got != want || p.err != nil {
		t.Errorf("got %q, %v; want %q", got, p.err, want)
	}
}

func TestCSVCell(t *testing.T) {
	for _, test := range []struct {
		cell any
		want string
	}{
		{cell: nil, want: ""},
		{cell: int64(-3), want: "-3"}, // A number is no formula.
		{cell: count(1234), want: "1234"},
		{cell: 0.5, want: "0.5"},
		{cell: "ann@example.org", want: "ann@example.org"},
		{cell: "a,b", want: `"a,b"`},
		{cell: `say "hi"`, want: `"say ""hi"""`},
		{cell: "=1+1", want: "'=1+1"},
		{cell: "-3", want: "'-3"},
		{cell: "@SUM(1)", want: "'@SUM(1)"},
		{cell: " =1", want: `' =1`},
		{cell: "a;=1", want: `"a;'=1"`}, // Excel splits at semicolons where the comma is the decimal point.
		{cell: "\uff1d1", want: "'\uff1d1"},
		{cell: "a\tb\r\nc", want: `a\tb\r\nc`},
		{cell: []byte("+1"), want: "'+1"},
	} {
		if got := csvCell(test.cell); got != test.want {
			t.Errorf("csvCell(%#v): got %q; want %q", test.cell, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{got: words.Thousands(0), want: "0"},
		{got: words.Thousands(999), want: "999"},
		{got: words.Thousands(-1000), want: "-1,000"},
		{got: words.Thousands(1234567), want: "1,234,567"},
		{got: words.Plural(1, "log"), want: "1 log"},
		{got: words.Plural(0, "log"), want: "0 logs"},
		{got: size(999).String(), want: "999 B"},
		{got: size(1_500_000).String(), want: "1.5 MB"},
		{got: span(90 * 60e9), want: "90m"},
		{got: span(24 * 3600e9), want: "24h"},
		{got: span(48 * 3600e9), want: "2d"},
	} {
		if test.got != test.want {
			t.Errorf("got %q; want %q", test.got, test.want)
		}
	}
}
