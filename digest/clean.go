package digest

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"relaywatch/mail"
)

// How much is shown of a text from a log.
const (
	maxName     = 60  // HELO names, accounts, domains.
	maxAddress  = 80  // Reverse-paths; RFC 5321 allows 256, spam seldom needs it.
	maxSentence = 400 //
	maxRow      = 240 // A row of an Exchange log with all its columns.
	maxPath     = 120 // Of a log.
)

// clean makes a text from a log harmless: control characters, and those that hide
// text or turn its direction, are shown instead of sent; a mark on a mark is left
// out, as they pile up over other lines; what a mail program would make a link of is
// written so that it does not. It is cut at a number of characters.
func clean(s string, most int) string {
	var b strings.Builder
	n, marks := 0, 0
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > 2 {
				continue
			}
		} else {
			marks = 0
		}
		text := string(r)
		if mail.Steers(r) {
			text = mail.Escaped(r)
		}
		if n += utf8.RuneCountInString(text); n > most {
			b.WriteString("…")
			break
		}
		b.WriteString(text)
	}
	return defang(b.String())
}

// defang keeps mail programs from making links: they look for :// and for www.
func defang(s string) string {
	s = strings.ReplaceAll(s, "://", "[:]//")
	for at := 0; ; {
		i := strings.Index(strings.ToLower(s[at:]), "www.")
		if i < 0 {
			return s
		}
		at += i + len("www")
		s = s[:at] + "[.]" + s[at+1:]
	}
}

// plain is true for a name that is certain to be one name in a shell's command, in
// single quotes, in the filter of Exchange, and in a file name: nothing in it ends a
// quote. Others are never put into a command.
func plain(s string) bool {
	if s == "" || len(s) > 256 || defang(s) != s {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`._-\@$+ `, r)
	}) < 0 && s[0] != '-' && s[0] != ' '
}

// argument is a plain name as an argument of a command, for PowerShell and sh.
func argument(s string) string {
	simple := strings.IndexFunc(s, func(r rune) bool {
		return (r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) && !strings.ContainsRune("._-:", r)
	}) < 0
	if simple {
		return s
	}
	return "'" + s + "'"
}
