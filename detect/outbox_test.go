package detect

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"relaywatch/mail"
)

// plainOutbox is what an outbox does, without any index.
type plainOutbox struct {
	entries []plainEntry // In the order of time.
}

type plainEntry struct {
	hash  uint32
	at    mail.Time
	who   uint32
	marks uint8
}

func (o *plainOutbox) settle(hash uint32, now mail.Time, mark, unless uint8) (who uint32, at mail.Time, again, ok bool) {
	var same []*plainEntry
	for i := len(o.entries) - 1; i >= 0 && now-o.entries[i].at < afterDay && len(o.entries)-i <= maxPosted && len(same) < maxSame; i-- {
		if o.entries[i].hash == hash {
			same = append(same, &o.entries[i])
		}
	}
	i := slices.IndexFunc(same, func(e *plainEntry) bool { return e.marks&(mark|unless) == 0 })
	if i < 0 {
		return 0, 0, false, false
	}
	again = slices.ContainsFunc(same, func(e *plainEntry) bool { return e.who == same[i].who && e.marks&mark != 0 })
	same[i].marks |= mark
	return same[i].who, same[i].at, again, true
}

// outboxStep is a recipient, or an outcome where mark is set.
type outboxStep struct {
	hash         uint32
	at           mail.Time
	who          uint32
	mark, unless uint8
}

type outboxAnswer struct {
	who       uint32
	at        mail.Time
	again, ok bool
}

func (s *outboxStep) plain(o *plainOutbox) (a outboxAnswer) {
	if s.mark == 0 {
		o.entries = append(o.entries, plainEntry{hash: s.hash, at: s.at, who: s.who})
		return a
	}
	a.who, a.at, a.again, a.ok = o.settle(s.hash, s.at, s.mark, s.unless)
	return a
}

func (s *outboxStep) on(o *outbox) outboxAnswer {
	if s.mark == 0 {
		o.add(s.hash, s.at, s.who)
		return outboxAnswer{}
	}
	found, again, ok := o.settle(s.hash, s.at, s.mark, s.unless)
	return outboxAnswer{found.who, found.at, again, ok}
}

// An outbox answers as a list that is searched, and so does one that was forked off and
// is ahead of it by some steps, which the first then makes after it.
func TestOutboxIsAList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var steps []outboxStep
		at := mail.Time(1_700_000_000)
		for range rapid.IntRange(0, 300).Draw(rt, "steps") {
			at += mail.Time(rapid.SampledFrom([]int{0, 0, 0, 1, 1000, 40000}).Draw(rt, "gap"))
			s := outboxStep{hash: rapid.SampledFrom([]uint32{1, 1, 1, 2, 1 << 6, 1<<6 + 1, 1 << 31}).Draw(rt, "hash"), at: at, who: rapid.Uint32Range(1, 3).Draw(rt, "who")}
			switch rapid.IntRange(0, 4).Draw(rt, "kind") {
			case 0:
				s.mark = wasDeferred
			case 1:
				s.mark = wasRefused
			case 2:
				s.mark, s.unless = wasDelivered, wasRefused
			}
			steps = append(steps, s)
		}
		plain := new(plainOutbox)
		var want []outboxAnswer
		for i := range steps {
			want = append(want, steps[i].plain(plain))
		}
		whole := new(outbox)
		ahead := whole.fork()
		judged, previewed := 0, 0 // Steps of whole, and of ahead.
		for judged < len(steps) {
			turn := rapid.IntRange(0, 20).Draw(rt, "turn")
			if turn == 0 {
				ahead, previewed = whole.fork(), judged
			}
			o, i := whole, &judged
			if previewed < len(steps) && (turn <= 10 || judged == previewed) { // It is never behind.
				o, i = ahead, &previewed
			}
			if got := steps[*i].on(o); got != want[*i] {
				rt.Fatalf("step %d, %+v: got %+v; want %+v", *i, steps[*i], got, want[*i])
			}
			*i++
		}
	})
}

// Of a flood the newest maxPosted recipients are known, in a fork too.
func TestOutboxIsBounded(t *testing.T) {
	o := new(outbox)
	const at = 1_700_000_000
	for i := range uint32(maxPosted + 9) {
		o.add(i, at, 1)
	}
	fork := o.fork()
	fork.add(7, at, 2)
	for _, c := range []struct {
		name string
		of   *outbox
		hash uint32
		want bool
	}{
		{"the oldest", o, 9, true},
		{"one that had to go", o, 8, false},
		{"one that has to go in the fork", fork, 9, false},
		{"the oldest of the fork", fork, 10, true},
		{"the newest of the fork", fork, 7, true},
	} {
		if _, _, ok := c.of.settle(c.hash, at, wasRefused, 0); ok != c.want {
			t.Errorf("%s: got %t; want %t", c.name, ok, c.want)
		}
	}
	if len(o.ring) != maxPosted {
		t.Errorf("got room for %d; want %d", len(o.ring), maxPosted)
	}
}
