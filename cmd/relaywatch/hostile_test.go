package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile is what strangers write into a log: as HELO name, as local part of an
// address, as account.
var hostile = []string{
	"\x1b[31mred\x1b[0m",                 // Colours.
	"\x1b]0;title\x07",                   // Title of the window.
	"\x1b[2J\x1b[H",                      // Clears the screen.
	"\u009b31mred",                       // The same as one C1 control.
	"\u0090q\u009c",                      // Device control string.
	"\u202egpj.exe",                      // Turns the direction of writing.
	"a\u2066b\u2069c",                    // Isolates.
	"zero\u200bwidth\ufeff",              // Invisible.
	"tag\U000E0041",                      // Invisible, beyond the first plane.
	"line\u2028separator",                //
	"del\x7fete",                         //
	"=cmd|'/C+calc'!A0",                  // Formulas.
	"+1+1",                               //
	"-2+3",                               //
	"@SUM(1)",                            //
	"x;=1+1",                             // Behind a separator.
	"\uff1d1",                            // Full-width equals sign.
	`"quoted"`,                           //
	`","key":"value`,                     // Breaks out of JSON and CSV.
	"</script><script>alert(1)</script>", //
	"';+DROP+TABLE+transactions;--",      //
	`a\b`,                                //
	"100%s%d%n",                          //
	strings.Repeat("A", 3000),            //
	"\xff\xfe\x80",                       // No UTF-8.
	"caf\xe9",                            // Windows-1252.
	"日本語",                                // Two columns a letter.
}

