package ingest

import (
	"bytes"
	"strconv"

	"relaywatch/mail"
)

// iisRow is a decoded row. Its values are slices of the line, which must stay as
// it is until the row has been applied.
type iisRow struct {
	pos    mail.LogPos
	at     mail.Time
	values [iisColumns][]byte // nil where the log lacks the column or writes "-".
	verb   iisVerb
	reply  int    // sc-status; 0 if the log does not tell.
	texts  *texts // Of the log.
}

// iisVerb is a command that means something to a session.
type iisVerb uint8

const (
	iisOtherVerb iisVerb = iota // Also what is no command: HTTP, masked ones.
	iisHELO                     // HELO and EHLO.
	iisMAIL
	iisRCPT
	iisDATA
	iisBDAT
	iisRSET
	iisAUTH // X-EXPS too, the AUTH between servers of Exchange.
	iisSTARTTLS
	iisQUIT // QUIT, also where only the connection ended, and TIMEOUT.
)

func iisVerbOf(method []byte) iisVerb {
	var upper [len("STARTTLS")]byte
	if len(method) > len(upper) {
		return iisOtherVerb
	}
	for i, c := range method {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	switch string(upper[:len(method)]) {
	case "HELO", "EHLO":
		return iisHELO
	case "MAIL":
		return iisMAIL
	case "RCPT":
		return iisRCPT
	case "DATA":
		return iisDATA
	case "BDAT":
		return iisBDAT
	case "RSET":
		return iisRSET
	case "AUTH", "X-EXPS":
		return iisAUTH
	case "STARTTLS":
		return iisSTARTTLS
	case "QUIT", "TIMEOUT":
		return iisQUIT
	}
	return iisOtherVerb
}

// Outbound names stand in cs-username where the server delivers mail itself.
const (
	iisOutboundCommand  = "OutboundConnectionCommand"
	iisOutboundResponse = "OutboundConnectionResponse"
)

// outbound tells whether the row is of the server's own delivery. A client may
// give an outbound name with HELO to pass for it; but its rows have a reply code,
// and a blank ("+") before the argument.
func (r *iisRow) outbound() bool {
	name := r.values[colUsername]
	if string(name) != iisOutboundCommand && string(name) != iisOutboundResponse {
		return false
	}
	return r.reply == 0 && !bytes.HasPrefix(r.values[colQuery], []byte{'+'})
}

func (r *iisRow) response() bool { return string(r.values[colUsername]) == iisOutboundResponse }

// done tells whether the command did what it asked for. A log without sc-status
// does not tell; there every command counts as done.
func (r *iisRow) done() bool { return r.reply == 0 || r.reply >= 200 && r.reply < 300 }

func (r *iisRow) refused() bool { return r.reply >= 400 }

// path is the argument of MAIL ("FROM:") or RCPT ("TO:"). An argument of another
// shape is kept as it was sent: it was answered, and so it counts.
func (r *iisRow) path(keyword string) mail.Path {
	arg := r.values[colQuery]
	if p, _, ok := parsePath(arg, keyword, '+'); ok {
		return r.texts.path(p)
	}
	if arg = trimBlanks(arg, '+'); len(arg) > 0 {
		return r.texts.path(arg)
	}
	return mail.UnknownPath
}

func (r *iisRow) recipient() mail.Recipient {
	return mail.Recipient{Pos: r.pos, At: r.at, Path: r.texts.recipient(r.path("TO:")), Reply: r.reply}
}

// sizeBytes is cs-bytes, or -1 if the log does not tell.
func (r *iisRow) sizeBytes() int64 {
	if n, ok := parseNumber(r.values[colBytes]); ok {
		return n
	}
	return -1
}

// chunk is the argument of BDAT (RFC 3030, section 2): the size of the chunk, 0
// if the log does not tell, and whether it is the last. Where the log does not
// tell, it is: most clients send one.
func (r *iisRow) chunk() (sizeBytes int64, last bool) {
	arg := trimBlanks(r.values[colQuery], '+')
	if len(arg) == 0 {
		return 0, true
	}
	size, rest, _ := bytes.Cut(arg, []byte{'+'})
	sizeBytes, _ = parseNumber(size)
	return sizeBytes, bytes.EqualFold(trimBlanks(rest, '+'), []byte("LAST"))
}

// remoteReply is the reply of a remote server: its code, 0 if there is none, and
// its text.
func (r *iisRow) remoteReply() (code int, text []byte) {
	line := r.values[colQuery]
	if len(line) < 3 {
		return 0, line
	}
	n, ok := parseNumber(line[:3])
	if !ok || n < 200 || len(line) > 3 && line[3] != '+' && line[3] != '-' {
		return 0, line
	}
	return int(n), line[min(4, len(line)):]
}

// parseNumber reads decimal digits; 18 of them always fit.
func parseNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// quoteShort is b quoted for an error, cut where it is long.
func quoteShort(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "..."
	}
	return strconv.Quote(string(b))
}
