package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"relaywatch/samples/traffic"
)

// seeds are those from the first to the last.
type seeds struct{ first, last uint64 }

// Thresholds are chosen on the tuning seeds, and the table is made of others, which
// nobody looks at while choosing.
var (
	tuningSeeds = seeds{101, 120}
	tableSeeds  = seeds{3001, 3120}
)

func (s seeds) String() string { return fmt.Sprintf("%d-%d", s.first, s.last) }

// parseSeeds reads tuning, table, 7 or 1-20.
func parseSeeds(text string) (seeds, error) {
	switch text {
	case "tuning":
		return tuningSeeds, nil
	case "table":
		return tableSeeds, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 32)
	b, errB := strconv.ParseUint(last, 10, 32)
	if errA != nil || errB != nil || a == 0 || b < a {
		return seeds{}, fmt.Errorf("seeds %q: write tuning, table, 7 or 1-20", text)
	}
	return seeds{a, b}, nil
}

// plan is what is evaluated on.
type plan struct {
	seeds      seeds
	people     int
	days       int
	attackDays int      // Attacks begin in the last of the days.
	groups     int      // Each attacked world has one in so many of the catalogue, in turn.
	attacks    []string // Where it is not empty, each attacked world has these instead.
	behaviour  *traffic.Behaviour
	balanced   bool // As traffic.World.Balanced.
	servers    bool // As traffic.World.BalancedServers.
}

// standard has six weeks, so that four of them are clean before the first attack,
// and seven attacks in each attacked world, so that most of its mail is ordinary.
var standard = plan{people: 120, days: 42, attackDays: 14, groups: 3}

// job is one world of the plan.
type job struct {
	seed     uint64
	attacked bool
	exchange bool
}

// attackedSeed keeps the attacked world of a seed apart from its clean one: other
// people, other mail.
const attackedSeed = 1 << 32

func (p plan) jobs() []job {
	var all []job
	for s := p.seeds.first; s <= p.seeds.last; s++ {
		all = append(all, job{s, false, s%2 == 0}, job{s, true, s%2 == 1})
	}
	return all
}

// world makes the world of a job with all its sessions.
func (p plan) world(j job) (*traffic.World, []*traffic.Session) {
	seed := j.seed
	if j.attacked {
		seed += attackedSeed
	}
	w := traffic.NewWorld(traffic.WorldOptions{Seed: seed, People: p.people, Days: p.days, Exchange: j.exchange, Behaviour: p.behaviour, Balanced: p.balanced, BalancedServers: p.servers})
	sessions := w.Sessions()
	if !j.attacked {
		return w, sessions
	}
	attackers := traffic.NewAttackers(w, sessions)
	chance := rand.New(rand.NewPCG(seed, 0xDA7E))
	for i, a := range traffic.Attacks() {
		day := max(0, p.days-a.Days-chance.IntN(max(1, p.attackDays-a.Days+1)))
		if p.has(i, &a, j.seed) {
			sessions = append(sessions, attackers.Attack(a.Name, day)...)
		}
	}
	return w, sessions
}

// has tells whether the attacked world of a seed has attack i of the catalogue.
func (p plan) has(i int, a *traffic.Attack, seed uint64) bool {
	if len(p.attacks) > 0 {
		return slices.Contains(p.attacks, a.Name)
	}
	return !a.Extra && uint64(i)%uint64(p.groups) == seed/2%uint64(p.groups)
}

// checkAttacks tells of a name that no attack has.
func checkAttacks(names []string) error {
	var known []string
	for _, a := range traffic.Attacks() {
		known = append(known, a.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no attack %q (there are %s)", name, strings.Join(known, ", "))
		}
	}
	return nil
}
