package traffic

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attackFacts is what an attack must be in every world.
type attackFacts struct {
	least, most int // Recipients accepted.
	hourly      int // The most of one submitter within an hour.
	external    float64
	submitters  int // At least.
	check       func(w *World, sp *Spammer) string
}

var factsOf = map[string]attackFacts{
	"blaster":     {least: 1797, most: 5400, hourly: 4300, external: 1, submitters: 1},
	"clean-list":  {least: 600, most: 1500, hourly: 420, external: 1, submitters: 1},
	"night-owl":   {least: 60, most: 1400, hourly: 200, external: 1, submitters: 1, check: atNight},
	"hijacked":    {least: 300, most: 1000, hourly: 600, external: 1, submitters: 1, check: guessedFirst},
	"rotating":    {least: 300, most: 1200, hourly: 850, external: 1, submitters: 1, check: rotates},
	"newsletter":  {least: 500, most: 2000, hourly: 1400, external: 1, submitters: 1},
	"crm":         {least: 500, most: 2000, hourly: 1400, external: 1, submitters: 1},
	"device":      {least: 300, most: 1500, hourly: 850, external: 1, submitters: 1},
	"shared-host": {least: 300, most: 1200, hourly: 600, external: 1, submitters: 1, check: behindOne},
	"worm":        {least: 50, most: 59, hourly: 59, external: 0, submitters: 1},
	"phish":       {least: 30, most: 59, hourly: 59, external: 0, submitters: 1, check: strangersInside},
	"low-slow":    {least: 60, most: 1200, hourly: 50, external: 1, submitters: 1, check: inOffice},
	"moonlighter": {least: 20, most: 480, hourly: 30, external: 1, submitters: 1, check: inOffice},
	"snowshoe":    {least: 300, most: 2800, hourly: 30, external: 1, submitters: 10},
	"chorus":      {least: 200, most: 2800, hourly: 30, external: 1, submitters: 7},
	"book":        {least: 50, most: 300, hourly: 300, external: 0.5, submitters: 1, check: allKnown},
	"half-known":  {least: 100, most: 600, hourly: 450, external: 1, submitters: 1, check: mostlyNew},
	"bcc":         {least: 100, most: 400, hourly: 400, external: 1, submitters: 1, check: fewMessages},
	"open-relay":  {least: 100, most: 800, hourly: 1000, external: 1, submitters: 1},
	"warm-up":     {least: 150, most: 2555, hourly: 300, external: 1, submitters: 1, check: doubles},
	"circle":      {least: 10, most: 120, hourly: 120, external: 0, submitters: 1, check: mostlyOwnCircle},
	"circle-bcc":  {least: 10, most: 120, hourly: 120, external: 0, submitters: 1, check: mostlyOwnCircle},
	"backscatter": {least: 150, most: 600, hourly: 600, external: 1, submitters: 1, check: nullPath},
}

func atNight(w *World, sp *Spammer) string {
	for _, row := range sp.Spam {
		if h := row.At.In(w.Zone).Hour(); h >= 7 && h < 22 {
			return "sends by day, at " + row.At.In(w.Zone).String()
		}
	}
	return ""
}

func inOffice(w *World, sp *Spammer) string {
	for _, row := range sp.Spam {
		at := row.At.In(w.Zone)
		if h := at.Hour(); h < 7 || h >= 20 || at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			return "sends out of office hours, at " + at.String()
		}
	}
	return ""
}

// behindOne has the machine told by its name, too.
func behindOne(w *World, sp *Spammer) string {
	for _, row := range sp.Spam {
		switch kind := w.Kinds()["helo:"+strings.ToLower(row.HELO)+"@"+row.Client]; kind {
		case KindTerminal, KindNAT, KindBranch:
		default:
			return "the machine " + row.HELO + " behind " + row.Client + " is of kind " + kind
		}
	}
	return ""
}

func guessedFirst(_ *World, sp *Spammer) string {
	if !sp.Begin.Before(sp.First.Add(-2 * time.Minute)) {
		return "nothing was guessed before the first spam"
	}
	return ""
}

