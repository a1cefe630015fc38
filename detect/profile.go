package detect

import (
	"math"

	"relaywatch/mail"
)

// profile is what is usual for a submitter. It learns a day when the next one
// begins, and never one on which an accusation stood.
type profile struct {
	profileState
	channels []channel // By sequential rule, see judge.weighed.
	records  []record  // By rule on the own scale, see judge.recorded.
	names    []machine // Of an address: HELO names, once there are two.

	mine    own        // Of today; valid where weights are.
	weights []*weights // Of today, by sequential rule; nil until they are asked for.
	dirty   bool       // Changed since it was stored.
}

// profileState is stored as it stands here: see profilefile.go.
type profileState struct {
	Born    int32 // Day of its first recipient.
	Day     int32 // Day that Today is of.
	Active  int32 // Days before with mail.
	Frozen  bool  // An accusation stood today.
	Watched bool  // The sum of a rule was suspicious today.
	Vouched bool  // An accusation of it was called a false alarm.

	Innocent bool // An accusation stood today that a Verdict speaks of.

	Learned facts
	Today   facts
	Paths   [8]usual // Reverse-paths.
	New     [8]usual // Of today, not among Paths.
	Senders float32  // How many own addresses sent through it on its days, as far as they are counted.
	Hosts   [8]usual // Networks that an account sent from.
	Source  int32    // Day on which it last sent from a network where it never had before; 0 is none.
	Size    float32  // Of the messages of a run that are alike, their mean in bytes.
	Alike   int32    // How many there are.
	Inside  int32    // How many recipients inside they went to.
	Within  int32    // Recipients inside of the message Of, which has not ended.
	Of      uint32   // A transaction, see tellOf.
	Newest  uint32   // The newest of the run; 0: a message came since.
	Between float32  // Size of the one message that came since the last of the run; 0: none did.
	Gap     float32  // Of a run of transactions at the same interval, its mean in seconds.
	Beats   int32    // How many there are.
	BeatAt  mail.Time
	Shared  int32 // Day from which on it is taken for a host that many share; 0 is none.

	Name      uint32    // The first HELO name of an address.
	NamesDay  int32     // Of its names; rows that are judged under them belong to it, too.
	Named     float32   // How many settled names were in use on its days.
	NamesFrom int32     // Day from which on machines are told apart by them; 0: they are not.
	Merged    mail.Time // Until when they are; 0 is for good.
	Pool      float64   // See pool.
	PoolAt    mail.Time

	Returns, ReturnsToday returns // What became of its mail, learnt, and since its last day.
}

// facts counts recipients.
type facts struct {
	Recipients float32
	Novelty    [novelties]float32
	External   float32
	Refused    float32
	Path       [paths]float32
	Hours      [24]float32
}

// usual is a reverse-path that was seen, and on which day last. The lowest bit of
// the hash tells that it is of an own domain; 0 is none.
type usual struct {
	Hash uint32
	Day  int32
}

func (f *facts) count(t *told, by float32) {
	f.Recipients += by
	f.Novelty[t.novelty] += by
	if t.external {
		f.External += by
	}
	if t.refused {
		f.Refused += by
	}
	if t.path < paths {
		f.Path[t.path] += by
	}
	f.Hours[t.hour] += by
}

// add adds g, weighed; novelty has a weight of its own.
func (f *facts) add(g *facts, weight, novelty float32) {
	f.Recipients += weight * g.Recipients
	f.External += weight * g.External
	f.Refused += weight * g.Refused
	for i := range f.Novelty {
		f.Novelty[i] += novelty * g.Novelty[i]
	}
	for i := range f.Path {
		f.Path[i] += weight * g.Path[i]
	}
	for i := range f.Hours {
		f.Hours[i] += weight * g.Hours[i]
	}
}

// age fades what was counted; novelty has a factor of its own.
func (f *facts) age(factor, novelty float32) {
	var aged facts
	aged.add(f, factor, novelty)
	*f = aged
}

func sum(of []float32) float64 {
	all := 0.0
	for _, n := range of {
		all += float64(n)
	}
	return all
}

