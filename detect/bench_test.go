package detect_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"relaywatch/mail"
)

// BenchmarkEngine judges a day of an office by all shipped rules: a thousand
// people who write to each other and to fifty customers, and a spammer who sends
// every tenth message.
func BenchmarkEngine(b *testing.B) {
	const recipients = 500_000
	day := officeDay(recipients)
	rules := shipped(b)
	b.ReportAllocs()
	for b.Loop() {
		e := newEngine(b, rules, corp())
		for i, t := range day {
			e.Transaction(t)
			if i%10_000 == 0 {
				e.Advance(t.At - 600)
				e.Take()
			}
		}
		e.Advance(endOfTime)
		if found := e.Take().Episodes; len(found) == 0 {
			b.Fatal("got no episode; want the spammer's")
		}
	}
	b.ReportMetric(float64(recipients)*float64(b.N)/b.Elapsed().Seconds(), "recipients/s")
}

// BenchmarkMemory tells what an engine keeps of each of a thousand people and the
// spammer after their day, in bytes: windows, recipients and what is open.
func BenchmarkMemory(b *testing.B) {
	const recipients = 500_000
	day := officeDay(recipients)
	rules := shipped(b)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		e := newEngine(b, rules, corp())
		for i, t := range day {
			e.Transaction(t)
			if i%1000 == 0 {
				e.Advance(t.At)
				e.Take()
			}
		}
		e.Advance(day[len(day)-1].At)
		e.Take()
		b.ReportMetric(float64(heap()-before)/1001, "B/submitter")
		runtime.KeepAlive(e)
	}
}

// BenchmarkMonth tells what an engine keeps of each of a thousand people after thirty
// days of twenty recipients each: their memory, what is usual for them, and the windows
// of the last day.
func BenchmarkMonth(b *testing.B) {
	const people, days, perDay = 1000, 30, 20
	rules := shipped(b)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		e := newEngine(b, rules, corp())
		random := rand.New(rand.NewPCG(1, 2))
		profileBytes := 0
		for n := range people * days * perDay {
			day, person := n/(people*perDay), n%people
			at := noon + mail.Time(day*86400+n%(people*perDay)*3/2)
			// The contacts of a person are some dozens, inside and outside.
			to := fmt.Sprintf("c%d@corp.example", (person*7+int(random.ExpFloat64()*8))%people)
			if n%2 == 0 {
				to = fmt.Sprintf("c%d@d%d.example", person*40+int(random.ExpFloat64()*8), person%300)
			}
			e.Transaction(mail.Transaction{
				Pos: mail.LogPos{Log: 1, Offset: int64(n) * 300}, At: at, ServerIP: "10.0.0.25", HELO: "pc",
				ClientIP: fmt.Sprintf("10.2.%d.%d", person/250, person%250), ReversePath: mail.Path(fmt.Sprintf("p%d@corp.example", person)),
				SizeBytes: 5000, EndAt: at + 1, Outcome: mail.Accepted, Exact: true,
				Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 1, Offset: int64(n)*300 + 50}, At: at, Path: mail.Path(to), Reply: 250}},
			})
			if n%1000 == 0 {
				e.Advance(at)
				for _, p := range e.Take().Profiles {
					profileBytes = len(p.State)
				}
			}
		}
		e.Advance(noon + days*86400)
		e.Take()
		b.ReportMetric(float64(heap()-before)/people, "B/submitter")
		b.ReportMetric(float64(profileBytes), "B/stored-profile")
		runtime.KeepAlive(e)
	}
}

// BenchmarkFollowing tells what an engine keeps while rows come from 20,000 submitters,
// with their day behind it, in MB: at rest, and after two minutes of 500 messages a second
// that are all judged for the time being.
func BenchmarkFollowing(b *testing.B) {
	const people, perSecond, seconds = 20_000, 500, 120
	rules := shipped(b)
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	for b.Loop() {
		before := heap()
		e := newEngine(b, rules, corp())
		random := rand.New(rand.NewPCG(1, 1))
		offset := int64(0)
		send := func(at mail.Time) {
			offset += 400
			who := random.IntN(people)
			to := fmt.Sprintf("p%d@corp.example", (who+random.IntN(8))%people)
			if random.IntN(3) == 0 {
				to = fmt.Sprintf("c%d.%d@d%d.example", who, random.IntN(6), who%2000)
			}
			e.Transaction(mail.Transaction{
				Pos: mail.LogPos{Log: 1, Offset: offset}, At: at, ServerIP: "10.0.0.25", HELO: fmt.Sprintf("ws%d", who),
				ClientIP: fmt.Sprintf("10.2.%d.%d", who/250, who%250), ReversePath: mail.Path(fmt.Sprintf("p%d@corp.example", who)),
				SizeBytes: 20_000, EndAt: at + 1, Outcome: mail.Accepted, Exact: true,
				Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 1, Offset: offset + 50}, At: at, Path: mail.Path(to), Reply: 250}},
			})
		}
		for i := range mail.Time(3 * people) {
			send(noon + i/2)
			if i%6000 == 0 {
				e.Advance(noon + i/2 - 600)
				e.Take()
			}
		}
		now := noon + 86400
		e.Advance(now - 3600)
		e.Take()
		b.ReportMetric(heap()-before, "MB-rest")
		for s := range mail.Time(seconds) {
			for range perSecond {
				send(now + s)
			}
			if s%10 == 9 {
				e.Preview()
			}
		}
		b.ReportMetric(heap()-before, "MB-following")
		runtime.KeepAlive(e)
	}
}

func officeDay(recipients int) []mail.Transaction {
	random := rand.New(rand.NewPCG(1, 2))
	var day []mail.Transaction
	for n := 0; n < recipients; {
		at := noon + mail.Time(n*36000/recipients)
		t := mail.Transaction{
			Pos: mail.LogPos{Log: 1, Offset: int64(n) * 300}, At: at, ServerIP: "10.0.0.25", HELO: "pc",
			SizeBytes: 5000, EndAt: at + 1, Outcome: mail.Accepted,
		}
		spam := random.IntN(10) == 0
		person := random.IntN(1000)
		t.ClientIP = fmt.Sprintf("10.2.%d.%d", person/250, person%250)
		t.ReversePath = mail.Path(fmt.Sprintf("p%d@corp.example", person))
		if spam {
			t.ClientIP, t.ReversePath = "10.1.4.7", mail.Path(fmt.Sprintf("r%d@example.org", n))
		}
		for k := range 5 {
			to := fmt.Sprintf("c%d@corp.example", random.IntN(1000))
			if k%2 == 0 {
				to = fmt.Sprintf("c%d@d%d.example", person*50+random.IntN(50), person%300)
			}
			if spam {
				to = fmt.Sprintf("u%d@example.net", n+k)
			}
			t.Recipients = append(t.Recipients, mail.Recipient{
				Pos: mail.LogPos{Log: 1, Offset: t.Pos.Offset + int64(k)*50}, At: at, Path: mail.Path(to), Reply: 250,
			})
		}
		n += 5
		day = append(day, t)
	}
	return day
}
