package traffic

import (
	"fmt"
	"slices"
	"time"
)

// Classes of attacks, by what makes them hard to see.
const (
	ClassList     = "list"     // A bought list, 30 to 3,600 recipients an hour.
	ClassInternal = "internal" // To people of the company.
	ClassSlow     = "slow"     // Below what people do, or spread over many hosts.
	ClassBook     = "book"     // To people whom the submitter or the organisation knows.
	ClassCircle   = "circle"   // To colleagues of whom the submitter knows most.
	ClassOther    = "other"
)

// Attack is a kind of attack. Its numbers (pace, volume, hours, shape) vary with
// the seed, within the limits that its maker names.
type Attack struct {
	Name  string // One word; also Case.Name of its sessions.
	Class string
	About string
	Hosts int  // How many of its submitters must be named for it to be found, but never more than most of them; 0 is one.
	Days  int  // How long it takes at most, weekends included.
	Extra bool // The evaluation has it only where it is asked for by name: it came after the table.

	// make returns nil where the world has nobody left to attack that way.
	make func(r *raid) []*Session
}

// attacks is the catalogue.
var attacks = []Attack{
	{"blaster", ClassList, "3,600 an hour, dirty list", 0, 2, false, blaster},
	{"clean-list", ClassList, "300 an hour, clean list", 0, 2, false, cleanList},
	{"night-owl", ClassList, "30 to 120 an hour at night", 0, 3, false, nightOwl},
	{"hijacked", ClassList, "guessed password, then a list", 0, 2, false, hijackedAccount},
	{"rotating", ClassList, "another reverse-path each message", 0, 2, false, rotating},
	{"newsletter", ClassList, "hijacked newsletter host", 0, 2, false, hijackedNewsletter},
	{"crm", ClassList, "hijacked CRM host", 0, 2, false, hijackedCRM},
	{"device", ClassList, "hijacked scanner or monitoring", 0, 2, false, hijackedDevice},
	{"shared-host", ClassList, "behind the NAT or terminal server", 0, 2, false, behindSharedHost},
	{"worm", ClassInternal, "worm to colleagues", 0, 2, false, worm},
	{"phish", ClassInternal, "phish to colleagues never mailed", 0, 4, false, internalPhish},
	{"low-slow", ClassSlow, "15 to 30 an hour in office hours", 0, 6, false, lowAndSlow},
	{"moonlighter", ClassSlow, "20 to 60 new outsiders a day", 0, 12, false, moonlighter},
	{"snowshoe", ClassSlow, "a dozen hosts, 5 to 15 an hour each", 3, 2, false, snowshoe},
	{"book", ClassBook, "phish to the address book", 0, 4, false, addressBook},
	{"half-known", ClassOther, "list of which 60 % are new", 0, 2, false, halfKnown},
	{"bcc", ClassOther, "Bcc blast to 100 to 400", 0, 2, false, bccBlast},
	{"open-relay", ClassOther, "outside client relays", 0, 2, false, relayedFromOutside},
	{"warm-up", ClassOther, "5, 10, 20, 40 ... a day", 0, 9, false, warmUp},
	{"backscatter", ClassOther, "null reverse-path to many", 0, 2, false, backscatter},
	{"circle", ClassCircle, "phish to mostly known colleagues", 0, 4, false, circlePhish},
	{"circle-bcc", ClassCircle, "the same in one message, from elsewhere", 0, 4, false, circleBcc},
	{"chorus", ClassSlow, "a dozen hosts, one list", 3, 2, true, chorus},
}

// Attacks is the catalogue of attacks, in the order of reports.
func Attacks() []Attack { return slices.Clone(attacks) }

// Attackers attack a world. No submitter is in two of their attacks.
type Attackers struct {
	world    *World
	ordinary []*Session
	list     *strangers
	taken    map[string]bool // Submitters.
}

// NewAttackers makes the attackers of a world, whose seed decides what they do.
// Its ordinary sessions, sorted by start, tell them who knows whom.
func NewAttackers(w *World, ordinary []*Session) *Attackers {
	return &Attackers{world: w, ordinary: ordinary, list: newStrangers(w.Seed ^ 0xA77AC4), taken: map[string]bool{}}
}

