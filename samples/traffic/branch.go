package traffic

import (
	"cmp"
	"slices"
	"time"
)

// The spammers of the Exchange folder.
var (
	guessed  = Case{"guessed", `user:corp\d.mercer`}
	hijacked = Case{"hijacked", "ip:10.2.0.15"}
)

// branch makes the mail of the Exchange server: people who log in from outside the
// office, and application servers that may relay.
type branch struct {
	seed   uint64
	people []Person
	days   []time.Time
}

func (b *branch) sessions() []*Session {
	var all []*Session
	for _, day := range b.days {
		c := newChance(b.seed, "branch "+day.Format(time.DateOnly))
		all = append(all, b.roaming(c, day)...)
		all = append(all, b.applications(c, day)...)
		all = append(all, b.inbound(c, day)...)
		all = append(all, b.probes(c, day)...)
	}
	return all
}

// roaming people log in on port 587. Some mistype the password first.
func (b *branch) roaming(c chance, day time.Time) []*Session {
	var all []*Session
	for i := range b.people {
		p := &b.people[i]
		for range c.times(p.PerDay * 0.4) {
			s := newSession(c.office(day), p.IP, p.Host)
			s.Way, s.TLS, s.Port = Client, i%2 == 0, c.between(49152, 65535)
			if c.odds(0.04) {
				s.fail(p.Account, 1)
			}
			s.Account = p.Account
			s.send(letter(c, p))
			all = append(all, s)
		}
	}
	return all
}

// applications are three servers: the bookkeeping, which mails customers; the
// ticketing, which mails colleagues and customers; the backup, at night.
func (b *branch) applications(c chance, day time.Time) []*Session {
	var all []*Session
	add := func(at time.Time, ip, host, from string, paths ...string) {
		s := newSession(at, ip, host)
		s.Way, s.Port = Relay, c.between(49152, 65535)
		s.send(Message{
			Gap: 4 * time.Millisecond, Transfer: c.span(60*time.Millisecond, 200*time.Millisecond),
			From: from, To: to(paths...), ID: c.messageID(host), Size: c.size(3000),
		})
		all = append(all, s)
	}
	for range 3 {
		add(c.office(day), "10.2.0.11", "erp01", "invoices@"+OwnDomain, favourite(c, b.people[c.IntN(len(b.people))].Partners))
	}
	for i := range 5 {
		p := &b.people[c.IntN(len(b.people))]
		path := p.Address
		if i%3 == 0 {
			path = favourite(c, p.Partners)
		}
		add(c.office(day), "10.2.0.15", "tickets01", "support@"+OwnDomain, path)
	}
	add(day.Add(time.Hour+c.span(0, 9*time.Minute)), "10.2.0.18", "backup01", "backup@"+OwnDomain, b.people[0].Address, b.people[1].Address)
	return all
}

// inbound is mail from outside, by the gateway or, once a day, over IPv6, and an
// attempt to relay that is refused.
func (b *branch) inbound(c chance, day time.Time) []*Session {
	var all []*Session
	for i := range 5 {
		p := &b.people[c.IntN(len(b.people))]
		from := favourite(c, p.Partners)
		s := newSession(c.office(day), gatewayIP, "gw."+OwnDomain)
		if i == 0 {
			s.Client, s.HELO = "2001:db8:5::25", "mx6.example.org"
		}
		s.Port, s.MailArg, s.Pipelined = c.between(20_000, 60_000), "sized", i%3 == 1
		s.send(Message{
			Gap: 12 * time.Millisecond, Transfer: c.span(80*time.Millisecond, 400*time.Millisecond),
			From: from, To: to(p.Address), ID: c.messageID(domainOf(from)), Size: c.size(9000),
		})
		all = append(all, s)
	}
	s := newSession(day.Add(c.span(6*time.Hour, 20*time.Hour)), "203.0.113.140", "User")
	s.Port, s.Pipelined = c.between(20_000, 60_000), true
	s.send(Message{Gap: refusal + time.Second, From: "test@" + OwnDomain, To: []Recipient{{"relaytest@webmail.example", 550}}})
	return append(all, s)
}

// probes are the server's own health probe and the load balancer's, which says
// nothing.
func (b *branch) probes(c chance, day time.Time) []*Session {
	var all []*Session
	for hour := 7; hour < 19; hour += 4 {
		at := day.Add(time.Duration(hour) * time.Hour)
		s := newSession(at.Add(58*time.Minute+c.span(0, 110*time.Second)), exIP, exFQDN)
		s.Port = c.between(20_000, 60_000)
		s.send(Message{
			Gap: 2 * time.Millisecond, Transfer: 60 * time.Millisecond, From: "HealthMailbox6f31c0d9a4e24f2c@" + OwnDomain,
			To: to("HealthMailbox6f31c0d9a4e24f2c@" + OwnDomain), ID: c.messageID(exFQDN), Size: 1104,
		})
		silent := newSession(at.Add(c.span(0, 50*time.Minute)), "10.0.0.5", "")
		silent.Greet, silent.Port = "", c.between(20_000, 60_000)
		all = append(all, s, silent)
	}
	return all
}

