package main

import (
	"slices"
	"strings"

	"relaywatch/mail"
	"relaywatch/samples/traffic"
)

// truth is the attacks of one world, made ready to be asked.
type truth struct{ attacks []*attack }

// attack is one of them.
type attack struct {
	traffic.Spammer
	class string
	hosts int               // How many of its submitters must be named.
	names map[string]string // Who may be named, and the submitter that is meant by it.
	begin mail.Time
	over  mail.Time // Until then what is found of its submitters means it.
}

func newTruth(w *traffic.World, spammers []traffic.Spammer) truth {
	var t truth
	for _, sp := range spammers {
		a := &attack{Spammer: sp, names: map[string]string{}, begin: mail.Of(sp.Begin), over: mail.Of(sp.End).Add(quiet), hosts: 1}
		kinds := traffic.Attacks()
		if i := slices.IndexFunc(kinds, func(k traffic.Attack) bool { return k.Name == sp.Name }); i >= 0 {
			a.class, a.hosts = kinds[i].Class, min(max(1, kinds[i].Hosts), len(sp.Submitters)/2+1)
		}
		for _, who := range sp.Submitters {
			a.names[who] = who
		}
		// Of an account, its host may be named; behind a host that many share, the
		// machine by its HELO name, or the address that was sent under.
		for _, row := range sp.Spam {
			if !w.Shared(row.Client) {
				a.names[mail.KindIP+":"+row.Client] = row.Submitter
			}
			if row.HELO != "" {
				a.names[mail.Named(row.HELO, row.Client).String()] = row.Submitter
			}
			if row.From != "" && strings.HasSuffix(row.From, "@"+traffic.OwnDomain) {
				a.names[mail.KindSender+":"+strings.ToLower(row.From)] = row.Submitter
			}
		}
		t.attacks = append(t.attacks, a)
	}
	return t
}

// attackOf is the attack that somebody is accused for rightly at a moment, or nil.
func (t truth) attackOf(who string, at mail.Time) *attack {
	for _, a := range t.attacks {
		if _, ok := a.names[who]; ok && a.begin <= at && at <= a.over {
			return a
		}
	}
	return nil
}

// accepted counts the spam that had left by a moment, that of its second included.
func (a *attack) accepted(by mail.Time) int {
	n := 0
	for _, row := range a.Spam {
		if row.Accepted && mail.Of(row.At) <= by {
			n++
		}
	}
	return n
}
