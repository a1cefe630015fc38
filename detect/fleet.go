package detect

import "relaywatch/mail"

// fleet is what is usual for all submitters: the measure for those of whom little
// is known, and for the first days of a log, when everybody is new. It is renewed
// when a day begins. Of one submitter, so many recipients a day count that a spammer
// does not make spam usual.
type fleet struct {
	Born                  int32 // Day of the first recipient, or the next one: see wholeDay.
	Day                   int32 // Day that Today is of.
	Begun                 bool
	Usual                 [kinds][ages]facts
	Today                 [kinds][ages]facts
	Recent                [novelties]float32 // Recipients of the last days, by novelty.
	Returns, ReturnsToday [kinds]returns     // What became of mail.
	Records               [maxRecords][kinds]moments
}

// kinds of submitters that are unlike each other, and ages of submitters, see ageOf.
const (
	kinds = 3
	ages  = 3
)

const (
	// fleetShare is how many recipients of a submitter count a day.
	fleetShare = 5
	// leastKnown is assumed of who mails known recipients, however rarely it does: to
	// mail somebody again accuses nobody.
	leastKnown = 0.5
	// learning is how many days of memory it takes to tell what is new.
	learning = 14
	// fleetHalfLife is after how many days half of what is usual for all is forgotten.
	fleetHalfLife = 7
	// prior is how many recipients of others outweigh what is assumed of them.
	prior = 40
)

// assumed is what is usual where nothing is known yet: shares by age. Of the
// organisations that were looked at, in the first day of a submitter half of its
// recipients were known to others; after a week four in five to itself.
var assumed = [ages][novelties]float64{
	{0.10, 0.15, 0.75},
	{0.50, 0.25, 0.25},
	{0.80, 0.12, 0.08},
}

const (
	assumedExternal = 0.35
	assumedRefused  = 0.02
)

// assumedPath: nearly all mail goes out under a usual address.
var assumedPath = [paths]float64{0.94, 0.04, 0.02}

// assumedHours are those of an office: nine in ten recipients between 8 and 18.
func assumedHour(hour int) float64 {
	if hour >= 8 && hour < 18 {
		return 0.9 / 10
	}
	return 0.1 / 14
}

func kindOf(who mail.Submitter) int {
	switch who.Kind {
	case mail.KindUser:
		return 1
	case mail.KindSender:
		return 2
	}
	return 0
}

// grownUp is after how many days with mail a submitter is none of the young.
const grownUp = 5

// ageOf is the age of a submitter: its first day of mail, its first week of such days,
// older. A program that writes once a month is young for long.
func ageOf(p *profile) int {
	switch {
	case p.Active == 0:
		return 0
	case p.Active < grownUp:
		return 1
	}
	return 2
}

// wholeDay is by which hour a day must have begun to be the first one. A log that begins
// at noon has seen nobody who mails at night and in the morning: on its second day they
// are as new as all were on the first.
const wholeDay = 4

// roll begins a day, at an hour of it.
func (f *fleet) roll(day int32, hour uint8) {
	if !f.Begun {
		f.Born, f.Day, f.Begun = day, day, true
		if hour > wholeDay {
			f.Born++
		}
		return
	}
	if day <= f.Day {
		return
	}
	days := day - f.Day
	age, fresh := ageFactor(days, fleetHalfLife), ageFactor(days, 1)
	for i := range f.Recent {
		f.Recent[i] *= fresh
	}
	for k := range f.Usual {
		for a := range f.Usual[k] {
			f.Usual[k][a].age(age, age)
			f.Usual[k][a].add(&f.Today[k][a], 1, 1)
			for i := range f.Recent {
				f.Recent[i] += f.Today[k][a].Novelty[i]
			}
		}
	}
	f.rollReturns(age)
	for i := range f.Records {
		for k := range f.Records[i] {
			f.Records[i][k].age(age)
		}
	}
	f.Today = [kinds][ages]facts{}
	f.Day = day
}

// count counts a recipient, if it is one of the submitter's first today.
func (f *fleet) count(s *subject, t *told) {
	if p := s.profile; p.Today.Recipients < fleetShare {
		f.Today[kindOf(s.who)][ageOf(p)].count(t, 1)
	}
}

// shareWith mixes what was counted with a share that is assumed and so many recipients'
// worth of it.
func shareWith(part, whole float32, assumed, worth float64) float64 {
	return (float64(part) + worth*assumed) / (float64(whole) + worth)
}

// own are the shares of a submitter: its own ones, and with less of them those of
// others.
func (f *fleet) own(s *subject, p *profile) own {
	a := ageOf(p)
	others := &f.Usual[kindOf(s.who)][a]
	mine := &p.Learned
	var o own
	f.noveltyOf(&o, others, mine, a)
	mix := func(part func(*facts) float32, assumed float64) float64 {
		return shareWith(part(mine), mine.Recipients, shareWith(part(others), others.Recipients, assumed, prior), trust)
	}
	o.external = between(0.02, mix(func(f *facts) float32 { return f.External }, assumedExternal), 0.98)
	o.refused = between(assumedRefused, mix(func(f *facts) float32 { return f.Refused }, assumedRefused), 0.9)
	for i := range o.path {
		o.path[i] = between(0.01, mix(func(f *facts) float32 { return f.Path[i] }, assumedPath[i]), 1)
	}
	for i := range o.hours {
		o.hours[i] = between(0.002, mix(func(f *facts) float32 { return f.Hours[i] }, assumedHour(i)), 1)
	}
	return o
}

// noveltyOf: in the first days of a log, and of a submitter, everybody is new. What
// was new to all submitters in the last days is therefore the least that is usual
// for one; and on the first day nothing is told.
func (f *fleet) noveltyOf(o *own, others, mine *facts, age int) {
	if f.Day <= f.Born {
		return
	}
	worth := float64(trust)
	if age < ages-1 {
		worth = youngTrust
	}
	ofOthers, ofMine, recent := float32(sum(others.Novelty[:])), float32(sum(mine.Novelty[:])), sum(f.Recent[:])
	for i := range o.novelty {
		p := shareWith(others.Novelty[i], ofOthers, assumed[age][i], prior)
		if age < ages-1 {
			p = max(p, assumed[age][i])
		}
		p = shareWith(mine.Novelty[i], ofMine, p, worth)
		if i != int(known) && recent > 0 && f.Day-f.Born < learning {
			p = max(p, float64(f.Recent[i])/recent)
		}
		if i == int(known) {
			p = max(p, leastKnown)
		}
		o.novelty[i] = between(0.01, p, 0.99)
	}
}

// between bounds a share, and rounds it to what evidence shows of it.
func between(least, x, most float64) float32 { return float32(max(least, min(x, most))) }