// guessedAccount is 40 failed logins for one account, then a right guess, and the
// account mails 400 strangers, ten a message.
func guessedAccount(seed uint64, list *strangers, mercer *Person, day time.Time) []*Session {
	const client = "198.51.100.77"
	c := newChance(seed, "guessed")
	var all []*Session
	for i := range 8 {
		s := newSession(day.Add(2*time.Hour+31*time.Minute+time.Duration(i)*3*time.Minute), client, "WIN-PC")
		s.Way, s.TLS, s.Port = Client, true, c.between(40_000, 60_000)
		s.fail(mercer.Account, 5)
		all = append(all, s)
	}
	at := day.Add(3*time.Hour + 5*time.Minute + 11*time.Second)
	for range 4 {
		s := newSession(at, client, "WIN-PC")
		s.Way, s.TLS, s.Port, s.Account, s.Case = Client, true, c.between(40_000, 60_000), mercer.Account, guessed
		for range 10 {
			s.Pause = c.span(8*time.Second, 30*time.Second)
			s.send(Message{
				Gap: c.span(100*time.Millisecond, 500*time.Millisecond), Transfer: c.span(300*time.Millisecond, 900*time.Millisecond),
				From: mercer.Address, To: to(list.at(list.domain(), 10)...), ID: c.messageID("win-pc"), Size: 6200 + c.IntN(100),
			})
		}
		all = append(all, s)
		at = s.End.Add(c.span(5*time.Second, 15*time.Second))
	}
	return all
}

// hijackedApplication is the ticketing server, whose right to relay somebody uses
// for strangers, each message with another reverse-path outside. The relay takes
// every recipient: that many do not exist shows only at delivery.
func hijackedApplication(seed uint64, list *strangers, day time.Time) []*Session {
	c := newChance(seed, "hijacked")
	var all []*Session
	for at := day.Add(13*time.Hour + 21*time.Minute); at.Before(day.Add(14*time.Hour + 20*time.Minute)); {
		s := newSession(at, "10.2.0.15", "tickets01")
		s.Way, s.Port, s.Case, s.Pipelined = Relay, c.between(49152, 65535), hijacked, true
		for range c.between(3, 6) {
			s.Pause = c.span(10*time.Second, 50*time.Second)
			s.send(Message{
				Gap: c.span(2*time.Millisecond, 9*time.Millisecond), Transfer: c.span(60*time.Millisecond, 250*time.Millisecond),
				From: list.at(list.domain(), 1)[0], To: to(list.at(list.domain(), c.between(3, 6))...), ID: c.messageID("tickets01"), Size: 3900 + c.IntN(60),
			})
		}
		all = append(all, s)
		at = s.End.Add(c.span(2*time.Minute, 6*time.Minute))
	}
	return all
}

// Exchange is the folder of the Exchange server EX01 over a number of days from
// Wednesday, 2026-11-04. The ticketing server is hijacked on the first day, the
// account is guessed on the second. The hub's receive log is switched on for the
// second day only: every mail of that day stands in two receive logs.
func Exchange(seed uint64, days int) Scene {
	b := &branch{seed: seed, days: daysFrom(firstDay.AddDate(0, 0, 1), days)}
	b.people = staff(newChance(seed, "roaming staff"), 41, 11, "10.3.0", "203.0.113")
	for i := range b.people {
		if i%2 == 1 {
			b.people[i].Host = "laptop-" + itoa(i)
		}
	}
	mercer := &b.people[5]
	mercer.Name, mercer.Address, mercer.Account = "Dana Mercer", "dana.mercer@"+OwnDomain, `CORP\d.mercer`
	mercer.Host, mercer.PerDay = "laptop-5", 3
	sessions := b.sessions()
	list := newStrangers(seed + 1)
	for i, day := range b.days {
		switch i {
		case 0:
			sessions = append(sessions, hijackedApplication(seed, list, day)...)
		case 1:
			sessions = append(sessions, guessedAccount(seed, list, mercer, day)...)
		}
	}
	byStart(sessions)
	server := newExServer()
	front, hub, send := &exLog{server: server}, &exLog{server: server}, &exLog{server: server}
	hub.hub(front.front(sessions, firstDay.AddDate(0, 0, 2)))
	for _, d := range deliveries(seed+1, sessions, 0.35, 0.3) {
		send.delivery(d)
	}
	send.unreachable(b.days[0].Add(10*time.Hour+17*time.Minute), "203.0.113.9", "gone.example")
	var files []File
	files = append(files, front.hourly("FrontEnd/ProtocolLog/SmtpReceive", "RECV", "SMTP Receive Protocol Log")...)
	files = append(files, hub.hourly("Hub/ProtocolLog/SmtpReceive", "RECV", "SMTP Receive Protocol Log")...)
	files = append(files, send.hourly("Hub/ProtocolLog/SmtpSend", "SEND", "SMTP Send Protocol Log")...)
	return Scene{files, truth(sessions, guessed.Name, hijacked.Name)}
}

// front writes the front end's log and returns the messages of the given day in
// the order in which they go on to the hub.
func (l *exLog) front(sessions []*Session, day time.Time) []proxied {
	var on []proxied
	for _, s := range sessions {
		id, replies := l.frontSession(s)
		for i, reply := range replies {
			m := &s.Messages[i]
			if reply != "" && !m.At.Before(day) && m.endAt().Before(day.AddDate(0, 0, 1)) {
				on = append(on, proxied{s, m, id, reply})
			}
		}
	}
	slices.SortStableFunc(on, func(a, b proxied) int { return cmp.Compare(a.m.dataAt().UnixMilli(), b.m.dataAt().UnixMilli()) })
	return on
}
