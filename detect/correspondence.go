package detect

import "relaywatch/mail"

// Memory that is of no submitter is kept under these names.
var (
	pairsKept = mail.Submitter{Kind: "pair"}  // Which own reverse-path mailed which recipient.
	heardKept = mail.Submitter{Kind: "heard"} // Who wrote to us from outside.
)

// rememberPair tells whether a reverse-path of an own domain is new to a recipient of
// a host. Accounts are known by their name; what they mail is remembered for the day on
// which the same person's mail comes without a login.
func (j *judge) rememberPair(s *subject, p *part, hash uint64, at mail.Time) bool {
	if p.pathHash == 0 || p.foreign || len(j.network.own) == 0 {
		return true
	}
	if j.pairs == nil {
		j.pairs = j.subject(pairsKept, nobody)
	}
	known, noted := j.keep(j.pairs, pairOf(p.pathHash, hash), at)
	p.moved = known // Told anew for each recipient: a preview has been through the same part.
	if noted {
		used, _ := j.keep(j.pairs, max(1, uint64(p.pathHash)*0x9E3779B97F4A7C15>>(64-8*hashBytes)), at)
		p.moved = known || used
	}
	return !known || s.who.Address() == ""
}

// pairOf is what the memory keeps of a recipient under a reverse-path. Multiplying spreads
// both hashes over the bits that are kept.
func pairOf(path uint32, recipient uint64) uint64 {
	return max(1, ((recipient^uint64(path)<<8)*0x9E3779B97F4A7C15)>>(64-8*hashBytes))
}

// isMailbox is true for a reverse-path of ours to which mail went before: somebody has
// been reading there, and only now writes. On the first day of a program everybody is
// new; of a person some are.
func (j *judge) isMailbox(p *part) bool {
	return p.pathHash != 0 && !p.foreign && len(j.network.own) > 0 && j.everyone.has(j.network.asRecipient(p.transaction.ReversePath), j.turns.number())
}

// hear remembers who writes to us from outside: an answer goes to nobody new.
func (j *judge) hear(ev *event) {
	p := ev.part
	t := &p.transaction
	if !j.profiled || p.class != nobody && p.class != outside || t.Authenticated || t.ReversePath == "" || !t.ReversePath.Known() ||
		!j.network.external(t.ReversePath.Domain()) {
		return
	}
	if j.heard == nil {
		j.heard = j.subject(heardKept, nobody)
	}
	j.turn(ev.at)
	if j.turns.heard >= j.limits.heard {
		return
	}
	hash := j.network.asRecipient(t.ReversePath)
	if _, noted := j.everyone.touch(hash, j.turns.number()); noted {
		j.turns.heard++
		j.note(j.heard, hash, ev.at)
	}
}

// senderBehind is who is judged for a row: the address of an own domain, where many
// share the host.
func (j *judge) senderBehind(s *subject, ev *event) *subject {
	p := ev.part
	if p.class != inside || p.pathHash == 0 || p.foreign || !s.profile.shares() {
		return s
	}
	if day, _ := j.local(ev.at); !s.profile.isShared(day) {
		return s
	}
	sender := j.subject(mail.Submitter{Kind: mail.KindSender, Value: string(p.transaction.ReversePath)}, inside)
	sender.behind = s.who.Address()
	return sender
}
