package traffic

import "strings"

var (
	firmFirst = strings.Fields(`amber anchor apex arden aspen atlas beacon birch bright broad canal castle cedar clear
		copper coral crown delta dover eagle eastern falcon field forge garnet glen granite harbour hazel heron hill
		iron ivory jade keel kings lake lark linden maple marble meadow mill moor north oak ocean orchard pearl pine
		quarry raven ridge river rowan royal silver spring stone summit swan thames tower union vale west wolf`)
	firmSecond = strings.Fields(`bakery boats bricks cables carpets catering ceramics clinic coatings concrete controls
		couriers dairy dental design electric energy engines estates fabrics farms filters flooring foods foundry freight
		fruit furniture gardens gears glass grain guard hotels joinery labs lighting logistics machines marine metals
		motors mutual optics packaging paints paper parts pharma plastics plumbing press printing pumps rail roofing
		seeds shipping signs software steel studio supplies systems textiles tiles timber tools trading transport valves`)
)

// outsiders are the people outside to whom ordinary mail goes. They are numbered
// from 0 in the order in which the organisation comes to know them. Of a set that is
// replayed, whoever has a mailbox inside and no desk has a number among them, too.
type outsiders struct {
	all   []string
	taken map[string]bool
	firms []string        // Domains of firms that are known, the usual ones first.
	gone  map[string]bool // Addresses that exist no more: mail to them is refused at delivery.
}

// newOutsiders knows n people outside.
func newOutsiders(c chance, n int) *outsiders {
	o := &outsiders{taken: map[string]bool{}, gone: map[string]bool{}}
	for range n {
		o.fresh(c, 0.004)
	}
	return o
}

// firm is the domain of a firm.
func firm(c chance) string {
	return firmFirst[c.IntN(len(firmFirst))] + "-" + firmSecond[c.IntN(len(firmSecond))] + ".example"
}

// fresh is somebody to whom nobody of the organisation has written yet: three of
// four at a firm, most of these at one that is known. gone is the odds that the
// address does not exist.
func (o *outsiders) fresh(c chance, gone float64) int {
	var domain string
	switch {
	case c.odds(0.25):
		domain = strangerDomains[c.IntN(len(strangerDomains))]
	case len(o.firms) > 0 && c.odds(0.6):
		domain = favourite(c, o.firms)
	default:
		domain = firm(c)
		o.firms = append(o.firms, domain)
	}
	return o.at(c, domain, gone)
}

// at is somebody new at a domain.
func (o *outsiders) at(c chance, domain string, gone float64) int {
	path := lower(firstNames[c.IntN(len(firstNames))] + "." + lastNames[c.IntN(len(lastNames))])
	// Addresses of strangers, who get spam, have digits and no hyphen: nobody is both.
	for n := 2; o.taken[path+"@"+domain]; n = n*7%9973 + 1 {
		path, _, _ = strings.Cut(path, "-")
		path += "-" + itoa(n)
	}
	path += "@" + domain
	o.taken[path] = true
	if c.odds(gone) {
		o.gone[path] = true
	}
	o.all = append(o.all, path)
	return len(o.all) - 1
}

// known is somebody whom the organisation knows, rather one of the first.
func (o *outsiders) known(c chance) int {
	for {
		i := int(c.Float64() * c.Float64() * float64(len(o.all)))
		if !own(o.all[i]) {
			return i
		}
	}
}

// some are n people who are known, each once, or all if there are fewer.
func (o *outsiders) some(c chance, n int) []string {
	var paths []string
	for _, i := range c.Perm(len(o.all)) {
		if len(paths) < n && !own(o.all[i]) {
			paths = append(paths, o.all[i])
		}
	}
	return paths
}

// new are n people who were not known.
func (o *outsiders) new(c chance, n int, gone float64) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = o.all[o.fresh(c, gone)]
	}
	return paths
}
