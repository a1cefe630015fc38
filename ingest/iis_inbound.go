package ingest

import (
	"slices"

	"relaywatch/mail"
)

// iisSession is all sessions that one client has open with one HELO name.
type iisSession struct {
	Key           iisKey
	ClientIP      string            // As mail.Transaction.ClientIP.
	HELO          string            // As mail.Transaction.HELO.
	Sessions      int               // How many are open; never less than len(Open).
	Authenticated bool              `json:",omitempty"` // One of them is, and so they all count.
	Encrypted     bool              `json:",omitempty"` // As well.
	Open          []*iisTransaction `json:",omitempty"` // In the order of their MAIL rows.
	Refused       *transaction      `json:",omitempty"` // Of the last MAIL, if it was refused: what follows is its.
	Last          mail.Time         // Of the last row.
}

// inbound takes a row of a session that a client opened.
func (s *iisSessions) inbound(v *iisServer, r *iisRow) {
	k := s.session(v, r)
	switch r.verb {
	case iisHELO:
		if k != nil && r.done() {
			k.Sessions++
			k.Refused = nil
		}
	case iisMAIL:
		s.mail(v, k, r)
	case iisRCPT:
		s.rcpt(v, k, r)
	case iisDATA:
		s.data(k, r)
	case iisBDAT:
		s.bdat(k, r)
	case iisRSET:
		s.rset(k, r)
	case iisAUTH:
		s.auth(v, k, r)
	case iisSTARTTLS:
		s.startTLS(v, k, r)
	case iisQUIT:
		s.leave(v, k, r.at)
	}
}

// session is the key of r. Rows that begin something make one, all others get nil
// where there is none.
func (s *iisSessions) session(v *iisServer, r *iisRow) *iisSession {
	key := s.lookup(r.values[colClient], r.values[colUsername])
	k := v.in[string(key)]
	if k != nil && apart(r.at, k.Last) {
		s.closeSession(v, k)
		k = nil
	}
	if k == nil {
		switch {
		case r.verb == iisMAIL, r.verb == iisRCPT:
		case r.verb == iisHELO && r.done():
		case r.verb == iisAUTH && r.reply == 235:
		default:
			return nil
		}
		k = &iisSession{
			Key:      iisKey(key),
			ClientIP: r.texts.ip(r.values[colClient]),
			HELO:     r.texts.str(r.values[colUsername]),
		}
		v.in[string(k.Key)] = k
	}
	k.Last = r.at
	return k
}

// begin opens a transaction at r.
func (s *iisSessions) begin(v *iisServer, k *iisSession, r *iisRow, reversePath mail.Path) *transaction {
	return s.tray.start(mail.Transaction{
		Pos: r.pos, At: r.at,
		Server: v.Name, ServerIP: r.texts.ip(r.values[colServerIP]),
		ClientIP: k.ClientIP, HELO: k.HELO, Authenticated: k.Authenticated, TLS: v.tls(k),
		ReversePath: reversePath,
	})
}

// open keeps tx open: there are at least as many sessions as open transactions.
func (s *iisSessions) open(k *iisSession, tx *transaction) {
	if len(k.Open) == iisMaxOpen {
		s.abort(k, 0, tx.At)
	}
	k.Open = s.opened(k.Open, &iisTransaction{Tx: tx})
	k.Sessions = max(k.Sessions, len(k.Open))
}

func (s *iisSessions) mail(v *iisServer, k *iisSession, r *iisRow) {
	switch {
	case r.done():
		k.Refused = nil
		s.open(k, s.begin(v, k, r, r.path("FROM:")))
	case r.refused() && len(k.Open) == 0:
		k.Refused = s.begin(v, k, r, r.path("FROM:"))
		s.tray.end(k.Refused, mail.Refused, r.at)
	}
}

// rcpt adds a recipient to the transaction with the fewest, the oldest of these.
// Where none is open the log lacks the MAIL row, or it was refused.
func (s *iisSessions) rcpt(v *iisServer, k *iisSession, r *iisRow) {
	if k.Refused != nil && r.refused() {
		if k.Refused.count() < mail.MaxRecipients {
			s.tray.recipient(k.Refused, r.recipient())
			return
		}
	}
	if len(k.Open) == 0 {
		k.Refused = nil
		s.open(k, s.begin(v, k, r, mail.UnknownPath))
	}
	fewest := k.Open[0]
	for _, o := range k.Open[1:] {
		if o.count() < fewest.count() {
			fewest = o
		}
	}
	s.recipient(fewest, r.recipient())
}

