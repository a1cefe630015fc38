package detect

import (
	"testing"

	"relaywatch/mail"
)

// Of a flood the newest are known; what is over is told by nobody, whether it is still
// kept or not.
func TestNewcomersAreBounded(t *testing.T) {
	const begin = mail.Time(1793610000)
	var n newcomers
	for i := range uint64(maxNewcomers + 5) {
		n.begin(i, poster{who: 1}, begin+mail.Time(i/1000))
	}
	now := begin + maxNewcomers/1000 + 1
	fork := n.fork()
	for _, of := range []*newcomers{&n, &fork} {
		for hash, want := range map[uint64]int{0: 0, 4: 0, 5: 2, maxNewcomers: 2} {
			if got := of.join(hash, poster{who: 2}, now); got != want {
				t.Errorf("recipient %d: got %d; want %d", hash, got, want)
			}
		}
	}
	if len(n.of) != maxNewcomers || len(n.queue) != maxNewcomers {
		t.Errorf("got %d, and %d in turn; want %d", len(n.of), len(n.queue), maxNewcomers)
	}
	if got := n.join(maxNewcomers, poster{who: 3}, begin+seconds(Quiet)+maxNewcomers/1000+1); got != 0 {
		t.Errorf("a day later: got %d; want 0", got)
	}
	n.begin(7, poster{who: 4}, begin+2*seconds(Quiet)) // Nobody remembers it, and it begins anew.
	n.begin(8, poster{who: 4}, begin+2*seconds(Quiet))
	if got := n.join(7, poster{who: 2}, begin+2*seconds(Quiet)); got != 2 || len(n.of) != 2 || len(n.queue) != 2 {
		t.Errorf("got %d, %d kept, %d in turn; want 2 of each", got, len(n.of), len(n.queue))
	}
}
