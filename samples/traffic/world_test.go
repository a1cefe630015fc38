package traffic

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeWorld writes sessions and returns the files with their contents.
func writeWorld(t *testing.T, w *World, sessions []*Session) Scene {
	t.Helper()
	dir := t.TempDir()
	scene, err := w.Write(dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range scene.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(scene.Files[i].Path)))
		if err != nil {
			t.Fatal(err)
		}
		scene.Files[i].Data = data
	}
	return scene
}

// tally is what stands in rows of sessions that clients opened.
type tally struct{ messages, recipients, accepted int }

func tallyOf(sessions []*Session) tally {
	var n tally
	for _, s := range sessions {
		for i := range s.Messages {
			n.messages++
			n.recipients += len(s.Messages[i].To)
			n.accepted += s.Messages[i].accepted()
		}
	}
	return n
}

// Each MAIL and RCPT command of the sessions stands in the log once, in the order of
// time, and none while the server was down.
func TestWorldIISRows(t *testing.T) {
	w := NewWorld(WorldOptions{Seed: 1, People: 60, Days: 28})
	sessions := w.Sessions()
	scene := writeWorld(t, w, sessions)
	var got tally
	last := map[string]time.Time{}
	for _, r := range readW3C(t, scene.Files) {
		if r.at.Before(last[r.file]) {
			t.Fatalf("%s: %v after %v", r.file, r.at, last[r.file])
		}
		last[r.file] = r.at
		if !r.at.Before(w.Down.From) && r.at.Before(w.Down.Until.Truncate(time.Second)) {
			t.Fatalf("got a row at %v while the server was down: %s", r.at, r.line)
		}
		switch {
		case r.outbound():
		case r.verb == "MAIL":
			got.messages++
		case r.verb == "RCPT":
			got.recipients++
			if r.status == "250" {
				got.accepted++
			}
		}
	}
	if want := tallyOf(sessions); got != want {
		t.Errorf("got %+v in the rows; want %+v", got, want)
	}
	if len(scene.Spammers) > 0 {
		t.Errorf("got %d spammers; want none", len(scene.Spammers))
	}
	if len(scene.Files) < 28 || len(scene.Files) > 29 { // Days of people begin on the evening before, in UTC.
		t.Errorf("got %d files; want one a day", len(scene.Files))
	}
}

func TestWorldExchangeRows(t *testing.T) {
	w := NewWorld(WorldOptions{Seed: 2, People: 40, Days: 10, Exchange: true})
	sessions := w.Sessions()
	scene := writeWorld(t, w, sessions)
	var got tally
	next := map[string]int{}
	var last time.Time
	for _, r := range readExchange(t, scene.Files, frontReceive) {
		if r.at.Before(last) {
			t.Fatalf("%s: %v after %v", r.file, r.at, last)
		}
		last = r.at
		if !r.at.Before(w.Down.From) && r.at.Before(w.Down.Until) {
			t.Fatalf("got a row at %v while the server was down: %s", r.at, r.line)
		}
		if r.seq != next[r.session] {
			t.Fatalf("session %s: got sequence number %d; want %d", r.session, r.seq, next[r.session])
		}
		next[r.session]++
		switch {
		case r.event == "<" && strings.HasPrefix(r.data, "MAIL "):
			got.messages++
		case r.event == "<" && strings.HasPrefix(r.data, "RCPT "):
			got.recipients++
		case r.event == ">" && r.data == "250 2.1.5 Recipient OK":
			got.accepted++
		}
	}
	if want := tallyOf(sessions); got != want {
		t.Errorf("got %+v in the rows; want %+v", got, want)
	}
	readExchange(t, scene.Files, hubSend)
}

// Equal options make equal bytes, the sessions can be written twice, and other
// seeds make other bytes.
func TestWorldSeedDecides(t *testing.T) {
	whole := func(w *World, sessions []*Session) []byte {
		var b []byte
		for _, f := range writeWorld(t, w, sessions).Files {
			b = append(append(b, f.Path...), f.Data...)
		}
		return b
	}
	for _, exchange := range []bool{false, true} {
		make := func(seed uint64) *World {
			return NewWorld(WorldOptions{Seed: seed, People: 30, Days: 4, Exchange: exchange})
		}
		w := make(7)
		sessions := w.Sessions()
		first := whole(w, sessions)
		if !bytes.Equal(first, whole(w, sessions)) {
			t.Error("got other rows from the same sessions; want the same")
		}
		if !bytes.Equal(first, whole(w, w.Sessions())) {
			t.Error("got other sessions the second time; want the same")
		}
		again := make(7)
		if !bytes.Equal(first, whole(again, again.Sessions())) {
			t.Error("got other bytes from the same seed; want the same")
		}
		other := make(8)
		if bytes.Equal(first, whole(other, other.Sessions())) {
			t.Error("got the same bytes from another seed; want others")
		}
	}
}

