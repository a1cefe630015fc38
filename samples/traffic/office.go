package traffic

import (
	"time"
)

// The machines of the company that mail through the IIS server.
const (
	gatewayIP    = "10.0.0.25" // Brings in the internet's mail.
	monitorIP    = "10.0.0.40" // Mails three administrators at night.
	newsletterIP = "10.0.9.12" // Allowed by the sample configuration.
	scannerIP    = "10.1.0.90"
)

// office makes the ordinary mail of the company for the IIS server.
type office struct {
	seed   uint64
	people []Person
	days   []time.Time // Midnights, UTC.
}

func (o *office) sessions() []*Session {
	var all []*Session
	for _, day := range o.days {
		c := newChance(o.seed, "office "+day.Format(time.DateOnly))
		all = append(all, o.desks(c, day)...)
		all = append(all, o.inbound(c, day)...)
		all = append(all, o.scanner(c, day)...)
		all = append(all, o.monitor(c, day)...)
		all = append(all, o.noise(c, day)...)
	}
	if len(o.days) > 2 {
		all = append(all, o.newsletter(o.days[2].Add(10*time.Hour+4*time.Minute)))
	}
	return all
}

// desks are people at their workstations.
func (o *office) desks(c chance, day time.Time) []*Session {
	var all []*Session
	for i := range o.people {
		p := &o.people[i]
		for range c.times(p.PerDay) {
			s := newSession(c.office(day), p.IP, p.Host)
			s.send(letter(c, p))
			all = append(all, s)
		}
	}
	return all
}

// letter is one message of a person: two of three stay inside.
func letter(c chance, p *Person) Message {
	var paths []string
	if c.odds(0.36) {
		paths = append(paths, favourite(c, p.Partners))
		if c.odds(0.03) {
			paths[0] = partner(c) // Somebody new at a partner.
		}
	}
	for len(paths) == 0 || len(paths) < 6 && c.odds(0.3) {
		paths = append(paths, favourite(c, p.Colleagues))
	}
	return Message{
		Gap: c.span(3*time.Millisecond, 40*time.Millisecond), Transfer: c.span(20*time.Millisecond, 900*time.Millisecond),
		From: p.Address, To: to(unique(paths)...), ID: c.messageID(p.Host), Size: c.size(5200),
	}
}

func unique(paths []string) []string {
	var once []string
	seen := map[string]bool{}
	for _, p := range paths {
		if !seen[p] {
			seen[p] = true
			once = append(once, p)
		}
	}
	return once
}

// inbound is mail from outside to our people: most through the gateway, some
// straight from the internet, a few non-delivery reports, and attempts to relay
// that are refused.
func (o *office) inbound(c chance, day time.Time) []*Session {
	var all []*Session
	for range 40 {
		p := &o.people[c.IntN(len(o.people))]
		s := newSession(c.office(day), gatewayIP, "gw."+OwnDomain)
		s.MailArg = "sized"
		from := favourite(c, p.Partners)
		m := Message{
			Gap: c.span(2*time.Millisecond, 9*time.Millisecond), Transfer: c.span(15*time.Millisecond, 300*time.Millisecond),
			From: from, To: to(p.Address), ID: c.messageID(domainOf(from)), Size: c.size(9000),
		}
		if c.odds(0.04) {
			m.From = "" // A report of non-delivery or delay.
		}
		s.send(m)
		all = append(all, s)
	}
	for range 5 {
		p := &o.people[c.IntN(len(o.people))]
		n := c.between(20, 29)
		from := strangerDomains[n%len(strangerDomains)]
		s := newSession(day.Add(c.span(0, 23*time.Hour)), "198.51.100."+itoa(n), "mx"+itoa(n)+"."+from)
		s.send(Message{
			Gap: c.span(60*time.Millisecond, 300*time.Millisecond), Transfer: c.span(200*time.Millisecond, 2*time.Second),
			From: "news@" + from, To: to(p.Address), ID: c.messageID(from), Size: c.size(14000),
		})
		all = append(all, s)
	}
	return append(all, o.relayRefused(c, day))
}

