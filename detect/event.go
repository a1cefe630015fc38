package detect

import (
	"cmp"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// eventKind orders events of the same row: a transaction begins before its first
// recipient, which may be its key, and ends after.
type eventKind uint8

const (
	eventMail eventKind = iota
	eventRecipient
	eventEnd
	eventLogin
)

// event is one row that counts: when it was logged, and where its facts are.
type event struct {
	at    mail.Time
	pos   mail.LogPos
	part  *part
	index int32 // Of the recipient in the part.
	kind  eventKind
}

// part is what events share: a part of a transaction, or a login.
type part struct {
	transaction mail.Transaction
	login       mail.Login
	who         mail.Submitter
	class       class
}

// compare is the order in which events are judged: by time, then by content.
func (e *event) compare(f *event) int {
	if c := cmp.Compare(e.at, f.at); c != 0 {
		return c
	}
	if c := e.pos.Compare(f.pos); c != 0 {
		return c
	}
	return cmp.Compare(e.kind, f.kind)
}

// replyAccepts is true also where the log does not tell the reply: a log without
// replies must not hide what was sent.
func replyAccepts(r *mail.Recipient) bool { return r.Reply == 0 || r.Accepted() }

// relayed is true for a recipient that a client without login had the server
// accept for the outside.
func (n *network) relayed(t *mail.Transaction, r *mail.Recipient) bool {
	return !t.Authenticated && replyAccepts(r) && r.Path.Known() && n.external(r.Path.Domain())
}

// events appends the events of a part of a transaction. Of a client outside only
// relayed recipients count: all else that it sends is the internet's mail.
func (j *judge) events(to []event, t mail.Transaction) []event {
	p := &part{transaction: t, who: t.Submitter()}
	switch {
	case p.who.Kind == mail.KindUser:
		p.class = account
	case p.who.Kind == mail.KindIP && t.ClientIP != t.ServerIP:
		p.class = j.network.classOf(t.ClientIP)
	}
	if p.class == outside && !j.judgesOutside {
		p.class = nobody
	}
	if !t.Continued && t.At != 0 && (t.ServerIP != "" || p.class == inside || p.class == account) {
		to = append(to, event{at: t.At, pos: t.Pos, part: p, kind: eventMail})
	}
	if p.class == nobody {
		return to
	}
	for i := range t.Recipients {
		r := &t.Recipients[i]
		if r.At == 0 || p.class == outside && !j.network.relayed(&t, r) {
			continue
		}
		to = append(to, event{at: r.At, pos: r.Pos, part: p, index: int32(i), kind: eventRecipient})
	}
	if p.class != outside && t.Outcome != mail.Open && t.EndAt != 0 && t.SizeBytes > 0 {
		to = append(to, event{at: t.EndAt, pos: t.Pos, part: p, kind: eventEnd})
	}
	return to
}

// mailEntry is what a MAIL command counts for.
func (j *judge) mailEntry(ev *event) entry {
	t := &ev.part.transaction
	e := entry{at: ev.at, pos: ev.pos, flags: isMail}
	switch {
	case t.ReversePath == "":
		e.flags |= isNullPath
	case t.ReversePath.Known():
		e.keys[0] = xxhash.Sum64String(string(t.ReversePath))
		e.dims |= 1 << byReversePath
		if j.network.external(t.ReversePath.Domain()) {
			e.flags |= isForeignPath
		}
	}
	if t.HELO != "" {
		e.keys[1] = xxhash.Sum64String(t.HELO)
		e.dims |= 1 << byHELO
	}
	if t.ClientIP != "" {
		e.keys[2] = xxhash.Sum64String(t.ClientIP)
		e.dims |= 1 << byHost
	}
	return e
}

// recipientEntry is what a RCPT command counts for. The recipient is in the
// memory afterwards, whatever the reply: it was tried.
func (j *judge) recipientEntry(s *subject, ev *event) entry {
	t := &ev.part.transaction
	r := &t.Recipients[ev.index]
	e := entry{at: ev.at, pos: ev.pos, flags: isRecipient}
	if t.Former == 0 && ev.index == 0 {
		e.flags |= isFirst
	}
	accepted := replyAccepts(r)
	if accepted {
		e.flags |= isAccepted
		if j.network.hours.offHours(ev.at) {
			e.flags |= isOffHours
		}
	}
	if r.Refused() {
		e.flags |= isRefused
	}
	if !r.Path.Known() {
		return e
	}
	hash, domain := hashPath(r.Path), r.Path.Domain()
	external := j.network.external(domain)
	e.flags |= j.remember(s, hash, ev.at)
	if r.Refused() {
		e.flags |= refusal(r.Reply, external)
	}
	if !accepted {
		e.flags &^= isNew | isNewToAll
		return e
	}
	e.keys[0] = hash
	e.dims |= 1 << byRecipient
	if domain != "" {
		e.keys[1] = xxhash.Sum64String(domain)
		e.dims |= 1 << byDomain
	}
	if t.ReversePath == "" {
		e.flags |= isNullPathRecipient
		e.dims |= 1 << byNullPathRecipient
	}
	if external {
		e.flags |= isExternal
		if !t.Authenticated {
			e.flags |= isUnauthenticated
			if t.RelayRight {
				e.flags |= isRelayRight
			}
		}
	}
	return e
}

// remember adds a recipient to the memory and tells to whom it was new.
func (j *judge) remember(s *subject, hash uint64, at mail.Time) flag {
	if !s.memory.add(hash) {
		return 0
	}
	s.contacts = append(s.contacts, contact{hash, at})
	if !j.everyone.add(hash) {
		return isNew
	}
	return isNew | isNewToAll
}

// refusal tells why a recipient was refused for good, as far as the code says
// (RFC 5321, section 4.2.3): 550 is for both, so the domain decides.
func refusal(reply int, external bool) flag {
	switch {
	case external && (reply == 550 || reply == 551 || reply == 553 || reply == 554):
		return isRefusedRelay
	case !external && reply >= 550 && reply < 560:
		return isRefusedUnknown
	}
	return 0
}

// loginEntry is what a login counts for. It is the same beside the account and
// beside the client.
func loginEntry(ev *event) entry {
	l := &ev.part.login
	e := entry{at: ev.at, pos: ev.pos, flags: isFailure}
	host := byFailingHost
	if l.OK {
		e.flags, host = isLogin, byHost
	} else if l.User != "" {
		e.keys[0] = xxhash.Sum64String(bareName(l.User))
		e.dims |= 1 << byLoginName
	}
	if l.ClientIP != "" {
		e.keys[2] = xxhash.Sum64String(l.ClientIP)
		e.dims |= 1 << host
	}
	return e
}
