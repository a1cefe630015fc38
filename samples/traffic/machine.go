package traffic

import (
	"maps"
	"slices"
	"time"
)

// Kinds of machines.
const (
	KindScanner    = "scanner"
	KindMonitor    = "monitor"
	KindBackup     = "backup"
	KindTicketing  = "ticketing"
	KindCRM        = "crm"
	KindReports    = "reports"
	KindNewsletter = "newsletter"
	KindInvoices   = "invoices"
	KindShop       = "shop"
	KindBounces    = "bounces"
	KindVacation   = "vacation"
	KindLoop       = "loop"
	KindAudit      = "audit"   // A vulnerability scanner.
	KindGateway    = "gateway" // Brings in the internet's mail.
)

// Hosts that pass on what many people write, and others whose address matters.
const (
	terminalIP, terminalHost   = "10.0.5.10", "TS01"
	natIP                      = "10.6.0.1"
	branchIP, branchHost       = "10.4.0.25", "mail.branch." + OwnDomain
	groupwareIP, groupwareHost = "10.0.0.35", "groupware01"
	filterIP                   = "10.0.0.26"
)

// worker is a machine with what it does on a day.
type worker struct {
	Machine
	day func(n int) []*Session
}

// plant makes the machines of a world.
type plant struct {
	w    *World
	out  *outsiders // As the organisation's machines come to know them.
	list []worker
}

// workers are the world's machines as they are on the first day. The days must be
// asked for in order.
func (w *World) workers() []worker {
	out := *w.outsiders
	out.all, out.firms = slices.Clone(out.all), slices.Clone(out.firms)
	out.taken = maps.Clone(out.taken) // What is gone is gone for all: Write must know.
	f := &plant{w: w, out: &out}
	f.devices()
	f.applications()
	f.mailings()
	f.servers()
	return f.list
}

// add adds a machine. work gets the machine, its own source of chance and the day.
func (f *plant) add(m Machine, work func(m *Machine, c chance, n int) []*Session) {
	m.Submitters = []string{"ip:" + m.IP}
	if f.w.BalancedServers {
		m.Submitters = append(m.Submitters, behindBalancer(m.Host))
	}
	if m.Account != "" && f.w.Server == "exchange" {
		m.Submitters = append(m.Submitters, "user:"+lower(m.Account))
	} else {
		m.Account = ""
	}
	c := newChance(f.w.Seed, "machine "+m.Name)
	k := worker{Machine: m}
	k.day = func(n int) []*Session {
		if work == nil {
			return nil
		}
		return work(&k.Machine, c, n)
	}
	f.list = append(f.list, k)
}

// office is a moment of the n-th day at which people work.
func (w *World) office(c chance, n int) time.Time {
	return w.wall(n*secondsADay + int(c.office(time.Unix(0, 0)).Unix())).Add(c.span(0, 999*time.Millisecond))
}

// mail is a session of m with one message.
func (f *plant) mail(m *Machine, c chance, at time.Time, size int, paths ...string) *Session {
	s := f.w.MachineSession(m, at)
	s.send(f.message(m, c, size, paths...))
	return s
}

func (f *plant) message(m *Machine, c chance, size int, paths ...string) Message {
	return Message{
		Gap: c.span(2*time.Millisecond, 9*time.Millisecond), Transfer: c.span(20*time.Millisecond, 200*time.Millisecond),
		From: m.Address, To: to(paths...), ID: c.messageID(lower(m.Host)), Size: size + c.IntN(1+size/20),
	}
}

// run is one message to each of the lists, with up to perSession of them in a
// session and a pause of pace or half of it between.
func (f *plant) run(m *Machine, c chance, at time.Time, size, perSession int, pace time.Duration, lists [][]string) []*Session {
	var all []*Session
	var s *Session
	for _, paths := range lists {
		if s == nil || len(s.Messages) == perSession {
			if s != nil {
				at = s.End.Add(c.span(pace/2, pace))
			}
			s = f.w.MachineSession(m, at)
			all = append(all, s)
		}
		s.Pause = c.span(pace/2, pace)
		s.send(f.message(m, c, size, paths...))
	}
	return all
}

// singles are lists of one.
func singles(paths []string) [][]string {
	lists := make([][]string, len(paths))
	for i := range paths {
		lists[i] = paths[i : i+1]
	}
	return lists
}

// staff are n people, each once.
func (f *plant) staff(c chance, n int) []string {
	var paths []string
	for _, i := range c.Perm(len(f.w.People))[:min(n, len(f.w.People))] {
		paths = append(paths, f.w.People[i].Address)
	}
	return paths
}