// relayRefused is an outside client that tries what an open relay would take.
func (o *office) relayRefused(c chance, day time.Time) *Session {
	s := newSession(day.Add(c.span(time.Hour, 23*time.Hour)), "203.0.113.140", "User")
	s.NoQuit = true
	s.send(Message{
		Gap: 350 * time.Millisecond, Transfer: 0, From: "test@" + OwnDomain,
		To: []Recipient{{"relaytest" + itoa(c.between(10, 99)) + "@webmail.example", 550}},
	})
	return s
}

// scanner sends what people scan to themselves. It says HELO and lets the server
// make the Message-ID, as devices do.
func (o *office) scanner(c chance, day time.Time) []*Session {
	var all []*Session
	for range c.between(7, 11) {
		s := newSession(c.office(day), scannerIP, "SCANNER-2F")
		s.Greet, s.MailArg = "HELO", "mixed"
		s.send(Message{
			Gap: 16 * time.Millisecond, Transfer: c.span(400*time.Millisecond, 4*time.Second),
			From: "scanner-2f@" + OwnDomain, To: to(o.people[c.IntN(len(o.people))].Address), ServerID: true, Size: c.size(400_000),
		})
		all = append(all, s)
	}
	return all
}

// monitor mails the same three people all night: many messages, at odd hours, and
// nothing new in them.
func (o *office) monitor(c chance, day time.Time) []*Session {
	var all []*Session
	for _, hour := range []int{0, 1, 2, 3, 4, 5, 22, 23} {
		s := newSession(day.Add(time.Duration(hour)*time.Hour+c.span(0, 50*time.Minute)), monitorIP, "mon01."+OwnDomain)
		s.MailArg = "spaced"
		s.send(Message{
			Gap: 2 * time.Millisecond, Transfer: 12 * time.Millisecond, From: "monitoring@" + OwnDomain,
			To:       to(o.people[0].Address, o.people[1].Address, o.people[2].Address),
			ServerID: true, Size: 1480 + c.IntN(60),
		})
		all = append(all, s)
	}
	return all
}

// newsletter is one run to 150 subscribers: 30 messages to five of them each.
func (o *office) newsletter(start time.Time) *Session {
	c := newChance(o.seed, "newsletter")
	subscribers := (&strangers{c, map[string]bool{}}).at("example.org", 150)
	s := newSession(start, newsletterIP, "news.corp.example")
	for i := 0; i < len(subscribers); i += 5 {
		s.Pause = c.span(20*time.Second, 80*time.Second)
		s.send(Message{
			Gap: 5 * time.Millisecond, Transfer: 90 * time.Millisecond, From: "news@" + OwnDomain,
			To: to(subscribers[i : i+5]...), ID: "issue44." + itoa(i/5) + "@news.corp.example", Size: 31_244,
		})
	}
	return s
}

// noise is what knocks at port 25 and is no mail: HTTP, and a client behind a
// firewall that masks its EHLO and makes it fall back to HELO.
func (o *office) noise(c chance, day time.Time) []*Session {
	http := newSession(day.Add(c.span(0, 23*time.Hour)), "198.51.100.140", "")
	http.Greet, http.NoQuit = "", true
	http.Strange = []Command{{"get", "/ HTTP/1.0"}, {"accept:", "*/*"}, {"host:", "192.0.2.10:25"}, {"connection:", "Keep-Alive"}}

	masked := newSession(day.Add(c.span(8*time.Hour, 17*time.Hour)), "192.0.2.77", "mail.builders.example")
	masked.Greet = "HELO"
	masked.Strange = []Command{{"xxxx", "mail.builders.example"}}
	masked.send(Message{
		Gap: 120 * time.Millisecond, Transfer: 700 * time.Millisecond, From: "office@builders.example",
		To: to(o.people[c.IntN(len(o.people))].Address), ID: c.messageID("builders.example"), Size: c.size(8000),
	})
	return []*Session{http, masked}
}
