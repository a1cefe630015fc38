package detect

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"relaywatch/mail"
)

// Python hashes texts by the same function, with a key of zeros where it is told so.
func TestHashKey(t *testing.T) {
	for text, want := range map[string]uint64{
		"a":                                    0x407448d2b89b1813,
		"0123456":                              0x810aaf7acf670379,
		"01234567":                             0xda3dcedf84ea6cc6,
		"ann@corp.example":                     0xd5e4d77182ac4ed3,
		"somebody.else@subsidiary.example.org": 0xc01c975e87180865,
	} {
		if got := (hashKey{}).of(text); got != want {
			t.Errorf("%s: got %x; want %x", text, got, want)
		}
		if (hashKey{1, 0}).of(text) == want || (hashKey{0, 1}).of(text) == want {
			t.Errorf("%s: got the same with another key", text)
		}
	}
}

// Millions of new addresses, of one submitter or of many, stay within the bounds; and
// whoever is mailed again and again stays known.
func TestMemoryIsBounded(t *testing.T) {
	for submitters, recipients := range map[int]int{1: 1_200_000, 5000: 2_200_000} {
		t.Run(fmt.Sprint(submitters), func(t *testing.T) {
			j := newJudge(nil, new(network))
			heap := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before, most := heap(), uint64(0)
			at := mail.Time(1_800_000_000)
			var all []*subject
			for n := range submitters {
				all = append(all, j.subject(mail.Submitter{Kind: mail.KindIP, Value: fmt.Sprint(n)}, inside))
			}
			for n := range recipients {
				s := all[n%submitters]
				j.remember(s, &part{}, keptOf(uint64(n+1)*0x9E3779B97F4A7C15), at)
				if n%100_000 == 0 && submitters == 1 { // A colleague.
					if _, how := j.remember(s, &part{}, 1, at); n > 0 && how != known {
						t.Errorf("after %d recipients: got somebody who is mailed every day as %d; want known", n, how)
					}
				}
				if n%100_000 == 99_999 {
					j.takeMemory(at)
				}
				if n%1_000_000 == 999_999 || n == recipients-1 {
					most = max(most, heap()-before)
				}
			}
			notes := j.everyone.count + j.everyone.old[0].size
			if notes > maxRemembered {
				t.Errorf("got %d recipients known here; want %d at the most", notes, maxRemembered)
			}
			for _, s := range j.subjects {
				n := s.memory.count
				for _, old := range s.memory.old {
					if old != nil {
						n += old.size
					}
				}
				if n > maxContacts {
					t.Fatalf("%s: got %d recipients remembered; want %d at the most", s.who, n, maxContacts)
				}
			}
			if most > 45e6 {
				t.Errorf("got %d MB; want 45 at the most", most/1e6)
			}
			t.Logf("%d MB, %d recipients known here, turn %d", most/1e6, notes, j.turns.number())
		})
	}
}

// Who is mailed within half a year stays known, who was not for a year is forgotten, and
// who is known to others stays known here.
func TestMemoryAges(t *testing.T) {
	const day = mail.Time(86400)
	j := newJudge(nil, new(network))
	s, other := j.subject(mail.Submitter{Kind: mail.KindIP, Value: "10.1.1.1"}, inside), j.subject(mail.Submitter{Kind: mail.KindIP, Value: "10.1.1.2"}, inside)
	mails := func(s *subject, at mail.Time, recipient uint64) novelty {
		_, how := j.remember(s, &part{}, recipient, at)
		return how
	}
	const often, once, shared = 1, 2, 3
	begin := mail.Time(1_800_000_000)
	for _, recipient := range []uint64{often, once, shared} {
		if got := mails(s, begin, recipient); got != newToAll {
			t.Errorf("recipient %d: got %d; want new to all", recipient, got)
		}
	}
	for at := begin; at < begin+400*day; at += 100 * day {
		mails(other, at, shared)
		if got := mails(s, at, often); got != known {
			t.Errorf("after %d days: got %d; want known", (at-begin)/day, got)
		}
	}
	j.sweep(begin + 401*day)
	for recipient, want := range map[uint64]novelty{often: known, once: newToAll, shared: knownHere} {
		if got := mails(s, begin+402*day, recipient); got != want {
			t.Errorf("recipient %d after 402 days: got %d; want %d", recipient, got, want)
		}
	}
}

// A preview goes on from the memory as it was when it began: it begins anew once that
// is rolled.
func TestPreviewAfterForgetting(t *testing.T) {
	e, err := NewEngine(nil, Site{Internal: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	e.Limit(9) // A submitter's own turn has three.
	mails := func(at mail.Time, to mail.Path) {
		pos := mail.LogPos{Log: 1, Offset: int64(at) * 100}
		e.Transaction(mail.Transaction{
			Pos: pos, At: at, ClientIP: "10.1.1.1", ServerIP: "10.0.0.25", ReversePath: "ann@corp.example",
			Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 1, Offset: pos.Offset + 50}, At: at, Path: to, Reply: 250}},
		})
	}
	mails(1000, "a@example.net")
	mails(1001, "b@example.net")
	e.Advance(1001)
	mails(1002, "c@example.net")
	e.Preview()
	e.Advance(1002)
	mails(1003, "d@example.net")
	e.Preview()
	for _, path := range []mail.Path{"a@example.net", "b@example.net", "c@example.net", "d@example.net"} {
		if s := e.ahead.subjects[mail.Submitter{Kind: mail.KindIP, Value: "10.1.1.1"}]; !s.memory.has(e.judge.network.hashPath(path), 0) {
			t.Errorf("%s: got unknown in the preview; want known", path)
		}
	}
}

// What strangers write to us crowds nobody out.
func TestHeardIsBounded(t *testing.T) {
	site := Site{OwnDomains: []string{"corp.example"}}
	n, err := newNetwork(site)
	if err != nil {
		t.Fatal(err)
	}
	j := newJudge(nil, n)
	j.profiled = true
	j.limits = limits{remembered: 1000, contacts: 500, heard: 100}
	s := j.subject(mail.Submitter{Kind: mail.KindIP, Value: "10.1.1.1"}, inside)
	j.remember(s, &part{}, 1, 1000)
	for i := range 5000 {
		p := &part{class: outside}
		p.transaction.ReversePath = mail.Path(fmt.Sprintf("u%d@example.net", i))
		j.hear(&event{at: 1000, part: p, kind: eventMail})
	}
	if _, how := j.remember(s, &part{}, 1, 1001); how != known || j.turns.heard != 100 || j.turns.number() != 0 {
		t.Errorf("got %d, with %d heard in turn %d; want known, 100 in turn 0", how, j.turns.heard, j.turns.number())
	}
}
