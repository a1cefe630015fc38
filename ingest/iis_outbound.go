package ingest

import (
	"slices"
	"strings"

	"relaywatch/mail"
)

// iisPeer is all connections that the server has open to one remote server. The
// log tells neither which connection a row is of, nor which command a reply
// answers: replies are taken for those of the oldest commands that they fit.
type iisPeer struct {
	Key      iisKey
	RemoteIP string            // As mail.Transaction.ClientIP.
	Open     []*iisTransaction `json:",omitempty"` // In the order of their MAIL commands.
	Pending  []iisCommand      `json:",omitempty"` // Commands without a reply, oldest first.
	Last     mail.Time         // Of the last row.
}

// iisCommand is a command that the server sent.
type iisCommand struct {
	Verb      iisVerb         // iisBDAT only for chunks that are not the last; the last is iisDATA.
	Tx        mail.LogPos     // Of its transaction, the Pos; zero if it has none, or one that ended.
	Recipient *mail.Recipient `json:",omitempty"` // Of RCPT; it is added to its transaction with the reply.
	Going     bool            `json:",omitempty"` // DATA was answered 354.
}

// iisMaxPending bounds the commands without a reply, for logs that lack replies.
// It leaves room for as many pipelined RCPT commands as servers take.
const iisMaxPending = 5000

// outbound takes a row of the server's own deliveries.
func (s *iisSessions) outbound(v *iisServer, r *iisRow) {
	key := s.lookup(r.values[colClient], nil)
	p := v.out[string(key)]
	if p != nil && apart(r.at, p.Last) {
		s.closePeer(v, p)
		p = nil
	}
	if p == nil {
		if r.response() {
			return // A banner, or the reply to a command before the log begins.
		}
		p = &iisPeer{Key: iisKey(key), RemoteIP: r.texts.ip(r.values[colClient])}
		v.out[string(p.Key)] = p
	}
	p.Last = r.at
	if r.response() {
		s.answer(v, p, r)
	} else {
		s.command(v, p, r)
	}
}

// command takes a command that the server sent. QUIT and STARTTLS wait for no
// reply: 221 and 220 answer nothing else.
func (s *iisSessions) command(v *iisServer, p *iisPeer, r *iisRow) {
	c := iisCommand{Verb: r.verb}
	switch r.verb {
	case iisMAIL:
		c.Tx = s.deliver(v, p, r, r.path("FROM:"))
	case iisRCPT:
		to := r.recipient()
		to.Reply = 0
		c.Recipient = &to
		c.Tx = s.address(v, p, r)
	case iisDATA, iisBDAT:
		last := r.verb == iisDATA
		if !last {
			_, last = r.chunk()
		}
		if last {
			c.Verb = iisDATA
		}
		if o := p.addressed(); o != nil {
			c.Tx, o.Data = o.pos(), last
		}
	case iisRSET:
		s.giveUp(v, p, r.at)
	case iisQUIT:
		s.giveUp(v, p, r.at)
		if len(p.Open) == 0 {
			delete(v.out, string(p.Key))
		}
		return
	case iisSTARTTLS:
		return
	}
	if len(p.Pending) == iisMaxPending {
		s.unanswered(v, p, 0)
	}
	p.Pending = append(p.Pending, c)
}

// deliver opens a transaction at r and returns its Pos.
func (s *iisSessions) deliver(v *iisServer, p *iisPeer, r *iisRow, reversePath mail.Path) mail.LogPos {
	if len(p.Open) == iisMaxOpen {
		s.settle(v, p, 0, iisVerdict{outcome: mail.Aborted, at: r.at})
	}
	p.Open = s.opened(p.Open, &iisTransaction{Tx: s.tray.start(mail.Transaction{
		Pos: r.pos, At: r.at,
		Server: v.Name, ServerIP: r.texts.ip(r.values[colServerIP]),
		Direction: mail.Out, ClientIP: p.RemoteIP, ReversePath: reversePath,
	})})
	return r.pos
}

// address finds the transaction of a RCPT command: the one with the fewest, the
// oldest of these.
func (s *iisSessions) address(v *iisServer, p *iisPeer, r *iisRow) mail.LogPos {
	if len(p.Open) == 0 {
		s.deliver(v, p, r, mail.UnknownPath)
	}
	fewest := p.Open[0]
	for _, o := range p.Open[1:] {
		if o.Commands < fewest.Commands {
			fewest = o
		}
	}
	fewest.Commands++
	return fewest.pos()
}

// addressed is the oldest transaction with a recipient that may be delivered to
// and without DATA so far; nil if there is none.
func (p *iisPeer) addressed() *iisTransaction {
	i := slices.IndexFunc(p.Open, func(o *iisTransaction) bool { return !o.Data && o.Commands > o.refused() })
	if i < 0 {
		return nil
	}
	return p.Open[i]
}

// giveUp ends the transaction that RSET or QUIT ends. Of several connections it
// may be any: then only one that nobody was accepted for, if there is one.
func (s *iisSessions) giveUp(v *iisServer, p *iisPeer, at mail.Time) {
	i := 0
	if len(p.Open) > 1 {
		i = slices.IndexFunc(p.Open, func(o *iisTransaction) bool { return len(o.Awaiting) == 0 })
	}
	if i >= 0 && i < len(p.Open) {
		s.settle(v, p, i, iisVerdict{outcome: mail.Aborted, at: at})
	}
}

