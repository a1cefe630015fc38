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