// Every kind of person and machine is there and has mail, and every client is of a
// kind.
func TestWorldKinds(t *testing.T) {
	for _, exchange := range []bool{false, true} {
		w := NewWorld(WorldOptions{Seed: 3, People: 120, Days: 40, Exchange: exchange})
		kinds := w.Kinds()
		seen := map[string]bool{}
		for _, s := range w.Sessions() {
			who := w.Submitter(s)
			if kinds[who] == "" && strings.HasPrefix(s.Client, "10.") && s.Client != exIP && s.Greet != "" {
				t.Fatalf("%s: got no kind; want one", who)
			}
			seen[kinds[who]] = true
			for i := range s.Messages {
				seen[kinds["sender:"+s.Messages[i].From]] = true // Behind a machine that people share.
			}
		}
		var want []string
		for _, g := range groups {
			want = append(want, g.kind)
		}
		want = append(want, KindPerson, KindScanner, KindMonitor, KindBackup, KindTicketing, KindCRM, KindReports, KindNewsletter,
			KindInvoices, KindShop, KindBounces, KindVacation, KindLoop, KindAudit, KindGateway)
		for _, kind := range want {
			if !seen[kind] {
				t.Errorf("exchange %v: no mail of a %s", exchange, kind)
			}
		}
		for _, m := range w.Machines {
			if m.Known != (m.Kind == KindNewsletter || m.Kind == KindAudit) {
				t.Errorf("%s: got known %v", m.Name, m.Known)
			}
		}
	}
}

// Without machines there are people alone, each with an address.
func TestWorldWithoutMachines(t *testing.T) {
	w := NewWorld(WorldOptions{Seed: 3, People: 50, Days: 14, WithoutMachines: true})
	if len(w.Machines) > 0 || !w.Down.From.IsZero() {
		t.Errorf("got %d machines, down %v; want none", len(w.Machines), w.Down)
	}
	owner := map[string]string{}
	for _, s := range w.Sessions() {
		if !strings.HasPrefix(s.Client, "10.1.") || strings.HasPrefix(s.Client, "10.1.90.") {
			continue // Outside, and addresses that go from one to another.
		}
		if from := s.Messages[0].From; owner[s.Client] == "" {
			owner[s.Client] = from
		} else if owner[s.Client] != from {
			t.Fatalf("%s: got mail of %s and %s", s.Client, owner[s.Client], from)
		}
	}
}

// People keep their hours when the clocks go back: in UTC they come an hour later.
func TestWorldDaylightSaving(t *testing.T) {
	var utc, local [2][2]float64 // Before and after: minutes of the day, letters.
	for seed := range uint64(6) {
		w := NewWorld(WorldOptions{Seed: seed, People: 80, Days: 40, Behaviour: BuiltinBehaviours()[0]})
		if a, b := w.Day(20).Sub(w.Day(19)), w.Day(21).Sub(w.Day(20)); a != 24*time.Hour || b != 25*time.Hour {
			t.Fatalf("got days of %v and %v; want 24h and 25h", a, b)
		}
		for _, l := range w.letters {
			if l.From >= len(w.People) || w.People[l.From].Kind != KindPerson {
				continue
			}
			at, after := w.wall(l.At), 0
			if l.day() > 20 {
				after = 1
			}
			utc[after][0] += float64(at.UTC().Hour()*60 + at.UTC().Minute())
			local[after][0] += float64(at.In(w.Zone).Hour()*60 + at.In(w.Zone).Minute())
			utc[after][1]++
			local[after][1]++
		}
	}
	shift := func(sums [2][2]float64) float64 { return sums[1][0]/sums[1][1] - sums[0][0]/sums[0][1] }
	if d := shift(utc); d < 45 || d > 75 {
		t.Errorf("got a shift of %.0f minutes in UTC; want about 60", d)
	}
	if d := shift(local); d < -15 || d > 15 {
		t.Errorf("got a shift of %.0f minutes by the clock; want about none", d)
	}
}

// A world may be as small as one likes.
func TestWorldSmall(t *testing.T) {
	for _, o := range []WorldOptions{{Seed: 1, People: 1, Days: 1}, {Seed: 2, People: 2, Days: 3, Exchange: true}, {Seed: 3, People: 5, Days: 9, First: time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)}} {
		w := NewWorld(o)
		writeWorld(t, w, w.Sessions())
		if len(w.People) != o.People || w.Day(0).Weekday() == 0 {
			t.Errorf("got %d people from %v on; want %d", len(w.People), w.Day(0), o.People)
		}
	}
}

func BenchmarkWorld(b *testing.B) {
	for b.Loop() {
		w := NewWorld(WorldOptions{Seed: 1})
		if _, err := w.Write(b.TempDir(), w.Sessions()); err != nil {
			b.Fatal(err)
		}
	}
}