// hostileLogs writes an IIS log of an open relay and an Exchange log of an account
// with many recipients, both full of hostile text, and returns their folder.
func hostileLogs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var iis, exchange strings.Builder
	iis.WriteString("#Software: Microsoft Internet Information Services 8.5\r\n" +
		"#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status cs-bytes\r\n")
	for i, h := range hostile {
		at := fmt.Sprintf("2026-11-05 02:%02d:00 203.0.113.66 %s MAIL01 ", i, h)
		fmt.Fprintf(&iis, "%sEHLO +%s 250 10\r\n", at, h)
		fmt.Fprintf(&iis, "%sMAIL +FROM:<%s@letters.example> 250 30\r\n", at, h)
		fmt.Fprintf(&iis, "%sRCPT +TO:<%s@example.net> 250 30\r\n", at, h)
		fmt.Fprintf(&iis, "%sDATA <1@mail01> 250 900\r\n", at)
		fmt.Fprintf(&iis, "%sQUIT %s 240 4\r\n", at, h)
		fmt.Fprintf(&iis, "no row: %s\r\n", h)
	}
	exchange.WriteString("#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Receive Protocol Log\r\n" +
		"#Date: 2026-11-05T03:00:00.000Z\r\n" +
		"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n")
	for i, h := range hostile {
		row := func(event, data, context string) {
			quoted := `"` + strings.ReplaceAll(data, `"`, `""`) + `"`
			fmt.Fprintf(&exchange, "2026-11-05T03:%02d:00.000Z,EX01\\%s,08DE18E46C2D%04X,0,10.0.0.30:587,10.3.0.9:59075,%s,%s,%s\r\n",
				i, "Client", i, event, quoted, context)
		}
		row("+", "", "")
		row("<", "EHLO "+h, "")
		row(">", "250 ok", "")
		row("<", "AUTH LOGIN", "")
		row(">", "235 ok", "")
		row("*", `CORP\`+h, "authenticated")
		row("<", "MAIL FROM:<"+h+"@corp.example>", "")
		row(">", "250 "+h, "")
		for n := range 501 {
			row("<", fmt.Sprintf("RCPT TO:<%s%d@example.net>", h, n), "")
			row(">", "250 ok", "")
		}
		row("-", "", "Local")
	}
	log := "ex\x1b[31m\u202e=1.log"
	if runtime.GOOS == "windows" {
		log = "ex\u202e=1.log" // A name can't hold the other.
	}
	for name, text := range map[string]string{log: iis.String(), "RECV.LOG": exchange.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestHostileText takes hostile text through ingest and every output.
func TestHostileText(t *testing.T) {
	t.Setenv("RELAYWATCH_NETWORK_OWN_DOMAINS", "corp.example")
	db := filepath.Join(t.TempDir(), "hostile.db")
	logs := hostileLogs(t)
	steerless(t, "ingest", mustRun(t, 0, "--db", db, "ingest", logs))

	suspects := mustRun(t, 0, "--db", db, "suspects", "--format", "json")
	var list []struct{ Submitter string }
	if err := json.Unmarshal([]byte(suspects), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < len(hostile)-2 { // Some texts are no account's name.
		t.Errorf("got %d suspects; want the relay and an account for nearly each hostile text", len(list))
	}
	commands := [][]string{{"suspects"}, {"status"}, {"status", "--logs"}}
	for _, s := range list {
		commands = append(commands, []string{"explain", "--rows", s.Submitter})
	}
	for _, view := range []string{"v_transactions", "v_recipients", "v_auth", "v_findings", "v_suspects", "v_logs", "v_quarantine", "v_hourly"} {
		commands = append(commands, []string{"query", "SELECT * FROM " + view + " LIMIT 2000"})
	}
	for _, args := range commands {
		name := strings.Join(args, " ")
		steerless(t, name, mustRun(t, 0, append([]string{"--db", db}, args...)...))
		asJSON := append([]string{"--db", db}, args...)
		if args[0] == "status" {
			asJSON = []string{"--db", db, "status", "--json"}
		} else {
			asJSON = append(asJSON, "--format", "json")
		}
		out := mustRun(t, 0, asJSON...)
		steerless(t, name+" as JSON", out)
		if !json.Valid([]byte(out)) {
			t.Errorf("%s: got invalid JSON; want valid: %.200s", name, out)
		}
		if args[0] == "suspects" || args[0] == "query" {
			out := mustRun(t, 0, append(append([]string{"--db", db}, args...), "--format", "csv")...)
			steerless(t, name+" as CSV", out)
			formulaless(t, name, out)
		}
	}
}

// TestHostileTextStays: JSON is for programs, and must give a name back as it was.
func TestHostileTextStays(t *testing.T) {
	db := filepath.Join(t.TempDir(), "hostile.db")
	mustRun(t, 0, "--db", db, "ingest", hostileLogs(t))
	out := mustRun(t, 0, "--db", db, "query", "--format", "json", "SELECT DISTINCT helo FROM v_transactions WHERE client_ip = '203.0.113.66'")
	var list []struct{ HELO string }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, row := range list {
		got[row.HELO] = true
	}
	for _, h := range hostile {
		want := strings.ReplaceAll(h, "+", " ") // As IIS logs a blank.
		if !utf8.ValidString(want) || strings.HasPrefix(want, "AAA") || strings.HasPrefix(want, "caf") {
			continue // Decoded by the code page, or cut.
		}
		if !got[want] && !got[h] {
			t.Errorf("got no HELO name %q; want it as it was sent", want)
		}
	}
}

// TestHostileArguments: what was typed or pasted is said back, too.
func TestHostileArguments(t *testing.T) {
	for _, h := range hostile {
		for _, args := range [][]string{
			{"explain", "user:" + h},
			{"explain", h},
			{"explain", "--html", h + "/none/page.html"},
			{"forget", h, "--yes"},
			{"triage", "user:" + h},
			{"allow", "test", h},
			{"schema", h},
			{"digest", "--out", h + ".html"},
			{"relaycheck", "--since", h},
			{"ingest", h},
			{"query", h},
			{"suspects", "--since", h},
			{h},
			{"--config", h, "status"},
			{"--db", h, "status"},
			{"rules", "check", "--rules", h},
		} {
			var out, errOut bytes.Buffer
			run(t.Context(), append([]string{"--db", filepath.Join(t.TempDir(), "a.db")}, args...), &out, &errOut)
			steerless(t, fmt.Sprintf("%.100q", args), out.String()+errOut.String())
		}
	}
}

// TestHostileCells: a table wraps hostile cells at any width.
func TestHostileCells(t *testing.T) {
	r := &rows{columns: []string{"n", "text", "why"}, prose: "why", spare: []string{"n"}}
	for i, h := range hostile {
		r.cells = append(r.cells, []any{i, h, "because " + h + " " + h})
	}
	for _, width := range []int{0, 1, 20, 40, 80, 120, 4000} {
		var b bytes.Buffer
		if err := r.table(&b, width); err != nil {
			t.Fatal(err)
		}
		steerless(t, fmt.Sprintf("table of width %d", width), b.String())
		if width < 40 {
			continue
		}
		for line := range strings.Lines(b.String()) {
			if n := textWidth(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: got a line of %d columns: %.100q", width, n, line)
			}
		}
	}
}

// steerless checks that an output has no character that steers a terminal, hides
// text or turns its direction.
func steerless(t *testing.T, name, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: got invalid UTF-8; want none", name)
	}
	for i, r := range out {
		if r < ' ' && r != '\n' || r >= 0x7F && r < 0xA0 || r >= 0x200B && r <= 0x200F || r >= 0x2028 && r <= 0x202E ||
			r >= 0x2060 && r <= 0x206F || r == 0xFEFF || r >= 0xE0000 && r <= 0xE007F {
			t.Errorf("%s: got %U in %q; want it escaped", name, r, out[max(0, i-20):min(len(out), i+20)])
			return
		}
	}
}

// formulaless checks that no cell starts a formula, whether a spreadsheet splits at
// commas or at semicolons. A negative number is none.
func formulaless(t *testing.T, name, out string) {
	t.Helper()
	for _, comma := range ",;" {
		r := csv.NewReader(strings.NewReader(out))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, comma == ';', -1
		records, err := r.ReadAll()
		if err != nil {
			t.Errorf("%s: got CSV that can't be read: %v", name, err)
			return
		}
		for _, record := range records {
			for _, cell := range record {
				if _, err := strconv.ParseFloat(cell, 64); err != nil && strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
					t.Errorf("%s: got the cell %.100q; want an apostrophe in front", name, cell)
				}
			}
		}
	}
}
