package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"relaywatch/mail"
)

const (
	natIP   = "10.6.0.1"
	natDays = 20
	infects = noon + natDays*86400 // When the machine of person 3 is infected.
)

// named gives each transaction the HELO name of its person's machine.
func named(ts []mail.Transaction, name func(person, n int) string) []mail.Transaction {
	for i := range ts {
		person := 0
		if _, err := fmt.Sscanf(string(ts[i].ReversePath), "p%d@", &person); err != nil {
			panic(err)
		}
		ts[i].HELO = name(person, i)
	}
	return ts
}

func workstation(person, _ int) string { return fmt.Sprintf("WS-%d", person) }

// behindNAT is an office of so many people, all behind one address.
func behindNAT(people int) []mail.Transaction {
	return named(office{natDays, people, func(int, int) string { return natIP }}.transactions(), workstation)
}

// under sets the reverse-path of transactions.
func under(path mail.Path, ts []mail.Transaction) []mail.Transaction {
	for i := range ts {
		ts[i].ReversePath = path
	}
	return ts
}

// Of the machines behind one address, the infected one is accused: by the name that it
// gave for weeks, whatever sender it forges.
func TestMachineBehindNAT(t *testing.T) {
	for _, people := range []int{5, 15} {
		for name, sent := range map[string][]mail.Transaction{
			"own sender":     named(attack(infects, natIP, 3, 30), workstation),
			"foreign sender": under("news@example.org", named(attack(infects, natIP, 3, 30), workstation)),
			"a colleague's":  under("p1@corp.example", named(attack(infects, natIP, 3, 30), workstation)),
			"in small letters": named(attack(infects, natIP, 3, 30), func(person, _ int) string {
				return fmt.Sprintf("ws-%d", person)
			}),
		} {
			j := judgeAll(t, behindNAT(people), sent)
			if diff := cmp.Diff([]string{"helo:ws-3@10.6.0.1"}, accused(j)); diff != "" {
				t.Errorf("%d people, %s: accused (-want +got):\n%s", people, name, diff)
				continue
			}
			if got := j.Findings[len(j.Findings)-1].Evidence.Behind; got != natIP {
				t.Errorf("%d people, %s: got behind %q; want the address", people, name, got)
			}
		}
	}
}

// Who invents names, or uses those of others, is judged by the address.
func TestInventedNames(t *testing.T) {
	for name, of := range map[string]func(person, n int) string{
		"a new name for each message": func(_, n int) string { return fmt.Sprintf("host%d", n) },
		"a new name":                  func(int, int) string { return "WIN-4711" },
		"none":                        func(int, int) string { return "" },
		"those of its neighbours":     func(_, n int) string { return fmt.Sprintf("WS-%d", n%15) },
	} {
		sent := under("news@example.org", named(attack(infects, natIP, 3, 40), of))
		j := judgeAll(t, behindNAT(15), sent)
		if diff := cmp.Diff([]string{"ip:10.6.0.1"}, accused(j)); diff != "" {
			t.Errorf("%s: accused (-want +got):\n%s", name, diff)
			continue
		}
		if ep := j.Episodes[0]; ep.FirstFlagged > infects+25*60 {
			t.Errorf("%s: accused at %s; want within 25 recipients", name, ep.FirstFlagged)
		}
	}
}

// One machine is not many for its names: not for those that a spammer invents day by
// day, not for the two of its programs, and not for those of machines that had its
// address one after the other.
func TestOneMachineOfManyNames(t *testing.T) {
	desk := office{natDays, 1, func(int, int) string { return natIP }}
	for name, of := range map[string]func(person, n int) string{
		"new ones each day": func(_, n int) string { return fmt.Sprintf("host%d", n) },
		"two programs":      func(_, n int) string { return []string{"WS-1", "backup"}[n%2] },
		"another each week": func(_, n int) string { return fmt.Sprintf("WS-%d", n/30) },
	} {
		mailed := named(desk.transactions(), of)
		sent := named(attack(infects, natIP, 3, 30), func(_, n int) string { return mailed[len(mailed)-1-n%2].HELO })
		if diff := cmp.Diff([]string{"ip:10.6.0.1"}, accused(judgeAll(t, mailed, sent))); diff != "" {
			t.Errorf("%s: accused (-want +got):\n%s", name, diff)
		}
	}
}

// Machines that are told apart find the same mail usual as before: nobody is accused
// for that.
func TestOrdinaryMailBehindNAT(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		mailed := behindNAT(8)
		for i := range mailed {
			if foreign { // Of a firm that was bought: no own domain.
				mailed[i].ReversePath = mail.Path(fmt.Sprintf("p%d@bought.example", i%8))
			}
		}
		if got := accused(judgeAll(t, mailed)); len(got) > 0 {
			t.Errorf("foreign: %v: got %v accused; want nobody", foreign, got)
		}
	}
}

// Who is judged for a row of a shared address does not depend on restarts and previews.
func TestSharedAddressesDependOnRowsAlone(t *testing.T) {
	rules := shipped(t)
	all := slices.Concat(behindNAT(6),
		named(office{natDays, 12, func(int, int) string { return "10.0.5.10" }}.transactions(), func(int, int) string { return "TS01" }),
		under("news@example.org", named(attack(noon+12*86400, natIP, 3, 30), workstation)),
		under("sale@example.org", named(attack(infects-7200, natIP, 4, 40), func(_, n int) string { return fmt.Sprintf("WS-%d", n%6) })))
	for i := range all { // Two at a time may share a second, not a position.
		all[i].Pos.Offset = int64(i) * 1000
		for k := range all[i].Recipients {
			all[i].Recipients[k].Pos.Offset = all[i].Pos.Offset + 1 + int64(k)
		}
	}
	slices.SortStableFunc(all, func(a, b mail.Transaction) int { return int(a.At - b.At) })
	want := newKept()
	e := newEngine(t, rules, corp())
	for i := range all {
		e.Transaction(all[i])
	}
	e.Advance(endOfTime)
	want.merge(e.Take())
	if len(want.episodes) < 3 {
		t.Fatalf("got %d episodes; want those of the machine and of the address", len(want.episodes))
	}
	for seed := range uint64(8) {
		chance := rand.New(rand.NewPCG(seed, 1))
		got, e := newKept(), newEngine(t, rules, corp())
		for i := 0; i < len(all); {
			next := min(len(all), i+1+chance.IntN(700))
			for ; i < next; i++ {
				e.Transaction(all[i])
			}
			e.Advance(all[i-1].At - 1)
			got.merge(e.Take())
			if chance.IntN(2) == 0 {
				got.merge(e.Preview())
			}
			e = newEngine(t, rules, corp())
			if err := e.Restore(got.stored()); err != nil {
				t.Fatal(err)
			}
			for k := range i {
				e.Transaction(all[k])
			}
		}
		e.Advance(endOfTime)
		got.merge(e.Take())
		if diff := cmp.Diff(want.findings, got.findings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d, findings (-at once +in pieces):\n%s", seed, diff)
		}
		if diff := cmp.Diff(want.episodes, got.episodes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d, episodes (-at once +in pieces):\n%s", seed, diff)
		}
	}
}
