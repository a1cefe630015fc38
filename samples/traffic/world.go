package traffic

import (
	"strings"
	"time"
)

// World is one organisation over some weeks: who works there, which machines mail,
// and its ordinary mail. It is evaluated on: nobody in it sends spam, unless
// sessions that have a Case are added to its own.
type World struct {
	Seed   uint64
	First  time.Time // Midnight of the first day, in Zone.
	Days   int
	Zone   *time.Location // Of the people; the logs are in UTC.
	Server string         // "iis" or "exchange": whose rows are written.

	People   []Person
	Machines []Machine // Benign ones.
	Down     Span      // The server was down; no row is in it. The zero Span is never.

	Domains  []string // Own domains as the administrator knows them.
	Gateways []string // Hosts that bring in the internet's mail.

	behaviour *Behaviour
	outside   []string // Addresses that the organisation writes to from the beginning, the usual ones first.
}

// Span is a stretch of time, without its end.
type Span struct{ From, Until time.Time }

// WorldOptions say what world to make.
type WorldOptions struct {
	Seed            uint64
	People, Days    int        // 0: 200 people, 40 days.
	First           time.Time  // Its date is the first day; zero is Monday, 2026-10-05: clocks go back on the 21st day.
	Exchange        bool       // Rows of Exchange instead of IIS.
	Behaviour       *Behaviour // nil: the one that is built in.
	WithoutMachines bool       // People alone.
}

// Machine is a benign submitter that is no person.
type Machine struct {
	Name, Kind string // Kind is one word, as scanner.
	IP, Host   string
	Address    string   // Its usual reverse-path.
	Account    string   // For AUTH; "" for none.
	Submitters []string // As relaywatch writes them: ip:10.0.0.40, user:corp\svc-crm.
	Known      bool     // An administrator knows it and puts it on the allow-list.
}

// worldStart is a Monday three weeks before the clocks go back.
var worldStart = time.Date(2026, time.October, 5, 0, 0, 0, 0, time.UTC)

// NewWorld makes a world. Equal options make equal worlds.
func NewWorld(o WorldOptions) *World {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic("traffic: time zones are built in: " + err.Error())
	}
	if o.First.IsZero() {
		o.First = worldStart
	}
	if o.People == 0 {
		o.People = 200
	}
	if o.Days == 0 {
		o.Days = 40
	}
	y, m, d := o.First.Date()
	w := &World{
		Seed: o.Seed, First: time.Date(y, m, d, 0, 0, 0, 0, zone), Days: o.Days, Zone: zone, Server: "iis",
		Domains: []string{OwnDomain}, Gateways: []string{gatewayIP}, behaviour: o.Behaviour,
	}
	if o.Exchange {
		w.Server = "exchange"
	}
	w.People = staff(newChance(o.Seed, "world staff"), 0, o.People, "10.1.4", "10.1.7")
	for _, p := range w.People {
		w.outside = unique(append(w.outside, p.Partners...))
	}
	if !o.WithoutMachines {
		w.Machines = []Machine{{Name: "monitoring", Kind: "monitor", IP: monitorIP, Host: "mon01." + OwnDomain, Address: "monitoring@" + OwnDomain, Submitters: []string{"ip:" + monitorIP}}}
	}
	return w
}

// Day is midnight of the n-th day in Zone. A day may have 23 or 25 hours.
func (w *World) Day(n int) time.Time { return w.First.AddDate(0, 0, n) }

// Clock is a time of day of the n-th day in Zone.
func (w *World) Clock(n, hour, minute int) time.Time {
	y, m, d := w.Day(n).Date()
	return time.Date(y, m, d, hour, minute, 0, 0, w.Zone)
}

// Session opens a session as p's mail program does at that moment: on the
// workstation that p has then, and with AUTH where the server wants it.
func (w *World) Session(p *Person, at time.Time) *Session {
	s := newSession(at.UTC(), p.IP, p.Host)
	s.Port = portOf(at)
	if w.Server == "exchange" {
		s.Way, s.TLS, s.Account = Client, true, p.Account
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

// Book is the address list of the organisation: everybody who works there.
func (w *World) Book() []string {
	all := make([]string, len(w.People))
	for i := range w.People {
		all[i] = w.People[i].Address
	}
	return all
}

// Partners are the addresses outside that the organisation writes to from the
// beginning, the usual ones first.
func (w *World) Partners() []string { return w.outside }

// Strangers gives out addresses that ordinary mail never goes to, each once. part
// names their user: other parts get other strangers.
func (w *World) Strangers(part string) *strangers {
	return &strangers{newChance(w.Seed, "strangers of "+part), map[string]bool{}}
}

// Kinds tells what each submitter is: the kind of a machine, or "person".
func (w *World) Kinds() map[string]string {
	kinds := map[string]string{}
	for i := range w.People {
		kinds[w.Submitter(w.Session(&w.People[i], w.First))] = "person"
	}
	for _, m := range w.Machines {
		for _, s := range m.Submitters {
			kinds[s] = m.Kind
		}
	}
	return kinds
}

// Sessions is the ordinary mail, sorted by start.
func (w *World) Sessions() []*Session {
	var all []*Session
	for n := range w.Days {
		c := newChance(w.Seed, "world "+w.Day(n).Format(time.DateOnly))
		for i := range w.People {
			p := &w.People[i]
			for range c.times(p.PerDay) {
				s := w.Session(p, c.office(w.Day(n)))
				s.send(letter(c, p))
				all = append(all, s)
			}
		}
	}
	byStart(all)
	return all
}
