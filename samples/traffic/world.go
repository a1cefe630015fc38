package traffic

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// World is one organisation over some weeks: who works there, which machines mail,
// and its ordinary mail. Nobody in it sends spam, unless sessions that have a Case
// are added to its own.
type World struct {
	Seed   uint64
	First  time.Time // Midnight of the first day, in Zone.
	Days   int
	Zone   *time.Location // Of the people; the logs are in UTC.
	Server string         // "iis" or "exchange": whose rows are written.

	People          []Person
	Machines        []Machine // Benign ones.
	BalancedServers bool      // Servers and devices do so, too.
	Balanced        bool      // Workstations come through a load balancer, whose address is all that the server sees of them.
	Down            Span      // The server was down; no row is in it. The zero Span is never.

	Domains  []string // Own domains as the administrator knows them.
	Gateways []string // Hosts that bring in the internet's mail.

	behaviour *Behaviour
	letters   []Letter   // Of people, in the order of time. Whoever is not in People is outsiders[number - len(People)].
	outsiders *outsiders // As people know them after the last letter.
	partners  []string   // What Partners returns.
	alone     bool       // There are no machines.
}

// Span is a stretch of time, without its end.
type Span struct{ From, Until time.Time }

// WorldOptions say what world to make.
type WorldOptions struct {
	Seed            uint64
	People, Days    int        // 0: 200 people, or all of a set that is replayed; 40 days.
	First           time.Time  // Its date is the first day; zero is Monday, 2026-10-05: clocks go back on the 21st day.
	Exchange        bool       // Rows of Exchange instead of IIS.
	Behaviour       *Behaviour // nil: those that are built in take turns, each for two seeds.
	WithoutMachines bool       // People alone, each at a workstation.
	Balanced        bool       // As World.Balanced.
	BalancedServers bool       // As World.BalancedServers.
}

// Machine is a benign submitter that is no person.
type Machine struct {
	Name, Kind string // Kind is one word: scanner, crm, newsletter ...
	IP, Host   string
	Address    string   // Its usual reverse-path; "" for hosts that pass on what others write.
	Account    string   // For AUTH; "" for none.
	Submitters []string // As relaywatch writes them: ip:10.0.0.40, user:corp\svc-crm.
	Known      bool     // An administrator knows it and puts it on the allow-list.
}

// worldStart is a Monday three weeks before the clocks go back.
var worldStart = time.Date(2026, time.October, 5, 0, 0, 0, 0, time.UTC)

const (
	defaultPeople = 200
	defaultDays   = 40
)

// NewWorld makes a world. Equal options make equal worlds.
func NewWorld(o WorldOptions) *World {
	if o.First.IsZero() {
		o.First = worldStart
	}
	if o.Days == 0 {
		o.Days = defaultDays
	}
	y, m, d := o.First.Date()
	w := &World{
		Seed: o.Seed, Days: o.Days, Zone: officeZone(), Server: "iis", alone: o.WithoutMachines, Balanced: o.Balanced || o.BalancedServers, BalancedServers: o.BalancedServers,
		Domains: []string{OwnDomain}, Gateways: []string{gatewayIP}, behaviour: o.Behaviour,
	}
	w.First = time.Date(y, m, d, 0, 0, 0, 0, w.Zone)
	if o.Exchange {
		w.Server = "exchange"
	}
	if w.behaviour == nil {
		all := BuiltinBehaviours()
		w.behaviour = all[o.Seed/2%uint64(len(all))] // Evaluations write rows of Exchange for every other seed.
	}
	if w.behaviour.Model == nil {
		set := w.window()
		w.hire(max(1, set.people(o.People))) // All of the set may be outside.
		w.letters = set.letters(w)
	} else {
		w.hire(cmp.Or(o.People, defaultPeople))
		w.letters = w.write(w.behaviour.Model)
	}
	w.acquaint()
	if !w.alone {
		w.Down = w.outage()
		for _, k := range w.workers() {
			w.Machines = append(w.Machines, k.Machine)
		}
	}
	return w
}

