package detect

import (
	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// Many machines reach the server from one address: through NAT, or a load balancer. An
// IIS log names no account, so that their HELO names are all that tells them apart. A
// name is worth nothing by itself, whoever sends makes it up: it stands for a machine
// only after it was used on some days on which nothing was suspicious, and an address
// is many machines' only if some such names are used side by side, day after day. Until
// then, and for every other name, the address is judged as a whole.

const (
	// settledDays is on how many days a name must have been used.
	settledDays = 3
	// sharedNames is how many settled names are in use on a day behind an address that
	// many machines share. One machine has one or two: its mail program's, and that of a
	// service that runs there.
	sharedNames = 4
	// maxNames bounds what is kept of an address: of a hall of a thousand machines, the
	// others are judged as one.
	maxNames = 256
	// forgetName is after how many days without use a name that is not settled is dropped,
	// for each day on which it was used: those that are invented come once, and some
	// people write once a week.
	forgetName = 14
	// forgetMachine is the same for one that is settled: findings of it can be checked
	// against the rows for so long.
	forgetMachine = 400
	// maxHELO is the longest name of a host (RFC 1035, section 2.3.4).
	maxHELO = 255
)

// machine is a HELO name behind an address.
type machine struct {
	Hash  uint32
	Days  int32 // On which it was used, until it is settled.
	Day   int32 // On which it was used last.
	Since int32 // Day from which on it stands for a machine; 0: it does not.
	News  int32 // Day on which it last mailed somebody who was new to all.

	Novelty [novelties]float32 // Of its recipients, until it is settled.
}

// hashName is what a HELO name is known by, in any case of letters. 0: it is none. It is
// asked of each transaction: of names that are longer than those of hosts mostly are, the
// case matters, and a few signs that stand in no name are taken for others.
func hashName(helo string) uint32 {
	if helo == "" || len(helo) > maxHELO {
		return 0
	}
	var small [48]byte
	if len(helo) > len(small) {
		return max(1, uint32(xxhash.Sum64String(helo)))
	}
	name := small[:len(helo)]
	for i := range name {
		name[i] = helo[i] | 0x20
	}
	return max(1, uint32(xxhash.Sum64(name)))
}

// nameAt is what is kept of a name, or nil.
func (p *profile) nameAt(hash uint32) *machine {
	for i := range p.names {
		if p.names[i].Hash == hash {
			return &p.names[i]
		}
	}
	return nil
}

// useName notes that a recipient came under a name, before it is judged. Most addresses
// have one name, which takes four bytes.
func (p *profile) useName(hash uint32, day int32) {
	if day > p.NamesDay {
		p.learnNames(day)
		p.NamesDay = day
	}
	switch {
	case hash == 0 || hash == p.Name && p.names == nil:
		return
	case p.Name == 0:
		p.Name = hash
		return
	case p.names == nil:
		p.names = []machine{{Hash: p.Name, Day: day}}
	}
	if n := p.nameAt(hash); n != nil {
		n.Day = day
	} else if len(p.names) < maxNames {
		p.names = append(p.names, machine{Hash: hash, Day: day})
	}
}

// tellName notes to whom a recipient under a name was new.
func (p *profile) tellName(hash uint32, is novelty) {
	if p.names == nil || hash == 0 {
		return
	}
	n := p.nameAt(hash)
	if n == nil {
		return
	}
	if is == newToAll {
		n.News = p.NamesDay
	}
	if n.Since == 0 || p.NamesDay < n.Since {
		n.Novelty[is]++
	}
}

// learnNames ends the day of the names, with the first row of the next. On a day that was
// suspicious, a name that mailed strangers settles nothing.
func (p *profile) learnNames(day int32) {
	suspicious := p.Day == p.NamesDay && (p.Frozen || p.Watched)
	used, kept := 0, p.names[:0]
	for _, n := range p.names {
		today := n.Day == p.NamesDay
		if n.Since == 0 && today && !(suspicious && n.News == p.NamesDay) {
			if n.Days++; n.Days >= settledDays {
				n.Since = day + 1
			}
		}
		unused := day - n.Day
		if n.Since == 0 && (n.Days == 0 || unused > forgetName*n.Days) || unused > forgetMachine {
			continue
		}
		used += index(n.Since != 0 && today)
		kept = append(kept, n)
	}
	p.names = kept
	p.Named += (float32(used) - p.Named) / 3
	if p.Named >= sharedNames*0.8 && p.NamesFrom == 0 {
		p.NamesFrom = day + 1
	}
}

// settled tells whether a name stands for a machine at a moment of a day.
func (p *profile) settled(hash uint32, day int32, at mail.Time) bool {
	if p.NamesFrom == 0 || day < p.NamesFrom || p.Merged != 0 && at > p.Merged {
		return false
	}
	n := p.nameAt(hash)
	return n != nil && n.Since != 0 && day >= n.Since
}

// answersBehind is who is judged for a row of a client: a machine by its name or an
// address of an own domain, where many share the address.
func (j *judge) answersBehind(s *subject, ev *event, silent bool) *subject {
	p := ev.part
	if s.who.Kind != mail.KindIP || p.class != inside || s.profile == nil {
		return s
	}
	if s.profile.names == nil && s.profile.Name == p.nameHash { // As of most addresses.
		return j.senderBehind(s, ev)
	}
	notes := !silent && ev.kind == eventRecipient
	if p.nameHash != 0 && (notes || s.profile.NamesFrom != 0) {
		day, _ := j.local(ev.at)
		if notes {
			s.profile.useName(p.nameHash, day)
			j.changed(s)
		}
		s = j.named(s, ev, day)
	}
	return j.senderBehind(s, ev)
}

// named is the machine that a row is of, as far as its name tells.
func (j *judge) named(host *subject, ev *event, day int32) *subject {
	if !host.profile.settled(ev.part.nameHash, day, ev.at) {
		return host
	}
	s := j.subject(mail.Named(ev.part.transaction.HELO, host.who.Value), inside)
	s.behind, s.host = host.who.Value, host
	return s
}

// knewBefore tells whether a machine that was told apart of late may have mailed a
// recipient while it was not: what the address mailed then, any of its machines may have.
func (j *judge) knewBefore(s *subject, hash uint64, at mail.Time) bool {
	if s.host == nil {
		return false
	}
	if day, _ := j.local(at); s.profile != nil && Acquainted(day-s.profile.Born) {
		return false
	}
	return s.host.memory.has(hash, j.turns.number())
}

// acquaintedAfter is after how many days a machine has mailed those whom it usually mails.
const acquaintedAfter = 14

// Acquainted tells whether a machine is judged by its own recipients alone, so many days
// after its first one.
func Acquainted(days int32) bool { return days > acquaintedAfter }

// pool adds up what the machines behind an address show that had shown next to nothing by
// themselves before, by the first rule whose spam goes to strangers mostly. Who spreads a
// list over many names is seen so: the address is then judged as a whole again, for good.
func (j *judge) pool(s *subject, i int, at mail.Time, before, nats float64) {
	rule := j.rules[j.weighed[i]]
	host := s.host.profile
	if j.pooled != i || host == nil || host.Merged != 0 || before > pooledBelow {
		return
	}
	host.Pool = max(0, min(rule.Weigher.Fade(host.Pool, int64(at-host.PoolAt))+nats, rule.Weigher.Ceiling))
	host.PoolAt = at
	if host.Pool >= j.asked[j.weighed[i]].least {
		host.Merged = at
	}
	j.changed(s.host)
}

// pooledBelow is up to how many nats a machine's sum is nothing: its first stranger of the
// day counts for the address, at most 3 nats. So it takes six machines, all at once, to
// make up an accusation of 16, and two that are infected on one day stay two.
const pooledBelow = 1
