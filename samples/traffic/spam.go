package traffic

import "time"

// The spammers of the IIS folder.
var (
	infected  = Case{"infected", "ip:10.1.4.7"}
	slow      = Case{"slow", "ip:10.1.7.31"}
	openRelay = Case{"open-relay", "ip:203.0.113.66"}
)

// infectedWorkstation sends to about 600 strangers in about 40 minutes at night,
// in five sessions at a time under one HELO name, each message with another
// reverse-path.
func infectedWorkstation(seed uint64, list *strangers, day time.Time) []*Session {
	const recipients, workers = 600, 5
	c := newChance(seed, "infected")
	start := day.Add(2*time.Hour + 14*time.Minute + 8*time.Second)
	var all []*Session
	current := make([]*Session, workers)
	for i, left := 0, recipients; left > 0; i++ {
		s := current[i%workers]
		if s == nil || len(s.Messages) == 4 {
			at := start.Add(time.Duration(i) * 700 * time.Millisecond)
			if s != nil {
				at = s.End.Add(c.span(time.Second, 4*time.Second))
			}
			s = newSession(at, "10.1.4.7", "WS-RECEPTION")
			s.Greet, s.Case = "HELO", infected
			current[i%workers] = s
			all = append(all, s)
		}
		n := min(left, c.between(5, 11))
		left -= n
		s.Pause = c.span(time.Second, 6*time.Second)
		s.send(Message{
			Gap: c.span(14*time.Second, 22*time.Second), Transfer: c.span(300*time.Millisecond, 1800*time.Millisecond),
			From: list.at(list.domain(), 1)[0], To: to(list.at(list.domain(), n)...), ServerID: true, Size: 2310 + c.IntN(40),
		})
	}
	return all
}

// slowWorkstation is under every fixed limit: some 25 strangers an hour in office
// hours, under the reverse-path of the person who works there.
func slowWorkstation(seed uint64, list *strangers, p *Person, day time.Time) []*Session {
	c := newChance(seed, "slow")
	var all []*Session
	for at := day.Add(8*time.Hour + 52*time.Minute); at.Before(day.Add(17*time.Hour + 40*time.Minute)); {
		s := newSession(at, p.IP, p.Host)
		s.Case = slow
		s.send(Message{
			Gap: c.span(200*time.Millisecond, 900*time.Millisecond), Transfer: c.span(80*time.Millisecond, 700*time.Millisecond),
			From: p.Address, To: to(list.at(list.domain(), c.between(3, 6))...), ID: c.messageID(p.Host), Size: 4100 + c.IntN(300),
		})
		all = append(all, s)
		at = at.Add(c.span(8*time.Minute, 14*time.Minute))
	}
	return all
}

// openRelayHit is an outside client whose mail to outside recipients is taken:
// first one message to see whether it arrives, then three more.
func openRelayHit(seed uint64, list *strangers, day time.Time) []*Session {
	c := newChance(seed, "open relay")
	var all []*Session
	for i, minute := range []int{0, 38, 39, 41} {
		s := newSession(day.Add(4*time.Hour+time.Duration(11+minute)*time.Minute+c.span(0, 20*time.Second)), "203.0.113.66", "win-8k2")
		s.Case, s.NoQuit = openRelay, i > 0
		s.send(Message{
			Gap: c.span(300*time.Millisecond, 600*time.Millisecond), Transfer: c.span(400*time.Millisecond, 900*time.Millisecond),
			From: "info@letters.example", To: to(list.at("campus.example", 1+2*min(i, 1))...), ServerID: true, Size: 1870 + c.IntN(20),
		})
		all = append(all, s)
	}
	return all
}
