package traffic

import (
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the truth says of an attack stands in the rows, among the ordinary ones.
func TestWorldTruth(t *testing.T) {
	w := NewWorld(WorldOptions{Seed: 5, People: 30, Days: 10})
	p := &w.People[slices.IndexFunc(w.People, func(p Person) bool { return p.Kind == KindPerson })]
	list := newStrangers(9).at("post.example", 40)
	s := w.Session(p, w.Clock(8, 3, 0))
	s.Case = Case{"test", w.Submitter(s)}
	for i := range 4 {
		s.send(Message{Gap: time.Second, Transfer: time.Second, From: p.Address, To: to(list[10*i : 10*i+10]...), ID: itoa(i) + "@x", Size: 1000})
	}
	scene := writeWorld(t, w, append(w.Sessions(), s))
	if len(scene.Spammers) != 1 {
		t.Fatalf("got %d spammers; want 1", len(scene.Spammers))
	}
	got := map[string]bool{}
	delivered := 0
	for _, r := range readW3C(t, scene.Files) {
		if path := r.argument(); r.verb == "RCPT" && slices.Contains(list, path) {
			if r.outbound() {
				delivered++
			} else if got[path] = true; "ip:"+r.client != scene.Spammers[0].Submitter {
				t.Errorf("got spam of %s; want %s", r.client, scene.Spammers[0].Submitter)
			}
		}
	}
	if len(got) != 40 || scene.Spammers[0].Distinct != 40 || delivered == 0 {
		t.Errorf("got %d recipients in the rows, %d in the truth, %d deliveries; want 40, 40 and some", len(got), scene.Spammers[0].Distinct, delivered)
	}
}

// Nobody who gets spam gets ordinary mail, and the books tell whom people know.
func TestWorldBooks(t *testing.T) {
	w := NewWorld(WorldOptions{Seed: 6, People: 40, Days: 20})
	sessions := w.Sessions()
	written := map[string]bool{}
	for _, s := range sessions {
		for i := range s.Messages {
			for _, r := range s.Messages[i].To {
				written[r.Path] = true
			}
		}
	}
	list := newStrangers(9)
	for range 2000 {
		if path := list.at(list.domain(), 1)[0]; written[path] {
			t.Fatalf("%s is a stranger and gets ordinary mail", path)
		}
	}
	for i := range w.People {
		p := &w.People[i]
		known := Contacts(sessions, p, w.Day(w.Days))
		for _, path := range slices.Concat(p.Colleagues, p.Partners) {
			if !slices.Contains(known, path) {
				t.Fatalf("%s: knows %s and never wrote to it", p.Address, path)
			}
		}
		for _, path := range p.Partners {
			if !slices.Contains(w.Partners(), path) {
				t.Fatalf("%s is a partner of %s and not of the organisation", path, p.Address)
			}
		}
	}
	if n := len(w.Partners()); n < 40 {
		t.Errorf("got %d partners; want 40 at least", n)
	}
}

// Addresses and domains are reserved ones.
func TestWorldReservedNames(t *testing.T) {
	inside := netip.MustParsePrefix("10.0.0.0/8")
	reserved := []netip.Prefix{inside, netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24")}
	w := NewWorld(WorldOptions{Seed: 7, People: 60, Days: 20, Exchange: true})
	domains := map[string]bool{}
	for _, s := range w.Sessions() {
		ip := netip.MustParseAddr(s.Client)
		if !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			t.Fatalf("client %s is not reserved", ip)
		}
		if s.HELO == "scan01" {
			continue // Odd forms of addresses are what the audit is about.
		}
		for i := range s.Messages {
			m := &s.Messages[i]
			domains[domainOf(m.From)] = true
			for _, r := range m.To {
				domains[domainOf(r.Path)] = true
			}
		}
	}
	for _, d := range slices.Sorted(maps.Keys(domains)) {
		if strings.Contains(d, ".") && !strings.HasPrefix(d, "[") && !strings.HasSuffix(d, ".example") && !slices.Contains([]string{"example.org", "example.net", "example.com"}, d) {
			t.Errorf("domain %s is not reserved", d)
		}
	}
}

// A set is replayed letter by letter: who writes in it works here, unless taken for
// a partner outside.
func TestWorldReplay(t *testing.T) {
	model := BuiltinBehaviours()[0].Model
	set := &Behaviour{Name: "set", Letters: Simulate(model, 9, 80, 84)}
	w := NewWorld(WorldOptions{Seed: 2, Days: 28, Behaviour: set, WithoutMachines: true})
	if n := len(w.People); n < 40 || n > 65 {
		t.Fatalf("got %d people; want two thirds of 80", n)
	}
	letters, inbound := 0, 0
	outside := map[bool]int{}
	for _, l := range w.letters {
		if l.From >= len(w.People) {
			inbound++
			continue
		}
		letters++
		for _, to := range l.To {
			outside[!own(w.address(to))]++
		}
	}
	if letters < 500 || inbound < letters/8 {
		t.Errorf("got %d letters and %d from outside; want 500 and an eighth of them at least", letters, inbound)
	}
	if share := float64(outside[true]) / float64(outside[true]+outside[false]); share < 0.2 || share > 0.5 {
		t.Errorf("got %.2f of the recipients outside; want about a third", share)
	}
	stranger := 0
	for !outsideOfSet(stranger) {
		stranger++
	}
	nobody := &Behaviour{Name: "nobody", Letters: []Letter{{At: 3600, From: stranger, To: []int{stranger + 1}}}}
	if n := len(NewWorld(WorldOptions{Behaviour: nobody}).People); n != 1 {
		t.Errorf("got %d people from a set that is all outside; want 1", n)
	}
	fewer := NewWorld(WorldOptions{Seed: 2, People: 20, Days: 28, Behaviour: set})
	if len(fewer.People) != 20 || len(fewer.Sessions()) == 0 {
		t.Errorf("got %d people; want the 20 that were asked for", len(fewer.People))
	}
	e := extra{chance: newChance(2, "customers"), w: fewer, others: fewer.letters}
	customers := fewer.outsiders.some(e.chance, 1000)
	for _, id := range e.seen(fewer.Days) {
		customers = append(customers, fewer.address(id))
	}
	for range 200 {
		customers = append(customers, fewer.outsiders.all[fewer.outsiders.known(e.chance)])
	}
	if !slices.ContainsFunc(fewer.outsiders.all, own) || slices.ContainsFunc(customers, own) {
		t.Error("got nobody inside without a desk, or one as a customer; want some, and customers outside")
	}
	if other := NewWorld(WorldOptions{Seed: 3, Days: 28, Behaviour: set, WithoutMachines: true}); reflect.DeepEqual(other.letters, w.letters) {
		t.Error("got the same weeks from two seeds; want others: the set has three stretches")
	}
}

// People of a world write as the model's people were measured, though there is an
// outside: it gets somewhat less than half.
func TestWorldPeopleWriteAsMeasured(t *testing.T) {
	const people, days = 150, 42
	for _, b := range BuiltinBehaviours() {
		var all [][]Letter
		outside := map[bool]float64{}
		for seed := range uint64(4) {
			w := NewWorld(WorldOptions{Seed: seed, People: people, Days: days, Behaviour: b})
			var letters []Letter
			for _, l := range w.letters {
				if l.From < people {
					switch w.People[l.From].Kind {
					case KindSales, KindPrivate, KindInvitation, KindMerge, KindCircular:
						continue
					}
					for _, to := range l.To {
						outside[!own(w.address(to))]++
					}
				}
				letters = append(letters, l)
			}
			all = append(all, letters)
		}
		if share := outside[true] / (outside[true] + outside[false]); share < 0.35 || share > 0.55 {
			t.Errorf("%s: got %.2f of the recipients outside; want 0.35 to 0.55", b.Name, share)
		}
		got, want := measure(days, people, all...), b.Model.Measured
		check := func(name string, got, want, share, least float64) {
			if math.Abs(got-want) > max(share*want, least) {
				t.Errorf("%s, %s: got %.3g; want %.3g", b.Name, name, got, want)
			}
		}
		for i, share := range want.New[:8] {
			check("new "+itoa(i), got.New[i], share, 0.25, 0.05)
		}
		for _, level := range []float64{0.25, 0.5, 0.75, 0.9, 0.95} {
			check("rate", got.Rate.at(level), want.Rate.at(level), 0.2, 0.1)
			check("distinct", got.Distinct.at(level), want.Distinct.at(level), 0.3, 1)
			check("dispersion", got.Dispersion.at(level), want.Dispersion.at(level), 0.35, 0.3)
			check("peak hour", got.PeakHour.at(level), want.PeakHour.at(level), 0.3, 1)
		}
		check("reply", got.Reply, want.Reply, 0, 0.1)
		check("wrote to", got.WroteTo, want.WroteTo, 0, 0.12)
	}
}
