package ingest

import (
	"bytes"
	"slices"
	"strings"

	"relaywatch/mail"
)

// exchangeSession is one session of an Exchange log. Exported fields are kept
// between two runs.
//
// Commands wait in a queue until their reply comes, and take effect then, in the
// order in which the server answered them: that is what the server itself did,
// also where the client did not wait for replies (RFC 2920, pipelining).
type exchangeSession struct {
	Direction mail.Direction
	Told      bool // The direction is known.
	Talked    bool // A command or a reply was seen.
	ClientIP  string
	ServerIP  string
	HELO      string
	Name      string // Of the server as it called itself when it delivered, upper case.
	User      string
	Connector string   `json:",omitempty"` // Without the server.
	TLS       mail.TLS `json:",omitempty"`

	Authenticated bool
	RelayRight    bool
	Hop           bool // Another server of the organisation hands mail on; out: mail is handed on to one.

	LastAt mail.Time // Of its latest row.
	Clock  mail.Time // Of its server, when its last row came.

	Queue   []exchangeCommand
	Auth    exchangeAuth
	Tx      *transaction    // Takes the next recipient; open, or refused and not left yet.
	Full    []*transaction  // Those of MaxRecipients that Tx continues.
	Chunks  int64           // Bytes of the BDAT commands answered 2xx; -1 before the first.
	Refusal *mailRefusal    // Why MAIL of Tx was refused.
	Waiting []mail.Delivery // Recipients accepted by a remote server that has not answered DATA yet.

	head   int // Queue before it is answered.
	tray   *tray
	server *exchangeServer
}

// mailRefusal is the reply that refused a MAIL command.
type mailRefusal struct {
	Code int
	Text string
}

func newExchangeSession(family byte, clientIP, connector string) *exchangeSession {
	e := &exchangeSession{ClientIP: clientIP, Connector: connector, TLS: mail.Plain, Chunks: -1, Told: family != familyEither}
	if family == familySend {
		e.Direction = mail.Out
	}
	return e
}

// serverName is the name of the server that wrote the session's rows: as
// connector-id tells, or as the server called itself when it delivered.
func (e *exchangeSession) serverName() string {
	if e.Direction == mail.Out {
		return e.Name
	}
	return e.server.name
}

// row takes any row but the last of the session.
func (e *exchangeSession) row(r *exchangeRow, x *texts) {
	if e.ServerIP == "" && len(r.local) > 0 {
		e.ServerIP = x.ip(host(r.local))
	}
	switch r.event {
	case '*':
		e.note(r, x)
	case '<', '>':
		e.Talked = true
		if !e.Told && len(r.data) > 0 {
			e.Told = true
			if isReply(r.data) == (r.event == '<') {
				e.Direction = mail.Out
			}
		}
		if (r.event == '<') == (e.Direction == mail.In) {
			e.command(r, x)
		} else if reply, final, ok := parseExchangeReply(r); ok && final {
			e.reply(reply, x)
		}
	}
}

var (
	contextPermissions = []byte("Set Session Permissions")
	contextProxying    = []byte("Proxying inbound session with session id")
	anyRecipient       = []byte("SMTPAcceptAnyRecipient")
)

// note takes a row with information from the server itself.
func (e *exchangeSession) note(r *exchangeRow, x *texts) {
	switch {
	case bytes.Equal(r.context, contextPermissions):
		e.RelayRight = hasWord(r.data, anyRecipient)
	case bytes.HasPrefix(r.context, contextProxying) && (e.Direction == mail.Out || !e.Told):
		e.Hop = true
	case e.Direction == mail.In:
		e.noteAuth(r, x)
	}
}

// hasWord is true if word stands in b, between blanks or commas.
func hasWord(b, word []byte) bool {
	for len(b) > 0 {
		n := bytes.IndexAny(b, " ,")
		if n < 0 {
			n = len(b)
		}
		if bytes.EqualFold(b[:n], word) {
			return true
		}
		b = b[min(n+1, len(b)):]
	}
	return false
}

// command queues a command. What a client sends after 334 is none.
func (e *exchangeSession) command(r *exchangeRow, x *texts) {
	c := parseExchangeCommand(r, x)
	if c.Verb == exchangeOther && e.head < len(e.Queue) && e.Queue[e.head].Challenged {
		return
	}
	if c.Verb == exchangeAUTH && (e.Auth.Failed || e.Auth.Proved) {
		e.forgo(exchangeReply{pos: r.pos, at: r.at}) // Decided long ago.
	}
	e.Queue = append(e.Queue, c)
}

// forgo takes it that the replies to all commands in the queue are lost.
func (e *exchangeSession) forgo(r exchangeReply) {
	for e.head < len(e.Queue) {
		e.answer(e.pop(), r, nil)
	}
	e.endAuth()
}

// reply gives a reply to the oldest command that it can answer. Commands before
// that have lost theirs. A greeting, or the 421 of a server that closes the
// session (RFC 5321, section 3.8), answers none.
func (e *exchangeSession) reply(r exchangeReply, x *texts) {
	waiting := e.Queue[e.head:]
	lost := slices.IndexFunc(waiting, func(c exchangeCommand) bool { return c.fits(r) })
	if lost < 0 {
		e.replyToAuth(r) // Where the row of AUTH is lost.
		return
	}
	for range lost {
		e.answer(e.pop(), exchangeReply{pos: r.pos, at: r.at}, x)
	}
	if r.code/100 == 3 {
		e.Queue[e.head].Challenged = r.code == 334
		return
	}
	e.answer(e.pop(), r, x)
}

func (e *exchangeSession) pop() exchangeCommand {
	c := e.Queue[e.head]
	e.head++
	if e.head == len(e.Queue) || e.head > 64 && e.head*2 > len(e.Queue) {
		e.compact()
	}
	return c
}

// compact drops the answered commands from Queue.
func (e *exchangeSession) compact() {
	e.Queue = append(e.Queue[:0], e.Queue[e.head:]...)
	e.head = 0
}

// answer lets a command take effect. r without a code is a reply that is lost; x
// is not used then.
func (e *exchangeSession) answer(c exchangeCommand, r exchangeReply, x *texts) {
	switch c.Verb {
	case exchangeHELO:
		if !r.refused() || e.HELO == "" {
			e.HELO = c.Name
			e.Name = strings.ToUpper(c.Name)
		}
		if !r.refused() {
			e.abort(r) // RFC 5321, section 4.1.4: as RSET.
		}
	case exchangeMAIL:
		e.mail(c, r, x)
	case exchangeRCPT:
		e.rcpt(c, r, x)
	case exchangeDATA:
		if r.code != 0 {
			e.data(r, x)
		}
	case exchangeBDAT:
		e.bdat(c, r, x)
	case exchangeRSET, exchangeQUIT:
		e.abort(r)
	case exchangeAUTH:
		e.auth(c, r)
	case exchangeTLS:
		if r.accepted() {
			e.TLS = mail.Encrypted
		}
	case exchangeXPROXY:
		e.Hop = e.Hop || r.accepted() // Refused to a stranger, who stays one.
	}
}

// end ends the session: what has no reply yet gets none.
func (e *exchangeSession) end(at mail.Time) {
	e.forgo(exchangeReply{at: at})
	e.abort(exchangeReply{at: at})
}