// data ends a transaction, the oldest that the reply can be of.
func (s *iisSessions) data(k *iisSession, r *iisRow) {
	if k == nil || r.reply >= 300 && r.reply < 400 { // 354: the message is still to come.
		return
	}
	k.Refused = nil
	if i := k.addressed(r); i >= 0 {
		size := int64(-1)
		if r.done() {
			size = r.sizeBytes()
		}
		s.finish(k, i, r, size)
	}
}

// bdat is data in chunks (RFC 3030, section 2).
func (s *iisSessions) bdat(k *iisSession, r *iisRow) {
	if k == nil {
		return
	}
	i := k.addressed(r)
	if i < 0 {
		return
	}
	size, last := r.chunk()
	o := k.Open[i]
	o.ChunkBytes += size
	switch {
	case r.refused():
		s.finish(k, i, r, -1)
	case last && o.ChunkBytes > 0:
		s.finish(k, i, r, o.ChunkBytes)
	case last:
		s.finish(k, i, r, r.sizeBytes())
	}
}

// addressed is the oldest transaction of k that DATA with this reply can be of, or
// -1: accepted needs a recipient that was not refused, refused any recipient.
func (k *iisSession) addressed(r *iisRow) int {
	return slices.IndexFunc(k.Open, func(o *iisTransaction) bool {
		if r.done() {
			return o.sendable()
		}
		return o.count() > 0
	})
}

// finish ends k.Open[i] by the reply to DATA or BDAT.
func (s *iisSessions) finish(k *iisSession, i int, r *iisRow, sizeBytes int64) {
	var o *iisTransaction
	o, k.Open = remove(k.Open, i)
	outcome := mail.Accepted
	if !r.done() {
		outcome = mail.Refused
	}
	s.end(o, outcome, r.at, sizeBytes)
}

// rset ends the transaction of a single session. Of several sessions it may be
// any: then only one without an accepted recipient is given up, if there is one.
func (s *iisSessions) rset(k *iisSession, r *iisRow) {
	if k == nil || !r.done() {
		return
	}
	k.Refused = nil
	i := 0
	if k.Sessions > 1 {
		i = slices.IndexFunc(k.Open, func(o *iisTransaction) bool { return !o.sendable() })
	}
	if i >= 0 && i < len(k.Open) {
		s.abort(k, i, r.at)
	}
}

func (s *iisSessions) abort(k *iisSession, i int, at mail.Time) {
	var o *iisTransaction
	o, k.Open = remove(k.Open, i)
	s.end(o, mail.Aborted, at, -1)
}

// auth notes the answer to AUTH (RFC 4954, section 4). The log never names the
// account. A 4xx reply is the server's own trouble and tells nothing.
func (s *iisSessions) auth(v *iisServer, k *iisSession, r *iisRow) {
	if r.reply != 235 && r.reply < 500 {
		return
	}
	s.tray.logins = append(s.tray.logins, mail.Login{
		Pos: r.pos, At: r.at, Server: v.Name,
		ClientIP: r.texts.ip(r.values[colClient]), TLS: v.tls(k), OK: r.reply == 235,
	})
	if k != nil && r.reply == 235 {
		k.Authenticated = true
	}
}

// startTLS counts one session less, because EHLO follows (RFC 3207, section 4.2)
// and counts it again. The server forgets a login.
func (s *iisSessions) startTLS(v *iisServer, k *iisSession, r *iisRow) {
	if r.reply != 220 {
		return
	}
	v.TellsTLS = true
	if k == nil {
		return
	}
	k.Encrypted = true
	k.Sessions = max(k.Sessions-1, len(k.Open))
	if k.Sessions == 0 {
		k.Authenticated = false
	}
}

// tls tells whether a session of k is encrypted; nil is a client of whom nothing is
// known. Only a server that wrote a STARTTLS row once is known to write them.
func (v *iisServer) tls(k *iisSession) mail.TLS {
	switch {
	case !v.TellsTLS:
		return mail.TLSNotTold
	case k != nil && k.Encrypted:
		return mail.Encrypted
	}
	return mail.Plain
}

// leave counts one session less, and gives up the oldest transactions that are
// more than the sessions left.
func (s *iisSessions) leave(v *iisServer, k *iisSession, at mail.Time) {
	if k == nil {
		return
	}
	k.Refused = nil
	k.Sessions = max(k.Sessions-1, 0)
	for len(k.Open) > k.Sessions {
		s.abort(k, 0, at)
	}
	if k.Sessions == 0 {
		delete(v.in, string(k.Key))
	}
}

// closeSession gives up everything of a key that has been idle, as of its last row.
func (s *iisSessions) closeSession(v *iisServer, k *iisSession) {
	for len(k.Open) > 0 {
		s.abort(k, 0, k.Last)
	}
	delete(v.in, string(k.Key))
}