// Attack makes the sessions of an attack that begins on a day of the world, 0 being
// the first. It returns nil where the world has nobody left to attack that way, and
// where there is no attack of that name.
func (a *Attackers) Attack(name string, day int) []*Session {
	i := slices.IndexFunc(attacks, func(k Attack) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	r := &raid{chance: newChance(a.world.Seed, "attack "+name), Attackers: a, name: name, day: day}
	return slices.DeleteFunc(attacks[i].make(r), a.impossible)
}

// Raids makes the sessions of all attacks of these names, one after the other in the last
// days of the world, or of all attacks if there is no name. The error names an attack
// that there is not.
func (a *Attackers) Raids(names []string) ([]*Session, error) {
	var all []*Session
	for _, name := range names {
		if !slices.ContainsFunc(attacks, func(k Attack) bool { return k.Name == name }) {
			return nil, fmt.Errorf("no attack %q", name)
		}
	}
	for i, k := range attacks {
		if len(names) == 0 || slices.Contains(names, k.Name) {
			all = append(all, a.Attack(k.Name, max(0, a.world.Days-k.Days-i%raidDays))...)
		}
	}
	return all, nil
}

// raidDays is in how many days the attacks of Raids end.
const raidDays = 5

// impossible is true for a session while the server is down, or after the world.
func (a *Attackers) impossible(s *Session) bool {
	down := a.world.Down
	return s.Start.Before(down.Until) && s.End.After(down.From) || s.End.After(a.world.Day(a.world.Days).Add(-time.Minute))
}

// raid is one attack while it is made.
type raid struct {
	chance
	*Attackers
	name string
	day  int
}

// outlet is where an attack submits from: a person's workstation, a machine, or a
// client outside.
type outlet struct {
	person  *Person
	machine *Machine
	client  string // Address; "" is that of the person or the machine.
	host    string // HELO name; "" is that of the person or the machine.
	account string // Where the server has accounts; "" is anonymous.
	address string // Own reverse-path; "" if it has none.
}

// open opens a session of the attack.
func (r *raid) open(o outlet, at time.Time) *Session {
	var s *Session
	switch {
	case o.person != nil:
		s = r.world.Session(o.person, at)
	case o.machine != nil:
		s = r.world.MachineSession(o.machine, at)
	default:
		s = newSession(at.UTC(), o.client, o.host)
		s.Port = portOf(at)
	}
	if s.Account != o.account { // What runs there has no password: it uses the relay.
		s.Way, s.TLS, s.Account = Relay, false, ""
	}
	if o.client != "" {
		s.Client, s.HELO = o.client, o.host
	}
	s.Case = Case{r.name, r.world.Submitter(s)}
	return s
}

// desk is the workstation of a person who has it alone, with the account if login is
// true and the server has accounts. ok is false if none is left.
func (r *raid) desk(login bool) (o outlet, ok bool) {
	return r.person(login, KindPerson, KindSales, KindPrivate, KindAcquired, KindDHCP)
}

// neighbour is one of the people behind an address that many share.
func (r *raid) neighbour() (o outlet, ok bool) {
	return r.person(false, KindTerminal, KindNAT, KindBranch)
}

// person is a person of one of the kinds whom nobody attacked.
func (r *raid) person(login bool, kinds ...string) (o outlet, ok bool) {
	at := r.midnight(0).Add(12 * time.Hour)
	for _, i := range r.Perm(len(r.world.People)) {
		p := &r.world.People[i]
		s := r.world.Session(p, at)
		who, ip := r.world.Submitter(s), "ip:"+s.Client
		if r.taken[who] || r.taken[ip] || !slices.Contains(kinds, p.Kind) {
			continue
		}
		r.taken[who], r.taken[ip] = true, true
		o = outlet{person: p, address: p.Address}
		if login {
			o.account = s.Account
		}
		return o, true
	}
	return outlet{}, false
}

// release leaves a person to other attacks.
func (r *raid) release(o outlet) {
	s := r.world.Session(o.person, r.midnight(0).Add(12*time.Hour))
	delete(r.taken, r.world.Submitter(s))
	delete(r.taken, "ip:"+s.Client)
}

// host is a machine of one of the kinds. ok is false if none is left.
func (r *raid) host(kinds ...string) (o outlet, ok bool) {
	for _, i := range r.Perm(len(r.world.Machines)) {
		m := &r.world.Machines[i]
		s := r.world.MachineSession(m, r.midnight(0))
		who := r.world.Submitter(s)
		if !slices.Contains(kinds, m.Kind) || r.taken[who] {
			continue
		}
		r.taken[who] = true
		return outlet{machine: m, account: s.Account, address: m.Address}, true
	}
	return outlet{}, false
}

// midnight is the beginning of the n-th day of the attack where people work.
func (r *raid) midnight(n int) time.Time {
	return r.world.Day(r.day + n)
}

// workdays are the next n days from Monday to Friday, as midnights, as far as the
// world goes.
func (r *raid) workdays(n int) []time.Time {
	var days []time.Time
	for i := 0; len(days) < n && r.day+i < r.world.Days; i++ {
		d := r.midnight(i)
		if w := d.Weekday(); w != time.Saturday && w != time.Sunday {
			days = append(days, d)
		}
	}
	return days
}
