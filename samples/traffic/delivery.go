package traffic

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Delivery is one session that the server opens to deliver one message to the
// recipients at one domain.
type Delivery struct {
	Start   time.Time
	Domain  string
	Remote  string // The mail exchanger's address.
	Host    string // Its name.
	From    string
	To      []Recipient // With the replies of the remote server.
	ID      string
	Size    int
	Busy    bool          // The remote server answers MAIL with 421.
	Latency time.Duration // Between a command and its reply.
}

// deliveries are what a server sends out for accepted recipients outside. unknown
// is the share of stranger addresses that exist nowhere, busy that of deliveries
// of spam that the remote server puts off.
func deliveries(seed uint64, sessions []*Session, unknown, busy float64) []*Delivery {
	c := newChance(seed, "deliveries")
	var all []*Delivery
	for _, s := range sessions {
		all = append(all, deliver(c, s, unknown, busy)...)
	}
	slices.SortStableFunc(all, func(a, b *Delivery) int { return cmp.Compare(a.Start.UnixMilli(), b.Start.UnixMilli()) })
	return all
}

// deliver is what a server sends out for one session.
func deliver(c chance, s *Session, unknown, busy float64) []*Delivery {
	var all []*Delivery
	for i := range s.Messages {
		m := &s.Messages[i]
		for _, domain := range outside(m) {
			d := newDelivery(c, m, domain)
			if s.Case.Name != "" {
				d.Busy = c.odds(busy)
				for j := range d.To {
					if c.odds(cmp.Or(s.Unknown, unknown)) {
						d.To[j].Reply = 550
					}
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// outside are the domains of m's accepted recipients outside, each once.
func outside(m *Message) []string {
	var domains []string
	for _, r := range m.To {
		if d := strings.ToLower(domainOf(r.Path)); r.Reply == 250 && !own(r.Path) && !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

func newDelivery(c chance, m *Message, domain string) *Delivery {
	d := &Delivery{
		Start: m.endAt().Add(c.span(300*time.Millisecond, 4*time.Second)), Domain: domain,
		Remote: exchanger(domain), Host: "mx1." + domain,
		From: m.From, ID: m.ID, Size: m.Size + 430, Latency: c.span(15*time.Millisecond, 180*time.Millisecond),
	}
	if m.ServerID {
		d.ID = c.messageID(OwnDomain)
	}
	for _, r := range m.To {
		if r.Reply == 250 && strings.EqualFold(domainOf(r.Path), domain) {
			d.To = append(d.To, r)
		}
	}
	return d
}

// exchanger is the address of a domain's mail exchanger.
func exchanger(domain string) string {
	h := fnv.New32a()
	h.Write([]byte(domain))
	n := h.Sum32()
	return [...]string{"192.0.2.", "198.51.100.", "203.0.113."}[n%3] + itoa(150+int(n/3)%90)
}

// delivered counts the recipients that the remote server takes.
func (d *Delivery) delivered() int {
	n := 0
	for _, r := range d.To {
		if r.Reply == 250 {
			n++
		}
	}
	return n
}