// closePeer gives up everything of a remote server that has been idle, as of its
// last row.
func (s *iisSessions) closePeer(v *iisServer, p *iisPeer) {
	for len(p.Open) > 0 {
		s.settle(v, p, 0, iisVerdict{outcome: mail.Aborted, at: p.Last})
	}
	delete(v.out, string(p.Key))
}

// answer takes a reply of the remote server.
func (s *iisSessions) answer(v *iisServer, p *iisPeer, r *iisRow) {
	code, text := r.remoteReply()
	i := p.answered(code)
	if i < 0 {
		return
	}
	c := &p.Pending[i]
	if code >= 300 && code < 400 { // 334, 354: the final reply is still to come.
		c.Going = true
		return
	}
	done := *c
	p.Pending = slices.Delete(p.Pending, i, i+1)
	j := p.find(done.Tx)
	if j < 0 {
		return
	}
	d := iisVerdict{at: r.at, reply: code}
	if code >= 400 || done.Verb == iisDATA {
		d.text = strings.ReplaceAll(r.texts.str(text), "+", " ")
	}
	switch done.Verb {
	case iisMAIL:
		if code >= 400 {
			d.outcome = mail.Refused
			s.settle(v, p, j, d)
		}
	case iisRCPT:
		s.answerRCPT(v, p, p.Open[j], *done.Recipient, d)
	case iisDATA, iisBDAT:
		s.answerDATA(v, p, j, done.Verb, d)
	}
}

// answered is the oldest command that a reply with this code can answer, or -1.
func (p *iisPeer) answered(code int) int {
	if code == 220 || code == 221 {
		return -1
	}
	i := slices.IndexFunc(p.Pending, func(c iisCommand) bool {
		switch {
		case code == 354:
			return c.Verb == iisDATA && !c.Going
		case code >= 200 && code < 300 && c.Verb == iisDATA:
			return c.Going
		}
		return true
	})
	if i < 0 && code != 354 && len(p.Pending) > 0 {
		return 0 // A log that lacks the 354.
	}
	return i
}

// find is the index in p.Open of the transaction that began at pos, or -1; the
// zero LogPos is none.
func (p *iisPeer) find(pos mail.LogPos) int {
	if pos == (mail.LogPos{}) {
		return -1
	}
	return slices.IndexFunc(p.Open, func(o *iisTransaction) bool { return o.pos() == pos })
}

func (s *iisSessions) answerRCPT(v *iisServer, p *iisPeer, o *iisTransaction, to mail.Recipient, d iisVerdict) {
	to.Reply = d.reply
	s.recipient(o, to)
	if to.Refused() {
		s.decide(v, p, o, to, d)
		return
	}
	o.Awaiting = append(o.Awaiting, to)
}

func (s *iisSessions) answerDATA(v *iisServer, p *iisPeer, j int, verb iisVerb, d iisVerdict) {
	switch {
	case d.reply >= 400:
		d.outcome = mail.Refused
	case d.reply >= 200 && verb == iisDATA:
		d.outcome = mail.Accepted
	default:
		return // A chunk that was taken, or a reply that can't be read.
	}
	s.settle(v, p, j, d)
}

// iisVerdict is how a transaction ended, by the reply that decided.
type iisVerdict struct {
	outcome mail.Outcome
	at      mail.Time
	reply   int    // 0 if none did.
	text    string // Of the reply.
}

// settle ends p.Open[i], and with it the fate of every recipient that still waits.
func (s *iisSessions) settle(v *iisServer, p *iisPeer, i int, d iisVerdict) {
	var o *iisTransaction
	o, p.Open = remove(p.Open, i)
	pos := o.pos()
	for j := range p.Pending {
		if c := &p.Pending[j]; c.Tx == pos {
			c.Tx = mail.LogPos{}
			if c.Verb == iisRCPT {
				s.recipient(o, *c.Recipient)
				o.Awaiting = append(o.Awaiting, *c.Recipient)
				c.Recipient = nil
			}
		}
	}
	for _, to := range o.Awaiting {
		s.decide(v, p, o, to, d)
	}
	s.end(o, d.outcome, d.at, -1)
}

// unanswered takes p.Pending[i] out, which will never be answered.
func (s *iisSessions) unanswered(v *iisServer, p *iisPeer, i int) {
	c := p.Pending[i]
	p.Pending = slices.Delete(p.Pending, i, i+1)
	if j := p.find(c.Tx); j >= 0 && c.Verb == iisRCPT {
		s.answerRCPT(v, p, p.Open[j], *c.Recipient, iisVerdict{})
	}
}

// decide tells what became of one recipient.
func (s *iisSessions) decide(v *iisServer, p *iisPeer, o *iisTransaction, to mail.Recipient, d iisVerdict) {
	m := mail.Delivery{
		Pos: to.Pos, At: to.At, Server: v.Name, RemoteIP: p.RemoteIP,
		ReversePath: o.Tx.ReversePath, Recipient: to.Path, Reply: d.reply, Text: d.text,
	}
	if d.reply > 0 {
		m.RepliedAt = d.at
	}
	switch {
	case d.reply >= 500:
		m.Outcome = mail.RefusedThere
	case d.reply >= 400:
		m.Outcome = mail.Deferred
	case d.reply >= 200:
		m.Outcome = mail.Delivered
	}
	s.tray.deliveries = append(s.tray.deliveries, m)
}
