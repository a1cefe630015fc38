package detect

import (
	"cmp"
	"time"

	"relaywatch/mail"
)

// eventKind orders events of the same row: a transaction begins before its first
// recipient, which may be its key, and ends after. A delivery and a bounce come after all
// else of their second: another log may tell who submitted the mail.
type eventKind uint8

const (
	eventMail eventKind = iota
	eventRecipient
	eventEnd
	eventLogin
	eventDelivery
	eventBounce
)

// event is one row that counts: when it was logged, and where its facts are.
type event struct {
	at    mail.Time
	pos   mail.LogPos
	part  *part
	index int32 // Of the recipient in the part.
	kind  eventKind
}

// part is what events share: a part of a transaction, a login, or a delivery. The engine uses
// it again when all of them are judged.
type part struct {
	transaction mail.Transaction
	login       *mail.Login // nil of all else: most parts are of transactions, and minutes of them wait.
	who         mail.Submitter
	class       class
	foreign     bool     // The reverse-path is of no own domain and not null.
	pathHash    uint32   // Of the reverse-path; 0 if it is null or not told.
	mailbox     uint64   // What the reverse-path is known by as a recipient; 0: nobody asked yet.
	nameHash    uint32   // Of the HELO name of a client inside; 0 if it is none.
	moved       bool     // The reverse-path was seen before its newest recipient.
	subject     *subject // That of who, as found last.
	pair        uint32   // Of a delivery: see hashPair.
	outcome     mail.DeliveryOutcome
	waiting     int // Events that are not judged for good.
}