// Day is midnight of the n-th day in Zone. A day may have 23 or 25 hours.
func (w *World) Day(n int) time.Time { return w.First.AddDate(0, 0, n) }

// Clock is a time of day of the n-th day in Zone.
func (w *World) Clock(n, hour, minute int) time.Time {
	return w.wall(n*secondsADay + hour*3600 + minute*60)
}

// wall is the moment at which the office's clock shows so many seconds since the
// first midnight.
func (w *World) wall(seconds int) time.Time {
	y, m, d := w.First.Date()
	return time.Date(y, m, d, 0, 0, seconds, 0, w.Zone)
}

// weekday of the n-th day.
func (w *World) weekday(n int) time.Weekday { return w.Day(n).Weekday() }

// workday is true from Monday to Friday.
func (w *World) workday(n int) bool {
	d := w.weekday(n)
	return d != time.Saturday && d != time.Sunday
}

// Session opens a session as p's mail program does at that moment: from where p is
// then, and with AUTH where the server wants it.
func (w *World) Session(p *Person, at time.Time) *Session {
	s := newSession(at.UTC(), p.ipAt(at), p.Host)
	s.Port = portOf(at)
	if w.Server == "exchange" {
		s.Way, s.TLS, s.Account = Client, true, p.Account
		if p.Kind == KindBranch { // Its mail server has no account.
			s.Way, s.TLS, s.Account = Relay, false, ""
		}
	}
	return s
}

// MachineSession opens a session as m does.
func (w *World) MachineSession(m *Machine, at time.Time) *Session {
	s := newSession(at.UTC(), m.IP, m.Host)
	s.Port = portOf(at)
	if w.Server == "exchange" {
		s.Way, s.Account = Relay, m.Account
		if m.Account != "" {
			s.Way = Client
		}
	}
	return s
}

// portOf is a client's port.
func portOf(at time.Time) int { return 49152 + int(at.UnixMilli()%16384) }

// Submitter is who answers for a session, as relaywatch writes it.
func (w *World) Submitter(s *Session) string {
	if s.Account != "" && w.Server == "exchange" {
		return "user:" + strings.ToLower(s.Account)
	}
	return "ip:" + s.Client
}

// Book is the address list of the organisation: everybody who works there and has
// an address of OwnDomain.
func (w *World) Book() []string {
	var all []string
	for i := range w.People {
		if path := w.People[i].Address; own(path) {
			all = append(all, path)
		}
	}
	return all
}

// Partners are the addresses outside that people wrote to in the first half of the
// world, the usual ones first.
func (w *World) Partners() []string { return slices.Clone(w.partners) }

// Contacts are the addresses to which a person wrote before a moment, according to
// sessions sorted by start: the address book that a thief finds.
func Contacts(sessions []*Session, p *Person, until time.Time) []string {
	var paths []string
	for _, s := range sessions {
		if !s.Start.Before(until) {
			break
		}
		for i := range s.Messages {
			if m := &s.Messages[i]; m.From == p.Address {
				for _, r := range m.To {
					paths = append(paths, r.Path)
				}
			}
		}
	}
	return unique(paths)
}

// Kinds tells what each submitter is: the kind of a machine or of a person (person
// for most). Behind a machine that many share people are there as sender:ADDRESS.
func (w *World) Kinds() map[string]string {
	kinds := map[string]string{}
	for i := range w.People {
		p := &w.People[i]
		for _, s := range p.submitters(w) {
			kinds[s] = p.Kind
		}
	}
	for _, m := range w.Machines {
		for _, s := range m.Submitters {
			kinds[s] = m.Kind
		}
	}
	for _, ip := range w.Gateways {
		kinds["ip:"+ip] = KindGateway
	}
	return kinds
}
