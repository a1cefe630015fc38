package traffic

import (
	"slices"
	"strings"
	"time"
)

// Kinds of people. Most are KindPerson.
const (
	KindPerson     = "person"
	KindSales      = "sales"      // Writes to new people outside every day.
	KindPrivate    = "private"    // Writes private mail at lunch and in the evening.
	KindInvitation = "invitation" // Invites 50 to 300 people by Bcc, once.
	KindMerge      = "mail-merge" // Sends 100 to 200 letters in an hour, once a month.
	KindAcquired   = "acquired"   // Of a firm that was bought: its domain is not in the list of own domains.
	KindRoaming    = "roaming"    // Another address of the VPN's pool every day, or at home.
	KindDHCP       = "dhcp"       // The workstation's address changes.
	KindNewcomer   = "newcomer"   // Begins in the middle.
	KindCircular   = "circular"   // Writes to all or a team: a manager, an assistant or a secretary.
	KindTelephone  = "telephone"  // Whose telephone tries an old password for hours.
	KindTerminal   = "terminal"   // Works on the terminal server.
	KindNAT        = "nat"        // Is behind an address that fifteen share.
	KindBranch     = "branch"     // Mails through the mail server of the branch office.
	acquiredDomain = "marlow-tiles.example"
)

// Lease is an address that a person has from a moment on.
type Lease struct {
	From time.Time
	IP   string
}

// Days is a stretch of days, without the last one.
type Days struct{ From, Until int }

func (d Days) has(n int) bool { return n >= d.From && n < d.Until }

// groups are the kinds of people: how many of a hundred, and at most.
var groups = []struct {
	kind    string
	percent float64
	most    int
}{
	{KindTerminal, 8, 20},
	{KindNAT, 6, 15},
	{KindBranch, 8, 25},
	{KindAcquired, 4, 40},
	{KindRoaming, 6, 40},
	{KindDHCP, 4, 40},
	{KindSales, 3, 20},
	{KindPrivate, 3, 20},
	{KindNewcomer, 2.5, 20},
	{KindInvitation, 1, 5},
	{KindMerge, 1, 4},
	{KindTelephone, 0.5, 2},
	{KindCircular, 2.5, 12},
}

// hire fills People.
func (w *World) hire(n int) {
	c := newChance(w.Seed, "world people")
	w.People = make([]Person, n)
	accounts := map[string]bool{}
	for i := range w.People {
		p := &w.People[i]
		name(p, i, accounts)
		p.Kind = KindPerson
		p.IP = "10.1." + itoa(i/200) + "." + itoa(20+i%200)
		p.Host = "WS-" + strings.ToUpper(lastNames[i*5%len(lastNames)]) + itoa(100+i)
		p.style = c.IntN(len(mailStyles))
		if c.odds(0.125) {
			from := c.IntN(w.Days)
			p.Away = Days{from, from + 7*c.between(1, 2)}
		}
	}
	w.assign(c)
	w.outsiders = newOutsiders(newChance(w.Seed, "world partners"), 3*n+20)
}

// name gives a person name, address and account.
func name(p *Person, i int, accounts map[string]bool) {
	first, last := firstNames[i%len(firstNames)], lastNames[i*5%len(lastNames)]
	p.Name = first + " " + last
	tag := ""
	if again := i / (len(firstNames) * len(lastNames)); again > 0 {
		tag = itoa(again + 1) // Another of the same name.
	}
	p.Address = lower(first+"."+last) + tag + "@" + OwnDomain
	account := `CORP\` + lower(first[:1]+"."+last)
	for n := 2; accounts[account]; n++ {
		account = `CORP\` + lower(first[:1]+"."+last) + itoa(n)
	}
	accounts[account] = true
	p.Account = account
}

// assign makes some people special, each in one way.
func (w *World) assign(c chance) {
	order := c.Perm(len(w.People))
	for _, g := range groups {
		n := min(g.most, int(float64(len(w.People))*g.percent/100+0.5))
		if w.alone && slices.Contains([]string{KindTerminal, KindNAT, KindBranch, KindAcquired, KindRoaming}, g.kind) {
			n = 0
		}
		for i := range n {
			w.settle(c, &w.People[order[i]], g.kind, i)
		}
		order = order[n:]
	}
}

// settle gives the i-th person of a kind its place.
func (w *World) settle(c chance, p *Person, kind string, i int) {
	p.Kind = kind
	switch kind {
	case KindTerminal:
		p.IP, p.Host = terminalIP, terminalHost
	case KindNAT:
		p.IP = natIP
	case KindBranch:
		p.IP, p.Host = branchIP, branchHost
	case KindAcquired:
		p.Address = strings.TrimSuffix(p.Address, OwnDomain) + acquiredDomain
		p.Account = `MARLOW\` + strings.TrimPrefix(p.Account, `CORP\`)
		p.IP, p.Host = "10.5.0."+itoa(20+i), "MT-PC"+itoa(20+i)
	case KindRoaming:
		p.Host = "LAPTOP-" + itoa(100+i)
		p.Leases = w.roam(c, i)
		p.IP = p.Leases[0].IP
	case KindDHCP:
		p.Leases = w.rents(c, p.IP)
	case KindNewcomer:
		p.From = w.Days/3 + c.IntN(w.Days/3+1)
	case KindInvitation, KindMerge, KindTelephone, KindCircular:
		p.event, p.Away = w.eventDay(c), Days{}
	}
}

// roam are the addresses of somebody on the road: of the VPN's pool, which
// different people have on different days. Exchange lets them log in from anywhere.
func (w *World) roam(c chance, i int) []Lease {
	var leases []Lease
	for n := range w.Days {
		ip := "10.8.0." + itoa(10+c.IntN(60))
		if w.Server == "exchange" && c.odds(0.4) {
			ip = "203.0.113." + itoa(170+i%60)
		}
		leases = append(leases, Lease{w.Day(n), ip})
	}
	return leases
}

// rents are the addresses that a workstation gets, one every week or two.
func (w *World) rents(c chance, ip string) []Lease {
	leases := []Lease{{w.First, ip}}
	for n := c.between(4, 12); n < w.Days; n += c.between(5, 14) {
		leases = append(leases, Lease{w.Clock(n, 6, c.IntN(60)), "10.1.90." + itoa(20+c.IntN(120))})
	}
	return leases
}

// eventDay is a workday on which something happens that does not happen often, not
// among the first if the world has more than a week.
func (w *World) eventDay(c chance) int {
	for range 50 {
		if n := c.IntN(w.Days); w.workday(n) && (n >= 6 || w.Days < 9) {
			return n
		}
	}
	return w.Days - 1
}

// ipAt is the address that p has at a moment.
func (p *Person) ipAt(at time.Time) string {
	ip := p.IP
	for _, l := range p.Leases {
		if l.From.After(at) {
			break
		}
		ip = l.IP
	}
	return ip
}

// submitters are all forms in which p may be accused.
func (p *Person) submitters(w *World) []string {
	all := []string{"sender:" + p.Address}
	if w.Server == "exchange" && p.Kind != KindBranch {
		all = append(all, "user:"+lower(p.Account))
	}
	if w.Balanced {
		all = append(all, behindBalancer(p.Host))
	}
	for _, l := range append([]Lease{{IP: p.IP}}, p.Leases...) {
		all = append(all, "ip:"+l.IP, behind(p.Host, l.IP))
	}
	return unique(all)
}
