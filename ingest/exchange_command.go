package ingest

import (
	"bytes"
	"strconv"

	"relaywatch/mail"
)

// exchangeVerb is what a command does, as far as the reader cares.
type exchangeVerb string

const (
	exchangeHELO   exchangeVerb = "HELO" // EHLO too.
	exchangeMAIL   exchangeVerb = "MAIL"
	exchangeRCPT   exchangeVerb = "RCPT"
	exchangeDATA   exchangeVerb = "DATA"
	exchangeBDAT   exchangeVerb = "BDAT"
	exchangeRSET   exchangeVerb = "RSET"
	exchangeQUIT   exchangeVerb = "QUIT"
	exchangeAUTH   exchangeVerb = "AUTH"   // X-EXPS too, the AUTH between servers of Exchange.
	exchangeTLS    exchangeVerb = "TLS"    // STARTTLS, X-ANONYMOUSTLS.
	exchangeXPROXY exchangeVerb = "XPROXY" // XPROXYFROM too.
	exchangeBinary exchangeVerb = "BINARY" // XEXCH50: is answered 354 first, as DATA is.
	exchangeOther  exchangeVerb = "OTHER"
)

// exchangeVerbs are the verbs in upper case, as sent.
var exchangeVerbs = map[string]exchangeVerb{
	"HELO": exchangeHELO, "EHLO": exchangeHELO,
	"MAIL": exchangeMAIL, "RCPT": exchangeRCPT, "DATA": exchangeDATA, "BDAT": exchangeBDAT,
	"RSET": exchangeRSET, "QUIT": exchangeQUIT,
	"AUTH": exchangeAUTH, "X-EXPS": exchangeAUTH,
	"STARTTLS": exchangeTLS, "X-ANONYMOUSTLS": exchangeTLS,
	"XPROXY": exchangeXPROXY, "XPROXYFROM": exchangeXPROXY,
	"XEXCH50": exchangeBinary,
}

// exchangeCommand is a command that waits for its reply.
type exchangeCommand struct {
	Verb exchangeVerb `json:"verb"`
	Pos  mail.LogPos  `json:"pos"`
	At   mail.Time    `json:"at"`

	Path       mail.Path `json:"path,omitempty"`       // MAIL, RCPT.
	Internal   bool      `json:"internal,omitempty"`   // MAIL with a parameter, or AUTH by a mechanism, of servers of one organisation.
	Extended   bool      `json:"extended,omitempty"`   // AUTH by X-EXPS, which Exchange servers use among themselves.
	Name       string    `json:"name,omitempty"`       // HELO.
	SizeBytes  int64     `json:"size,omitempty"`       // BDAT.
	Last       bool      `json:"last,omitempty"`       // BDAT LAST.
	Challenged bool      `json:"challenged,omitempty"` // AUTH was answered 334: what follows is not a command.
}

// parseExchangeCommand reads the data of a command's row.
func parseExchangeCommand(r *exchangeRow, x *texts) exchangeCommand {
	data := trimBlanks(r.data, ' ')
	verb, arg, _ := bytes.Cut(data, []byte{' '})
	c := exchangeCommand{Verb: exchangeOther, Pos: r.pos, At: r.at}
	var upper [16]byte
	if len(verb) <= len(upper) {
		if v, ok := exchangeVerbs[string(appendUpper(upper[:0], verb))]; ok {
			c.Verb = v
		}
	}
	switch c.Verb {
	case exchangeMAIL:
		var params []byte
		c.Path, params = exchangePath(arg, "FROM:", x)
		c.Internal = hasParameter(params, "XMESSAGEVALUE") || hasParameter(params, "XSHADOW")
	case exchangeRCPT:
		c.Path, _ = exchangePath(arg, "TO:", x)
		c.Path = x.recipient(c.Path)
	case exchangeHELO:
		c.Name = x.str(trimBlanks(arg, ' '))
	case exchangeBDAT:
		size, last, _ := bytes.Cut(trimBlanks(arg, ' '), []byte{' '})
		c.SizeBytes = digits(size)
		c.Last = bytes.EqualFold(trimBlanks(last, ' '), []byte("LAST"))
	case exchangeAUTH:
		const own = "EXCHANGEAUTH"
		c.Internal = len(arg) >= len(own) && bytes.EqualFold(arg[:len(own)], []byte(own))
		c.Extended = bytes.EqualFold(verb, []byte("X-EXPS"))
	}
	return c
}

