package main

import (
	"slices"
	"time"

	"relaywatch/mail"
)

// attackResult is what became of one attack.
type attackResult struct {
	Seed       uint64        `json:"seed"`
	Name       string        `json:"name"`
	Class      string        `json:"class"`
	Submitters []string      `json:"submitters"`
	Found      bool          `json:"found"`
	Volume     int           `json:"volume"` // Recipients accepted in all.
	Leak       int           `json:"leak"`   // Of them before the alarm; all where it was not found.
	Delay      time.Duration `json:"delay_ns"`
	Rules      []string      `json:"rules,omitempty"`
}

// falseAlarm is an episode of somebody whom no attack involves then.
type falseAlarm struct {
	Seed       uint64   `json:"seed"`
	Attacked   bool     `json:"attacked"` // The world has attacks, of others.
	Submitter  string   `json:"submitter"`
	Kind       string   `json:"kind"`
	At         string   `json:"at"`
	Week       int      `json:"week"` // Of the log, from 1.
	Rules      []string `json:"rules"`
	Recipients int      `json:"recipients"`
}

// score is what a detector did in one world.
type score struct {
	attacks []attackResult
	wrong   []falseAlarm
	right   int // Episodes that mean an attack.
}

// scoreOf compares alarms with the truth.
func (s *stream) scoreOf(alarms []alarm) score {
	var out score
	t := newTruth(s.world, s.spammers)
	for _, a := range alarms {
		if t.attackOf(a.who, a.first) != nil {
			out.right++
			continue
		}
		out.wrong = append(out.wrong, falseAlarm{
			Seed: s.job.seed, Attacked: s.job.attacked, Submitter: a.who, Kind: s.kind(a.who), At: a.first.String(), Week: s.week(a.first),
			Rules: a.rules, Recipients: a.recipients,
		})
	}
	for _, a := range t.attacks {
		r := a.result(alarms)
		r.Seed = s.job.seed
		out.attacks = append(out.attacks, r)
	}
	return out
}

// result tells when the attack was found: when as many of its submitters as it
// takes were named.
func (a *attack) result(alarms []alarm) attackResult {
	r := attackResult{Name: a.Name, Class: a.class, Submitters: a.Submitters, Volume: a.Accepted, Leak: a.Accepted}
	named := map[string]mail.Time{}
	for _, al := range alarms {
		meant, ok := a.names[al.who]
		if !ok {
			continue
		}
		at, ok := a.alert(al)
		if !ok {
			continue
		}
		if before, known := named[meant]; !known || at < before {
			named[meant] = at
		}
		for _, rule := range al.rules {
			if !slices.Contains(r.Rules, rule) {
				r.Rules = append(r.Rules, rule)
			}
		}
	}
	if len(named) < a.hosts {
		return r
	}
	var times []mail.Time
	for _, at := range named {
		times = append(times, at)
	}
	slices.Sort(times)
	at := times[a.hosts-1]
	r.Found, r.Leak, r.Delay = true, a.accepted(at), max(0, at.Sub(mail.Of(a.First)))
	return r
}

// alert is when an episode first told of the attack. An episode that was open
// before tells of it with the next alert.
func (a *attack) alert(al alarm) (mail.Time, bool) {
	if a.begin <= al.first && al.first <= a.over {
		return al.first, true
	}
	for _, at := range al.alerts {
		if a.begin <= at && at <= a.over {
			return at, true
		}
	}
	return 0, false
}
