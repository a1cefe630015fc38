package traffic

import (
	"math"
	"time"
)

// The measures of the bench log. They are those of a relay for 500 machines: five
// recipients a message, and somewhat more than every fourth recipient a new one.
const (
	benchHosts   = 496
	benchMailers = 4
	benchDays    = 5
	mailerShare  = 0.19 // Of all RCPT rows.
	bookSize     = 260  // Addresses that an ordinary host writes to,
	poolSize     = 95_000
	benchRows    = 1_000_000 // Whose measures these are: pool and mailers shrink with the rows.
)

// Bench is one IIS log with exactly the given number of rows, over five days:
// ordinary hosts, and four mass mailers in many parallel sessions.
func Bench(seed uint64, rowCount int) Scene {
	c := newChance(seed, "bench")
	scale := min(1, float64(rowCount)/benchRows)
	log := &iisLog{}
	var sessions []*Session
	add := func(s *Session) {
		log.session(s)
		sessions = append(sessions, s)
	}
	names := []string{}
	perMailer := int(math.Ceil(590_000 * mailerShare * scale / benchMailers))
	for i := range benchMailers {
		names = append(names, "mailer-"+itoa(i+1))
		for _, s := range massMailer(c, i, perMailer) {
			add(s)
		}
	}
	hosts := benchBooks(c, max(bookSize, int(poolSize*scale)))
	for len(log.all) < rowCount {
		add(benchSession(c, &hosts[c.IntN(len(hosts))]))
	}
	log.sort()
	log.all = log.all[:rowCount]
	files := log.files(
		func(time.Time) string { return "bench.log" },
		func(f *File, at time.Time) {
			f.Data = append(make([]byte, 0, rowCount*150), iisHead(at)...)
		},
	)
	return Scene{files, truth(sessions, names...)}
}

// massMailer sends in twelve parallel sessions for some hours of its own day. It
// is done before the last hours of the log, which are cut to the row.
func massMailer(c chance, n, recipients int) []*Session {
	const workers = 12
	list := &numbered{tag: "m" + itoa(n)}
	client := "10.9.0." + itoa(11+n)
	start := firstDay.AddDate(0, 0, n).Add(time.Duration(1+5*n) * time.Hour)
	var all []*Session
	current := make([]*Session, workers)
	for i := 0; recipients > 0; i++ {
		s := current[i%workers]
		if s == nil || len(s.Messages) == 6 {
			at := start.Add(time.Duration(i) * 300 * time.Millisecond)
			if s != nil {
				at = s.End.Add(c.span(200*time.Millisecond, time.Second))
			}
			s = newSession(at, client, "APP-"+itoa(n+1))
			s.Case = Case{"mailer-" + itoa(n+1), "ip:" + client}
			current[i%workers] = s
			all = append(all, s)
		}
		to := make([]Recipient, min(recipients, c.between(2, 14)))
		for j := range to {
			to[j] = Recipient{list.next(c), 250}
			if c.odds(0.05) {
				to[j].Reply = 550
			}
		}
		recipients -= len(to)
		s.Pause = c.span(100*time.Millisecond, 900*time.Millisecond)
		s.send(Message{
			Gap: c.span(40*time.Millisecond, 700*time.Millisecond), Transfer: c.span(50*time.Millisecond, 600*time.Millisecond),
			From: list.next(c), To: to, ServerID: true, Size: 2200 + c.IntN(90),
		})
	}
	return all
}

// numbered gives out addresses that occur once.
type numbered struct {
	tag string
	n   int
}

func (l *numbered) next(c chance) string {
	l.n++
	return lower(firstNames[c.IntN(len(firstNames))]) + "." + l.tag + itoa(l.n) + "@" + strangerDomains[c.IntN(len(strangerDomains))]
}

// benchHost is an ordinary host.
type benchHost struct {
	ip, name, from string
	book           []string // The usual recipients first.
}

func benchBooks(c chance, pool int) []benchHost {
	paths := make([]string, pool)
	for i := range paths {
		domain := OwnDomain
		if c.odds(0.6) {
			domain = partnerDomains[c.IntN(len(partnerDomains))]
		}
		paths[i] = lower(firstNames[c.IntN(len(firstNames))]+"."+lastNames[c.IntN(len(lastNames))]) + itoa(i) + "@" + domain
	}
	hosts := make([]benchHost, benchHosts)
	for i := range hosts {
		h := &hosts[i]
		h.ip = "10.1." + itoa(i/200) + "." + itoa(20+i%200)
		h.name = "WS-" + itoa(1000+i) + "-OFFICE"
		h.from = lower(firstNames[i%len(firstNames)]+"."+lastNames[i*5%len(lastNames)]) + "@" + OwnDomain
		h.book = make([]string, bookSize)
		for j := range h.book {
			h.book[j] = paths[c.IntN(len(paths))]
		}
	}
	return hosts
}

// benchSession is one session of an ordinary host: mostly one message, mostly to
// few.
func benchSession(c chance, h *benchHost) *Session {
	day := firstDay.AddDate(0, 0, c.IntN(benchDays))
	s := newSession(c.office(day), h.ip, h.name)
	for more := true; more; more = c.odds(0.17) {
		to := make([]Recipient, benchRecipients(c))
		for i := range to {
			to[i] = Recipient{favourite(c, h.book), 250}
			if c.odds(0.004) {
				to[i].Reply = 550
			}
		}
		s.send(Message{
			Gap: c.span(2*time.Millisecond, 60*time.Millisecond), Transfer: c.span(10*time.Millisecond, 900*time.Millisecond),
			From: h.from, To: to, ID: c.messageID(h.name), Size: c.size(6000),
		})
	}
	return s
}

// benchRecipients is how many recipients a message has: five on average.
func benchRecipients(c chance) int {
	switch n := c.IntN(100); {
	case n < 38:
		return 1
	case n < 70:
		return c.between(2, 4)
	case n < 92:
		return c.between(5, 10)
	default:
		return c.between(11, 35)
	}
}