// compare is the order in which events are judged: by time, then by content.
func (e *event) compare(f *event) int {
	if c := cmp.Compare(e.at, f.at); c != 0 {
		return c
	}
	if late, also := e.kind >= eventDelivery, f.kind >= eventDelivery; late != also {
		return index(late) - index(also)
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
func (j *judge) events(to []event, p *part) []event {
	t := &p.transaction
	p.who = t.Submitter()
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
	to = j.bouncesOf(to, p)
	if p.class == nobody {
		return to
	}
	p.foreign = t.ReversePath.Known() && j.network.external(t.ReversePath.Domain())
	if (j.profiled || j.judgesReturns || j.judgesBounces) && t.ReversePath.Known() && t.ReversePath != "" {
		p.pathHash = j.network.hashOf(t.ReversePath)
	}
	if p.class == inside && len(j.network.own) > 0 {
		p.nameHash = hashName(t.HELO)
	}
	for i := range t.Recipients {
		r := &t.Recipients[i]
		switch {
		case r.At == 0, p.class == outside && !j.network.relayed(t, r):
			continue
		case p.class != outside && j.network.isDigest(t.ReversePath, r.Path):
			continue
		}
		to = append(to, event{at: r.At, pos: r.Pos, part: p, index: int32(i), kind: eventRecipient})
	}
	if j.needs(isEnd) && p.class != outside && t.Outcome != mail.Open && t.EndAt != 0 && t.SizeBytes > 0 {
		to = append(to, event{at: t.EndAt, pos: t.Pos, part: p, kind: eventEnd})
	}
	return to
}

// needs tells whether some rule measures what rows with one of the flags count for.
func (j *judge) needs(f flag) bool { return j.layout.needs&f != 0 }

// putText notes a text as the value of a dimension, if there is one.
func (j *judge) putText(r *row, d dimension, text string) {
	if text != "" && j.needs(has(d)) {
		r.put(d, j.network.key.of(text))
	}
}

// mailRow fills a row with what a MAIL command counts for.
func (j *judge) mailRow(r *row, ev *event) {
	t := &ev.part.transaction
	*r = row{at: ev.at, pos: ev.pos, flags: isMail}
	switch {
	case t.ReversePath == "":
		r.flags |= isNullPath
	case t.ReversePath.Known():
		j.putText(r, byReversePath, string(t.ReversePath))
		if ev.part.foreign {
			r.flags |= isForeignPath
		}
	}
	j.putText(r, byHELO, t.HELO)
	j.putText(r, byHost, t.ClientIP)
}

// recipientRow fills a row with what a RCPT command counts for. The recipient is in the
// memory afterwards, whatever the reply: it was tried.
func (j *judge) recipientRow(r *row, s *subject, ev *event) {
	t := &ev.part.transaction
	to := &t.Recipients[ev.index]
	*r = row{at: ev.at, pos: ev.pos}
	if t.Former == 0 && ev.index == 0 {
		r.flags |= isFirst
	}
	accepted := replyAccepts(to)
	if accepted {
		r.flags |= isAccepted
		if j.needs(isOffHours) && j.network.hours.offHours(ev.at) {
			r.flags |= isOffHours
		}
	}
	if to.Refused() {
		r.flags |= isRefused
	}
	if !to.Path.Known() {
		return
	}
	hash, domain := j.hash, to.Path.Domain()
	if hash == 0 {
		hash = j.network.hashPath(to.Path)
	}
	isNew, to3 := j.remember(s, ev.part, hash, ev.at)
	domainHash := j.network.key.of(domain)
	external := j.network.externalBy(domainHash, domain)
	r.told = told{novelty: to3, external: external, refused: to.Reply >= 500 && to3 != known, skip: to.Reply >= 500 && to3 == known, nth: int32(t.Former) + ev.index + 1}
	if form := oddForm(to.Path); form != 0 {
		r.flags |= isOddForm
		r.told.refused, r.told.skip = false, true // It tests the server, and mails nobody.
		if j.needs(has(byForm)) {
			r.put(byForm, form)
		}
	} else if to.Refused() {
		r.flags |= refusal(to.Reply, external)
	}
	if accepted {
		r.flags |= isNew
		r.put(byRecipient, hash)
		if domain != "" && j.needs(has(byDomain)) {
			r.put(byDomain, domainHash)
		}
		j.acceptedRow(r, ev.part, external)
		if isNew&isStranger != 0 && external && ev.part.foreign && ev.part.class != outside {
			r.campaign = j.spread.join(ev.part.pathHash, s.who, ev.at, ev.pos)
		}
		if isNew != 0 && external && ev.part.class != outside && j.needs(isCommon) {
			j.meetNewcomer(s, r, hash)
		}
		j.post(s, ev.part, hash, external, ev.at)
	}
}

// acceptedRow adds what an accepted recipient counts for besides.
func (j *judge) acceptedRow(r *row, p *part, external bool) {
	t := &p.transaction
	switch {
	case t.ReversePath == "":
		r.flags |= isNullPathRecipient | has(byNullPathRecipient)
	case p.foreign:
		r.flags |= isForeignPathRecipient
	}
	if !external {
		return
	}
	r.flags |= isExternal
	if !t.Authenticated {
		r.flags |= isUnauthenticated
		if t.RelayRight {
			r.flags |= isRelayRight
		}
	}
}

// firstDay is how long the memory must reach back to tell strangers.
// On the first day all are new, and a busy host would look like one with a bought
// list: of 500 ordinary ones, two each.
const firstDay = 24 * time.Hour

// remember adds a recipient to the memory and tells to whom it was new. Who mailed it
// under the same reverse-path from elsewhere knows it: addresses of clients change.
func (j *judge) remember(s *subject, p *part, hash uint64, at mail.Time) (flag, novelty) {
	if j.began == 0 {
		j.began = at
	}
	j.turn(at)
	pairIsNew := j.rememberPair(s, p, hash, at)
	mine, noted := j.keep(s, hash, at)
	if !noted {
		return 0, known
	}
	here, _ := j.everyone.touch(hash, j.turns.number())
	if mine || j.knewBefore(s, hash, at) {
		return 0, known
	}
	how := newToAll
	if !pairIsNew {
		how = known
	}
	switch {
	case here:
		return isNew, min(how, knownHere)
	case at-j.began < seconds(firstDay):
		return isNew | isNewToAll, how
	}
	return isNew | isNewToAll | isStranger, how
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

// loginRow is what a login counts for. It is the same beside the account and beside
// the client.
func (j *judge) loginRow(ev *event) row {
	l := ev.part.login
	r := row{at: ev.at, pos: ev.pos, flags: isFailure}
	host := byFailingHost
	if l.OK {
		r.flags, host = isLogin, byHost
	} else if l.User != "" {
		j.putText(&r, byLoginName, bareName(l.User))
	}
	j.putText(&r, host, l.ClientIP)
	return r
}