const (
	// profileHalfLife is after how many days half of what is usual is forgotten:
	// people change projects, programs their customers.
	profileHalfLife = 30
	// forgetProfile is after how many days without mail a submitter begins anew.
	forgetProfile = 90
	// noveltyHalfLife is that of who is new, in days with mail: the longer the memory, the
	// fewer are.
	noveltyHalfLife = 10
	// youngHalfLife is the half-life in the first days of a submitter, in which
	// everybody is new to it. It grows with the age.
	youngHalfLife = 2
	// trust is how many recipients of its own outweigh what is usual for others.
	trust = 40
	// youngTrust is the same for what is new to a submitter of few days.
	youngTrust = 15
)

// ageFactor is what is left after some days.
func ageFactor(days, halfLife int32) float32 {
	return float32(math.Exp2(-float64(days) / float64(halfLife)))
}

// rolled is the profile of a submitter on a day: what it did until the day before is
// learnt.
func (j *judge) rolled(s *subject, day int32, at mail.Time) *profile {
	p := s.profile
	switch {
	case p == nil, day-p.Day > forgetProfile:
		p = j.newProfile()
		p.Born, p.Day = day, day
		p.keepShared(s.profile)
		s.profile = p
	case day > p.Day:
		j.learn(s, day, at)
	}
	j.changed(s)
	return p
}

// newProfile is that of a submitter of whom nothing is known.
func (j *judge) newProfile() *profile {
	return &profile{
		channels: make([]channel, len(j.weighed)), records: make([]record, len(j.recorded)), weights: make([]*weights, len(j.weighed)),
	}
}

// keepShared takes over who is told apart behind a host: they go on, though for a long
// time no row was of the host itself.
func (p *profile) keepShared(old *profile) {
	if old == nil {
		return
	}
	p.Senders, p.Shared = old.Senders, old.Shared
	p.Name, p.NamesDay, p.Named, p.NamesFrom, p.Merged, p.Pool, p.PoolAt, p.names = old.Name, old.NamesDay, old.Named, old.NamesFrom, old.Merged, old.Pool, old.PoolAt, old.names
}

// learn ends the day of the profile, at the first row of the next.
func (j *judge) learn(s *subject, day int32, at mail.Time) {
	p := s.profile
	age := ageFactor(day-p.Day, profileHalfLife)
	p.Learned.age(age, ageFactor(1, max(youngHalfLife, min(noveltyHalfLife, p.Active))))
	p.Returns.age(age)
	if !p.Frozen {
		weight, novelty := float32(1), p.pace()
		switch {
		case p.Innocent:
			weight, novelty = verdictWeight, verdictWeight
			p.Vouched = true
		case p.Watched && p.Vouched:
			weight = watchedWeight
		case p.Watched && ageOf(p) == ages-1:
			weight = 0 // Who warms up over days must not make it usual. The young must learn.
		}
		p.Today.Path = p.settledPaths()
		p.Learned.add(&p.Today, weight, min(weight, novelty))
		p.Returns.add(p.ReturnsToday, weight)
		p.learnSenders(day)
		p.learnPaths()
	}
	for i := range p.records {
		j.learnRecord(s, i, age)
	}
	p.Active++
	p.ReturnsToday = returns{}
	p.Today, p.New, p.Frozen, p.Watched, p.Innocent = facts{}, [8]usual{}, false, false, false
	p.Day = day
	clear(p.weights)
	if s.episode != nil {
		j.freeze(s, at)
	}
}

// pace is how much of a day's novelty a settled profile takes over: what is usual
// does not change in a day, and a spammer who begins with five a day shall not make
// it.
func (p *profile) pace() float32 {
	if p.Day-p.Born < settled || p.Today.Recipients == 0 {
		return 1
	}
	return max(trust, float32(sum(p.Learned.Novelty[:]))) * dailyPace / p.Today.Recipients
}

const dailyPace = 0.2

// watchedWeight is how much of a suspicious day is learnt of whom somebody vouched for.
const watchedWeight = 0.2

