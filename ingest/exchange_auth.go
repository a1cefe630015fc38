package ingest

import (
	"bytes"
	"strings"

	"relaywatch/mail"
)

// exchangeAuth is what the server's notes told of an AUTH command that has no
// final reply yet, or whose row is lost.
type exchangeAuth struct {
	Pos    mail.LogPos // Of the note that told the outcome.
	At     mail.Time
	User   string
	Proved bool
	Failed bool
}

var (
	contextAuthenticated = []byte("authenticated")
	contextInbound       = []byte("Inbound ")
	contextUserName      = []byte("User Name:")
)

// noteAuth takes a note about a login: `CORP\ann,authenticated` names the account
// in data, `Inbound AUTH LOGIN failed because of LogonDenied` and `User Name: ann`
// come after each other.
func (e *exchangeSession) noteAuth(r *exchangeRow, x *texts) {
	switch c := r.context; {
	case bytes.Equal(c, contextAuthenticated):
		e.Auth = exchangeAuth{Pos: r.pos, At: r.at, User: x.lower(r.data), Proved: true}
		if !e.authPending() {
			e.proved(r.pos, r.at, exchangeCommand{Extended: true}) // No client can keep its command out of the log.
		}
	case bytes.HasPrefix(c, contextInbound) && bytes.Contains(c, []byte(" failed")) && bytes.Contains(c, []byte("LogonDenied")):
		if e.Auth.Failed && e.Auth.User != "" && !e.authPending() {
			e.failed(e.Auth.Pos, e.Auth.At)
		}
		if !e.Auth.Failed {
			e.Auth.Failed, e.Auth.Pos, e.Auth.At = true, r.pos, r.at
		}
	case len(c) >= len(contextUserName) && bytes.EqualFold(c[:len(contextUserName)], contextUserName):
		if e.Auth.User == "" {
			e.Auth.User = x.lower(trimBlanks(c[len(contextUserName):], ' '))
		}
	}
}

// authPending is true while an AUTH command waits for its final reply.
func (e *exchangeSession) authPending() bool {
	for i := e.head; i < len(e.Queue); i++ {
		if e.Queue[i].Verb == exchangeAUTH {
			return true
		}
	}
	return false
}

// auth takes an answered AUTH command, or one without a reply.
func (e *exchangeSession) auth(c exchangeCommand, r exchangeReply) {
	if e.Direction == mail.Out {
		return
	}
	switch {
	case r.code == 235:
		e.proved(r.pos, r.at, c)
	case r.code == 0:
		e.endAuth()
	default:
		e.replyToAuth(r)
		e.endAuth()
	}
}

// replyToAuth takes a reply that may have refused an AUTH command: 535 does (RFC
// 4954, section 6); others refuse the command itself, and prove nothing, unless
// the server noted that it was the login that failed.
func (e *exchangeSession) replyToAuth(r exchangeReply) {
	switch {
	case e.Direction == mail.Out:
	case e.Auth.Failed:
		e.failed(e.Auth.Pos, e.Auth.At)
	case r.code == 535:
		e.failed(r.pos, r.at)
	}
}

// endAuth tells what the notes alone say.
func (e *exchangeSession) endAuth() {
	switch {
	case e.Auth.Failed:
		e.failed(e.Auth.Pos, e.Auth.At)
	case e.Auth.Proved:
		e.proved(e.Auth.Pos, e.Auth.At, exchangeCommand{})
	}
	e.Auth = exchangeAuth{}
}

// proved takes a login by the AUTH command c that succeeded. Another server of ours
// is told by a mechanism that servers of one organisation alone can use, or by a
// machine's account over X-EXPS: a machine that logs in like a client is one.
func (e *exchangeSession) proved(pos mail.LogPos, at mail.Time, c exchangeCommand) {
	user := e.Auth.User
	if !e.Auth.Proved {
		user = "" // Named by a failure before.
	}
	e.Auth = exchangeAuth{}
	e.Authenticated = true
	if c.Internal && user == "" || isMachine(user) && (c.Internal || c.Extended) || isSystem(user) {
		e.User, e.Hop = "", true
		return
	}
	e.User = user
	e.login(mail.Login{Pos: pos, At: at, User: user, OK: true})
}

// isMachine is true for the account of a computer, as corp\ex01$. Every member of
// the domain has one, workstations too.
func isMachine(user string) bool { return strings.HasSuffix(user, "$") }

// isSystem is true for the accounts of the server's own services.
func isSystem(user string) bool { return strings.HasPrefix(user, `nt authority\`) }

func (e *exchangeSession) failed(pos mail.LogPos, at mail.Time) {
	e.login(mail.Login{Pos: pos, At: at, User: e.Auth.User})
	e.Auth = exchangeAuth{}
}

func (e *exchangeSession) login(l mail.Login) {
	l.Server, l.ClientIP, l.TLS = e.serverName(), e.ClientIP, e.TLS
	e.tray.logins = append(e.tray.logins, l)
}
