package detect

import (
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// alike is how far sizes may be apart, of what one program writes from one template.
const alike = 0.02

// areAlike tells whether a message has the size of others.
func areAlike(size, others float32) bool {
	return others > 0 && size <= others*(1+alike) && size >= others*(1-alike)
}

// resize continues the run of messages of the same size, or begins one. One of another
// size between does not end it: people go on writing while a program sends.
func (p *profile) resize(bytes int64, pos mail.LogPos) {
	size, inside := float32(bytes), int32(0)
	of := tellOf(pos)
	if p.Of == of {
		inside = p.Within
	}
	p.Within, p.Of, p.Newest = 0, 0, of
	switch {
	case areAlike(size, p.Size):
		p.Alike++
		p.Size += (size - p.Size) / float32(p.Alike)
		p.Inside += inside
		p.Between = 0
	case p.Alike > 1 && p.Between == 0:
		p.Between, p.Newest = size, 0
	default:
		p.Alike = int32(1 + index(areAlike(size, p.Between)))
		p.Size, p.Inside, p.Between = size, inside, 0
	}
}

// goInside counts a recipient inside of a transaction. A log tells the second: what is
// logged at the end may come before the recipients of the same second.
func (p *profile) goInside(pos mail.LogPos) {
	switch of := tellOf(pos); {
	case p.Newest == of:
		p.Inside++
	case p.Of == of:
		p.Within++
	default:
		p.Within, p.Of = 1, of
	}
}

// tellOf is what a transaction is told by, from others of these moments. It is never 0.
func tellOf(pos mail.LogPos) uint32 {
	return max(1, uint32((uint64(pos.Offset)^uint64(pos.Log))*0x9E3779B97F4A7C15>>32))
}

// beat continues the run of transactions that begin at the same interval, or begins one.
// A log tells the second: what comes faster than every other has no rhythm to be seen.
func (p *profile) beat(at mail.Time) {
	gap := float32(at - p.BeatAt)
	p.BeatAt = at
	if p.Beats > 0 && gap >= 2 && max(gap-p.Gap, p.Gap-gap) <= max(1, p.Gap/10) {
		p.Beats++
		p.Gap += (gap - p.Gap) / float32(p.Beats)
		return
	}
	p.Gap, p.Beats = gap, 1
}

func (s *subject) sameGap() float64 {
	if s.profile == nil {
		return 0
	}
	return float64(s.profile.Beats)
}

// alikeFrom is how many messages of the same size in a row make a submitter that goes on
// to mail a stranger one of a campaign: two that are alike are chance.
const alikeFrom = 3

// alikeHosts tells who mails strangers in runs of messages of one size: a campaign that
// leaves through many hosts, under a sender each. Sizes are told by steps of 4 in a
// hundred, and by others half a step apart, so that those that are alike meet in one.
func (j *judge) alikeHosts(s *subject, r *row) []member {
	if s.profile.Alike < alikeFrom {
		return nil
	}
	steps := math.Log(float64(max(1, s.profile.Size))) / (2 * alike)
	these, those := j.sizes.join(2*uint32(steps), s.who, r.at, r.pos), j.sizes.join(2*uint32(steps+0.5)+1, s.who, r.at, r.pos)
	if len(those) > len(these) {
		return those
	}
	return these
}

// settled is how old an account is before a source can be new to it.
const settled = 7

// source notes where an account sends from.
func (p *profile) source(client string) {
	network := client
	if dot := strings.LastIndexByte(client, '.'); dot > 0 {
		network = client[:dot] // Of 256 addresses: a pool hands out another every day.
	}
	hash := max(1, uint32(xxhash.Sum64String(network)))
	oldest := 0
	for i := range p.Hosts {
		if p.Hosts[i].Hash == hash {
			p.Hosts[i].Day = p.Day
			return
		}
		if p.Hosts[i].Day < p.Hosts[oldest].Day {
			oldest = i
		}
	}
	p.Hosts[oldest] = usual{hash, p.Day}
	if p.Day-p.Born >= settled {
		p.Source = p.Day
	}
}

func (s *subject) sameSize() float64 {
	if s.profile == nil {
		return 0
	}
	return float64(s.profile.Alike)
}

func (s *subject) sameSizeInside() float64 {
	if s.profile == nil {
		return 0
	}
	return float64(s.profile.Inside)
}

func (s *subject) newSource() float64 {
	if s.profile == nil || s.profile.Source == 0 || s.profile.Source != s.profile.Day {
		return 0
	}
	return 1
}

// habits tells whether what a rule asks of the profile holds, which is known before
// anything is measured.
func (s *subject) habits(q *question) bool {
	return (q.sameGap == 0 || s.sameGap() >= q.sameGap) && (q.sameSize == 0 || s.sameSize() >= q.sameSize) && (q.newSource == 0 || s.newSource() >= q.newSource)
}

// oddForm is one of the address forms of relay tests (as nmap's smtp-open-relay and
// DSBL's relaytest send them), or 0: no mail program writes to them.
func oddForm(path mail.Path) uint64 {
	text := string(path)
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		switch {
		case strings.IndexByte(text, '!') >= 0:
			return 1 // domain!user
		case strings.IndexByte(text, '%') >= 0:
			return 2 // user%domain
		}
		return 0 // A local name: postmaster, or what a device calls its user.
	}
	local, domain := text[:at], text[at+1:]
	switch {
	case strings.HasPrefix(local, "@"):
		return 3 // @host:user@domain
	case strings.HasPrefix(local, `"`) && strings.ContainsAny(local, "@%"):
		return 4 // "user@domain"@host
	case strings.IndexByte(local, '@') >= 0:
		return 5 // user@domain@host
	case strings.IndexByte(local, '%') >= 0:
		return 6 // user%domain@host
	case strings.IndexByte(local, '!') >= 0:
		return 7 // domain!user@host
	case strings.HasPrefix(domain, "["):
		return 8 // user@[address]
	}
	return 0
}