// settledPaths is how often each use of reverse-paths is to be learnt. On the first day
// every path is new, and what is used all day would be learnt as a change: the day
// after, its usual use would look unusual. Once, at its first use, it is a change.
func (p *profile) settledPaths() [paths]float32 {
	uses := p.Today.Path
	if p.Paths != [len(p.Paths)]usual{} || p.New[len(p.New)-1].Hash != 0 { // Who has more than are kept does change them.
		return uses
	}
	var first [paths]float32
	for _, n := range p.New {
		if n.Hash != 0 {
			first[foreignPath-pathUse(n.Hash&1)]++
		}
	}
	for _, use := range [...]pathUse{changedPath, foreignPath} {
		if again := uses[use] - first[use]; again > 0 {
			uses[use] -= again
			uses[usualPath] += again
		}
	}
	return uses
}

// learnPaths makes the reverse-paths of the day usual ones, in the place of those
// that were not used for longest.
func (p *profile) learnPaths() {
	for _, n := range p.New {
		if n.Hash == 0 {
			return
		}
		oldest := 0
		for i := range p.Paths {
			if p.Paths[i].Day < p.Paths[oldest].Day {
				oldest = i
			}
		}
		p.Paths[oldest] = n
	}
}

// sharedFrom is how many own addresses send through a host a day that many share: a
// terminal server, a branch's server, NAT. A person has one or two, and a spammer who
// rotates them was not there yesterday.
const sharedFrom = 8

// learnSenders learns how many share the host, before the day's paths are learnt.
func (p *profile) learnSenders(day int32) {
	n := float32(0)
	for _, u := range append(p.New[:], p.Paths[:]...) {
		if u.Day == p.Day && u.Hash&1 == 1 {
			n++
		}
	}
	p.Senders += (n - p.Senders) / 3
	if p.Senders >= sharedFrom*0.8 && p.Shared == 0 {
		p.Shared = day + 1 // Rows of today were judged already.
	}
}

// shares tells whether it ever was taken for one.
func (p *profile) shares() bool { return p != nil && p.Shared != 0 }

// isShared tells whether many share the host on a day.
func (p *profile) isShared(day int32) bool { return p.shares() && day >= p.Shared }

// path tells how usual a reverse-path is, and remembers it.
func (p *profile) path(hash uint32, foreign bool) pathUse {
	hash = hash&^1 | uint32(1-index(foreign))
	for i := range p.Paths {
		if p.Paths[i].Hash == hash {
			p.Paths[i].Day = p.Day
			return usualPath
		}
	}
	for i := range p.New {
		if p.New[i].Hash == 0 {
			p.New[i] = usual{hash, p.Day}
		}
		if p.New[i].Hash == hash {
			break
		}
	}
	if foreign {
		return foreignPath
	}
	return changedPath
}

// clone copies what judging changes.
func (p *profile) clone() *profile {
	if p == nil {
		return nil
	}
	c := *p
	c.dirty = false
	c.channels = make([]channel, len(p.channels))
	for i := range p.channels {
		c.channels[i] = p.channels[i].clone()
	}
	c.records = append([]record(nil), p.records...)
	c.names = append([]machine(nil), p.names...)
	c.weights = append([]*weights(nil), p.weights...)
	return &c
}

// today are the weights of rule i for the submitter today.
func (j *judge) today(s *subject, i int) *weights {
	p := s.profile
	if p.weights[i] == nil {
		p.mine = j.fleet.own(s, p)
		if len(j.network.own) == 0 { // What is outside is not known.
			p.mine.external, p.mine.path = 0, [paths]float32{}
		}
		p.weights[i] = j.rules[j.weighed[i]].Weigher.against(&p.mine)
	}
	return p.weights[i]
}

// freeze keeps the profile of an accused submitter from learning today, unless a
// verdict speaks of the time of the accusation.
func (j *judge) freeze(s *subject, at mail.Time) {
	p := s.profile
	if p == nil || s.episode == nil || p.Frozen {
		return
	}
	if s.innocent(at) {
		p.Innocent = true
	} else {
		p.Frozen = true
	}
	j.changed(s)
}

// changed notes that the profile must be stored.
func (j *judge) changed(s *subject) {
	if !s.profile.dirty {
		s.profile.dirty = true
		j.profiles = append(j.profiles, s)
	}
}

// local is the day and the hour of a time where the site is.
func (j *judge) local(at mail.Time) (day int32, hour uint8) {
	return j.network.hours.local(at)
}