func rotates(_ *World, sp *Spammer) string {
	seen := map[string]bool{}
	for _, row := range sp.Spam {
		seen[row.From] = true
	}
	if len(seen) != sp.Messages {
		return "a reverse-path is used twice"
	}
	return ""
}

func nullPath(_ *World, sp *Spammer) string {
	for _, row := range sp.Spam {
		if row.From != "" {
			return "a reverse-path is not the null one"
		}
	}
	return ""
}

func strangersInside(w *World, sp *Spammer) string {
	ordinary := w.Sessions()
	for i := range w.People {
		if w.People[i].Address != sp.Spam[0].From {
			continue
		}
		contacts := Contacts(ordinary, &w.People[i], w.Day(5))
		for _, row := range sp.Spam {
			if slices.Contains(contacts, row.Path) {
				return row.Path + " is somebody the victim wrote to"
			}
		}
	}
	return ""
}

// mostlyOwnCircle is of those whom the owner of the mailbox writes to.
func mostlyOwnCircle(w *World, sp *Spammer) string {
	i := slices.IndexFunc(w.People, func(p Person) bool { return p.Address == sp.Spam[0].From })
	contacts := Contacts(w.Sessions(), &w.People[i], w.Day(5))
	n := 0
	for _, row := range sp.Spam {
		if slices.Contains(contacts, row.Path) {
			n++
		}
	}
	if share := float64(n) / float64(len(sp.Spam)); share < 0.45 || share > 0.95 {
		return "the owner knew " + strconv.Itoa(n) + " of " + strconv.Itoa(len(sp.Spam))
	}
	return ""
}

func knownShare(w *World, sp *Spammer) float64 {
	known := map[string]bool{}
	for _, s := range w.Sessions() {
		for _, m := range s.Messages {
			for _, r := range m.To {
				known[r.Path] = true
			}
		}
	}
	n := 0
	for _, row := range sp.Spam {
		if known[row.Path] {
			n++
		}
	}
	return float64(n) / float64(len(sp.Spam))
}

func allKnown(w *World, sp *Spammer) string {
	if knownShare(w, sp) < 0.95 {
		return "recipients are strangers"
	}
	return ""
}

func mostlyNew(w *World, sp *Spammer) string {
	if s := knownShare(w, sp); s < 0.35 || s > 0.45 {
		return "two in five should be known"
	}
	return ""
}

func fewMessages(_ *World, sp *Spammer) string {
	if sp.Messages > 4 {
		return "there are more than four messages"
	}
	return ""
}

func doubles(w *World, sp *Spammer) string {
	days := map[string]int{}
	for _, row := range sp.Spam {
		days[row.At.In(w.Zone).Format(time.DateOnly)]++
	}
	n := 5
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if days[day] > n {
			return "a day is more than twice the one before"
		}
		n *= 2
	}
	if full := 5 * (1<<len(days) - 1); len(sp.Spam) < full/3 { // The server may be down, and the last day end early.
		return "the days are not twice those before"
	}
	return ""
}

// attackWorld is a world with machines of the kinds that attacks need, and people
// behind addresses that many share.
func attackWorld(seed uint64, exchange bool) *World {
	return NewWorld(WorldOptions{Seed: seed, People: 60, Days: 20, Exchange: exchange})
}

func attackTruth(t *testing.T, w *World, name string, sessions []*Session) *Spammer {
	t.Helper()
	for _, s := range sessions {
		if s.Case.Name != name {
			t.Fatalf("%s: got a session of %q", name, s.Case.Name)
		}
	}
	all := truth(sessions, name)
	if len(all) != 1 {
		t.Fatalf("%s: got no spam in %d sessions", name, len(sessions))
	}
	return &all[0]
}

