package mail

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible shows what Steers, and bytes that are no UTF-8, instead of sending it: text
// from a log must not move the cursor, begin a line, change colours, or turn the
// direction of writing.
func Visible(s string) string {
	if strings.IndexFunc(s, Steers) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if Steers(r) {
			b.WriteString(Escaped(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Steers is true for control characters, for the format characters that hide text or
// reorder it (Unicode category Cf, as the bidirectional overrides), for the separators
// of lines and paragraphs, and for those of private use, which look as a font likes.
func Steers(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// Escaped is such a character as Go's source has it: \x1b, \u202e.
func Escaped(r rune) string { return strings.Trim(strconv.QuoteRuneToASCII(r), "'") }