// exchangePath reads the argument of MAIL or RCPT.
func exchangePath(arg []byte, keyword string, x *texts) (p mail.Path, params []byte) {
	path, params, ok := parsePath(arg, keyword, ' ')
	if !ok {
		return mail.UnknownPath, nil
	}
	return x.path(path), params
}

// hasParameter is true if params (RFC 5321, section 4.1.1.11) name keyword.
func hasParameter(params []byte, keyword string) bool {
	if len(params) < len(keyword) {
		return false
	}
	for p := range bytes.FieldsSeq(params) {
		name, _, _ := bytes.Cut(p, []byte{'='})
		if bytes.EqualFold(name, []byte(keyword)) {
			return true
		}
	}
	return false
}

// fits is false for a reply that cannot answer the command, so that the row of
// the command's own reply must be lost.
func (c *exchangeCommand) fits(r exchangeReply) bool {
	if r.code >= 400 {
		return true
	}
	switch c.Verb {
	case exchangeAUTH:
		return r.code == 334 || r.code == 235
	case exchangeTLS:
		return r.code == 220
	case exchangeQUIT:
		return r.code == 221
	case exchangeDATA, exchangeBinary:
		return r.code == 354 || r.code/10 == 25
	case exchangeMAIL:
		return r.plain() && !bytes.HasPrefix(r.text, []byte("2.1.5 Recipient OK"))
	case exchangeRCPT:
		return r.plain() && !bytes.HasPrefix(r.text, []byte("2.1.0 Sender OK"))
	}
	return r.plain()
}

// exchangeReply is a reply (RFC 5321, section 4.2), without the lines before its
// last. The zero exchangeReply stands for one that the log does not tell.
type exchangeReply struct {
	code int
	text []byte
	pos  mail.LogPos
	at   mail.Time
}

// plain is false for codes that answer one command alone.
func (r *exchangeReply) plain() bool {
	switch r.code {
	case 220, 221, 235, 334, 354:
		return false
	}
	return true
}

func (r *exchangeReply) accepted() bool { return r.code >= 200 && r.code < 300 }
func (r *exchangeReply) refused() bool  { return r.code >= 400 }

// parseExchangeReply reads the data of a reply's row. ok is false for what is no
// reply, final for a line that others follow.
func parseExchangeReply(r *exchangeRow) (reply exchangeReply, final, ok bool) {
	if !isReply(r.data) {
		return exchangeReply{}, false, false
	}
	code := int(r.data[0]-'0')*100 + int(r.data[1]-'0')*10 + int(r.data[2]-'0')
	reply = exchangeReply{code: code, pos: r.pos, at: r.at}
	if len(r.data) == 3 {
		return reply, true, true
	}
	reply.text = trimBlanks(r.data[4:], ' ')
	return reply, r.data[3] != '-', true
}

// isReply is true for three digits of which the first is 2 to 5, alone or with a
// blank or a hyphen behind.
func isReply(b []byte) bool {
	return len(b) >= 3 && '2' <= b[0] && b[0] <= '5' && isDigit(b[1]) && isDigit(b[2]) &&
		(len(b) == 3 || b[3] == ' ' || b[3] == '-')
}

// receivedBytes is the size that Exchange tells in its reply to the end of the
// data, as `... 3454 bytes in 0.777, 4.338 KB/sec Queued mail for delivery`; -1 if
// it tells none. The message-id before it is the client's, and may say anything.
func receivedBytes(text []byte) int64 {
	end := bytes.LastIndex(text, []byte(" bytes in "))
	if end < 0 {
		return -1
	}
	return digits(text[bytes.LastIndexByte(text[:end], ' ')+1 : end])
}

// digits is a number of up to 15 digits, or -1.
func digits(b []byte) int64 {
	if len(b) == 0 || len(b) > 15 {
		return -1
	}
	for _, c := range b {
		if !isDigit(c) {
			return -1
		}
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func appendUpper(to, b []byte) []byte {
	for _, c := range b {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