func TestAttacksAreWhatTheySay(t *testing.T) {
	made := map[string]int{}
	for seed := range uint64(8) {
		w := attackWorld(seed, seed%2 == 0)
		a := NewAttackers(w, w.Sessions())
		taken := map[string]string{}
		for _, k := range Attacks() {
			facts, ok := factsOf[k.Name]
			if !ok {
				t.Fatalf("no facts of %s", k.Name)
			}
			sessions := a.Attack(k.Name, 5)
			if len(sessions) == 0 {
				continue
			}
			made[k.Name]++
			sp := attackTruth(t, w, k.Name, sessions)
			for _, who := range sp.Submitters {
				if taken[who] != "" {
					t.Errorf("%s is in %s and in %s", who, taken[who], k.Name)
				}
				taken[who] = k.Name
			}
			checkFacts(t, w, sp, facts)
			if length := sp.End.Sub(w.Day(5)); length > time.Duration(k.Days)*24*time.Hour+12*time.Hour {
				t.Errorf("%s: takes %v; want %d days at most", k.Name, length, k.Days)
			}
		}
	}
	for _, k := range Attacks() {
		if made[k.Name] == 0 {
			t.Errorf("%s was never made", k.Name)
		}
	}
}

func checkFacts(t *testing.T, w *World, sp *Spammer, facts attackFacts) {
	t.Helper()
	if sp.Accepted < facts.least || sp.Accepted > facts.most {
		t.Errorf("%s: got %d recipients; want %d to %d", sp.Name, sp.Accepted, facts.least, facts.most)
	}
	if got := float64(sp.External) / float64(sp.Accepted); got < facts.external || facts.external == 0 && got > 0.15 {
		t.Errorf("%s: got %.2f of the recipients outside; want %.2f", sp.Name, got, facts.external)
	}
	if len(sp.Submitters) < facts.submitters {
		t.Errorf("%s: got %d submitters; want %d", sp.Name, len(sp.Submitters), facts.submitters)
	}
	if n := busiestHour(sp); n > facts.hourly {
		t.Errorf("%s: got %d in an hour; want %d at most", sp.Name, n, facts.hourly)
	}
	if facts.check != nil {
		if wrong := facts.check(w, sp); wrong != "" {
			t.Errorf("%s: %s", sp.Name, wrong)
		}
	}
	if sp.First.Before(w.Day(5)) || !sp.Last.Before(w.Day(w.Days)) {
		t.Errorf("%s: got spam from %v to %v; want it from %v on", sp.Name, sp.First, sp.Last, w.Day(5))
	}
}

// busiestHour is the most that one submitter sends within an hour.
func busiestHour(sp *Spammer) int {
	most := 0
	times := map[string][]time.Time{}
	for _, row := range sp.Spam {
		list := append(times[row.Submitter], row.At)
		for list[0].Before(row.At.Add(-time.Hour)) {
			list = list[1:]
		}
		times[row.Submitter] = list
		most = max(most, len(list))
	}
	return most
}

func TestAttackSeedDecides(t *testing.T) {
	make := func(seed uint64) []*Session {
		var all []*Session
		w := attackWorld(seed, true)
		a := NewAttackers(w, w.Sessions())
		for _, k := range Attacks() {
			all = append(all, a.Attack(k.Name, 5)...)
		}
		return all
	}
	if !reflect.DeepEqual(make(3), make(3)) {
		t.Error("got other attacks from seed 3 the second time; want the same")
	}
	if reflect.DeepEqual(make(3), make(4)) {
		t.Error("got the same attacks from seeds 3 and 4; want others")
	}
	if got := NewAttackers(attackWorld(3, true), nil).Attack("no such attack", 5); got != nil {
		t.Errorf("got %d sessions of an unknown attack; want none", len(got))
	}
}

// Names and networks of attacks are reserved ones, and no attack's session has the
// wrong case for its client.
func TestAttackSessions(t *testing.T) {
	w := attackWorld(5, true)
	a := NewAttackers(w, w.Sessions())
	for _, k := range Attacks() {
		for _, s := range a.Attack(k.Name, 5) {
			if s.Failures == nil && s.Case.Submitter != w.Submitter(s) {
				t.Fatalf("%s: got case of %s in a session of %s", k.Name, s.Case.Submitter, w.Submitter(s))
			}
			for _, m := range s.Messages {
				for _, r := range m.To {
					d := domainOf(r.Path)
					if !strings.HasSuffix(d, ".example") && !strings.HasPrefix(d, "example.") {
						t.Fatalf("%s: domain %s is not reserved", k.Name, d)
					}
				}
			}
		}
	}
}
