package detect

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"relaywatch/mail"
)

// class is how a client is judged.
type class uint8

const (
	nobody  class = iota // Never accused: no submitter, a gateway, the machine itself.
	inside               // An address of our networks.
	outside              // Any other.
	account              // An account, wherever it comes from.
)

// network is a Site made ready to be asked.
type network struct {
	internal bart.Lite
	gateways map[netip.Addr]bool
	own      map[string]bool
	hours    *calendar
	allow    []allowed
	verdicts map[mail.Submitter][]Verdict
	raises   bool // Some entry has a baseline.
	digest   OwnMail
	hide     *mail.Pseudonyms
	key      hashKey

	// Domains that were asked for before: the hash without its lowest bit, which is
	// set for one outside. Others overwrite them.
	domains [4096]uint64
}

// verdictsOf are the verdicts about a submitter: see Verdict.Of.
func (n *network) verdictsOf(who mail.Submitter) []Verdict {
	list := n.verdicts[who]
	if bare := bareName(who.Value); who.Kind == mail.KindUser && bare != who.Value {
		list = slices.Concat(list, n.verdicts[mail.Submitter{Kind: who.Kind, Value: bare}])
	}
	return list
}

// newNetwork reports everything that is wrong with a site.
func newNetwork(site Site) (*network, error) {
	n := &network{gateways: make(map[netip.Addr]bool), own: make(map[string]bool), digest: site.Digest, hide: site.Hide, key: newHashKey(site.Key)}
	var errs []error
	for _, prefix := range site.Internal {
		if !prefix.IsValid() {
			errs = append(errs, errors.New("internal network: not valid (write it as 10.0.0.0/8)"))
			continue
		}
		n.internal.Insert(prefix.Masked())
	}
	for _, addr := range site.Gateways {
		n.gateways[addr.Unmap()] = true
	}
	for _, domain := range site.OwnDomains {
		n.own[strings.TrimSuffix(strings.ToLower(domain), ".")] = true
	}
	n.verdicts = make(map[mail.Submitter][]Verdict)
	for _, v := range site.Verdicts {
		n.verdicts[v.Submitter] = append(n.verdicts[v.Submitter], v)
	}
	hours, err := newCalendar(site.Hours)
	if err != nil {
		errs = append(errs, err)
	}
	n.hours = hours
	for _, a := range site.Allow {
		entry, err := readAllow(a)
		if err != nil {
			errs = append(errs, fmt.Errorf("allow %s: %w", a.Submitter, err))
			continue
		}
		n.allow = append(n.allow, entry)
		n.raises = n.raises || entry.Baseline != 0
	}
	return n, errors.Join(errs...)
}

// classOf tells how a client's address is judged.
func (n *network) classOf(client string) class {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return outside // The log wrote no address: of our networks it is not.
	}
	addr = addr.Unmap().WithZone("")
	switch {
	case addr.IsLoopback(), n.gateways[addr]:
		return nobody
	case n.internal.Contains(addr):
		return inside
	}
	return outside
}

// fromOutside tells whether a client brings in mail of the internet.
func (n *network) fromOutside(client string) bool {
	addr, err := netip.ParseAddr(client)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return n.gateways[addr] || !addr.IsLoopback() && !n.internal.Contains(addr)
}

// external is true for a domain that is surely not ours.
func (n *network) external(domain string) bool {
	return n.externalBy(n.key.of(domain), domain)
}

// externalBy is external for who has the hash of the domain.
func (n *network) externalBy(hash uint64, domain string) bool {
	if domain == "" || len(n.own) == 0 {
		return false
	}
	hash &^= 1
	known := &n.domains[hash>>1%uint64(len(n.domains))]
	if *known&^1 != hash {
		*known = hash
		if !n.owns(domain) {
			*known |= 1
		}
	}
	return *known&1 == 1
}

// owns is true for an own domain and those below.
func (n *network) owns(domain string) bool {
	for !n.own[domain] {
		dot := strings.IndexByte(domain, '.')
		if dot < 0 {
			return false
		}
		domain = domain[dot+1:]
	}
	return true
}

// hashPath is what the memory keeps of a recipient. It is never 0.
func (n *network) hashPath(p mail.Path) uint64 { return keptOf(n.key.of(string(p))) }

// hashOf is what a reverse-path is known by. It is never 0, which stands for none.
func (n *network) hashOf(reversePath mail.Path) uint32 {
	return max(2, uint32(n.key.of(string(reversePath))))
}

// asRecipient is what the memory keeps of a reverse-path where it was a recipient: rows
// name recipients by pseudonyms, and senders by themselves.
func (n *network) asRecipient(reversePath mail.Path) uint64 {
	return n.hashPath(n.hide.Path(reversePath))
}

// isDigest is true for a recipient of relaywatch's own mail.
func (n *network) isDigest(from, to mail.Path) bool {
	return from == n.digest.From && from != "" && slices.ContainsFunc(n.digest.To, func(own mail.Path) bool { return n.hide.Path(own) == to })
}
