package traffic

import (
	"strings"
)

var (
	firstNames = strings.Fields(`Ann Ben Cara Dan Ella Finn Gita Hugo Iris Jon Kira Liam Mona Nils Olga Pete
		Quinn Rosa Sven Tara Uma Vik Wes Xena Yuri Zoe Abel Bela Cleo Dina Egon Flora Gus Hanna Ivo Jill`)
	lastNames = strings.Fields(`Adler Brook Carver Dalton Elmore Fenn Garrow Holt Ivers Jarvis Kerr Lund
		Marsh Norcott Oake Penn Quill Rowan Sands Thorne Unwin Vale Wick Yates Zeller Ash Birk Cole
		Drew Eames Frost Grove Hale Ingle Joyce Knox Lamb`)
	// partnerDomains are those of customers and suppliers.
	partnerDomains = []string{
		"example.org", "supplier.example", "freight.example", "lawyers.example", "bank.example",
		"print.example", "travel.example", "cleaning.example", "builders.example",
	}
	// strangerDomains are where spam goes to.
	strangerDomains = []string{
		"example.net", "example.com", "post.example", "inbox.example", "letters.example", "family.example",
		"home.example", "campus.example", "fastnet.example", "dialin.example", "webmail.example", "garden.example",
	}
)

// Person writes mail and gets some.
type Person struct {
	Name       string // First and last.
	Address    string
	IP         string // Of the workstation.
	Host       string // Its HELO name.
	Account    string // For AUTH.
	PerDay     float64
	Colleagues []string // Addresses written to, the usual ones first.
	Partners   []string

	// Of a World only.
	Kind   string  // KindPerson for most.
	Leases []Lease // Addresses in the order of time, if they change.
	From   int     // First day of work.
	Away   Days    // On holiday; the mailbox answers. People of a replayed set go on writing.
	event  int     // Day of what makes its kind.
	style  int     // Of the mail program: see mailStyles.
}

// staff makes n people, beginning with the from-th name, with colleagues among
// each other and a few partners each. subnet is that of their workstations,
// without the last part.
func staff(c chance, from, n int, subnets ...string) []Person {
	people := make([]Person, n)
	for i := range people {
		k := from + i
		first, last := firstNames[k%len(firstNames)], lastNames[k*5%len(lastNames)]
		p := &people[i]
		p.Name = first + " " + last
		p.Address = strings.ToLower(first+"."+last) + "@" + OwnDomain
		p.Account = `CORP\` + strings.ToLower(first[:1]+"."+last)
		p.IP = subnets[i%len(subnets)] + "." + itoa(20+i)
		p.Host = "WS-" + strings.ToUpper(last)
		p.PerDay = 0.8 + 3*c.Float64()*c.Float64()
	}
	for i := range people {
		for _, j := range c.Perm(n)[:min(n, 9)] {
			if j != i {
				people[i].Colleagues = append(people[i].Colleagues, people[j].Address)
			}
		}
		for range c.between(2, 6) {
			people[i].Partners = append(people[i].Partners, partner(c))
		}
	}
	return people
}

// partner is one of some 200 addresses at partners.
func partner(c chance) string {
	d := partnerDomains[c.IntN(len(partnerDomains))]
	first := firstNames[c.IntN(len(firstNames))]
	return strings.ToLower(first+"."+lastNames[(len(first)*7+len(d))%len(lastNames)]) + "@" + d
}

// favourite picks from a list whose first entries are the usual ones.
func favourite(c chance, list []string) string {
	return list[int(c.Float64()*c.Float64()*float64(len(list)))]
}

// strangers gives out addresses that nobody here has ever written to, each once.
type strangers struct {
	chance
	given map[string]bool
}

func newStrangers(seed uint64) *strangers {
	return &strangers{newChance(seed, "strangers"), map[string]bool{}}
}

// at returns n strangers of one domain.
func (s *strangers) at(domain string, n int) []string {
	var paths []string
	for len(paths) < n {
		first := strings.ToLower(firstNames[s.IntN(len(firstNames))])
		last := strings.ToLower(lastNames[s.IntN(len(lastNames))])
		p := first[:1] + last + itoa(s.between(2, 999)) + "@" + domain
		if s.odds(0.5) {
			p = first + "." + last + itoa(s.between(2, 99)) + "@" + domain
		}
		if !s.given[p] {
			s.given[p] = true
			paths = append(paths, p)
		}
	}
	return paths
}

// domain picks one.
func (s *strangers) domain() string { return strangerDomains[s.IntN(len(strangerDomains))] }
