package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"relaywatch/mail"
)

// visible is text from a log as it may be printed.
func visible(s string) string { return mail.Visible(s) }

// visibleLines is visible, but keeps line breaks, for our own texts of several lines.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = visible(l)
	}
	return strings.Join(lines, "\n")
}

// visibleJSON writes what JSON lets pass, but a terminal obeys, as \uXXXX: it is
// the same JSON. Below 0x20 only line feeds are left outside of texts.
func visibleJSON(s string) string {
	if strings.IndexFunc(s, unsafeInJSON) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unsafeInJSON(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unsafeInJSON(r rune) bool { return r > '~' && mail.Steers(r) }

// csvCell is a cell that no spreadsheet takes for a formula: text that starts like
// one gets an apostrophe in front (OWASP, CSV Injection), also behind a semicolon,
// which separates cells where the comma is the decimal point.
func csvCell(v any) string {
	s := visible(cellText(v))
	switch v.(type) {
	case string, []byte:
	default:
		return s // A number may start with a minus.
	}
	var b strings.Builder
	for i, part := range strings.Split(s, ";") {
		if i > 0 {
			b.WriteByte(';')
		}
		if text := strings.TrimLeftFunc(part, blankOrQuote); text != "" && strings.ContainsRune("=+-@＝＋－＠", firstRune(text)) {
			b.WriteByte('\'')
		}
		b.WriteString(part)
	}
	s = b.String()
	if strings.ContainsAny(s, `",;`) || strings.HasPrefix(s, " ") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func blankOrQuote(r rune) bool { return r == '"' || unicode.IsSpace(r) }

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
