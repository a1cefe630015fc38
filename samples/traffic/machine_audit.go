package traffic

import (
	"strings"
	"time"
)

// auditForms are pairs of reverse-path and recipient with which scanners look for
// an open relay: u is the tester's mailbox, d its domain, s the server.
var auditForms = [...][2]string{
	{"", "u@d"},
	{"antispam@d", "u@d"},
	{"antispam@s", "u@d"},
	{"antispam@[ip]", "u@d"},
	{"antispam@[ip]", "u%d@[ip]"},
	{"antispam@[ip]", "u%d@s"},
	{"antispam@[ip]", `"u@d"`},
	{"antispam@[ip]", `"u%d"`},
	{"antispam@[ip]", "u@d@[ip]"},
	{"antispam@[ip]", `"u@d"@[ip]`},
	{"antispam@[ip]", "u@d@s"},
	{"antispam@[ip]", "@[ip]:u@d"},
	{"antispam@[ip]", "@s:u@d"},
	{"antispam@[ip]", "d!u"},
	{"antispam@[ip]", "d!u@[ip]"},
	{"antispam@[ip]", "d!u@s"},
}

// audit is the company's own vulnerability scanner, which probes for an open relay
// once a week. All of it is refused.
func (f *plant) audit() {
	c := newChance(f.w.Seed, "audit")
	weekday, hour := time.Weekday(c.IntN(7)), c.between(20, 22)
	ip, name := iisIP, iisFQDN
	if f.w.Server == "exchange" {
		ip, name = exIP, exFQDN
	}
	fill := strings.NewReplacer("[ip]", "["+ip+"]", "antispam", "antispam", "u", "relaytest", "d", "probe.example", "s", name)
	f.add(Machine{Name: "audit", Kind: KindAudit, IP: "10.0.0.66", Host: "scan01", Known: true},
		func(m *Machine, c chance, n int) []*Session {
			if f.w.weekday(n) != weekday {
				return nil
			}
			var all []*Session
			at := f.w.Clock(n, hour, c.IntN(60))
			for _, form := range auditForms {
				s := f.w.MachineSession(m, at)
				s.Way, s.NoQuit = Default, c.odds(0.5)
				s.send(Message{
					Gap: refusal + c.span(50*time.Millisecond, 500*time.Millisecond), From: fill.Replace(form[0]),
					To: []Recipient{{fill.Replace(form[1]), 550}},
				})
				all = append(all, s)
				at = s.End.Add(c.span(time.Second, 3*time.Second))
			}
			return all
		})
}
