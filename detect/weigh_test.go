package detect

import (
	"math"
	"testing"
)

// A message to more than a crowd takes back what its first recipients accused by.
func TestCrowd(t *testing.T) {
	w := &Weigher{Novelty: [novelties]float64{0.2, 0.72, 0.08}, Weights: termWeights{Novelty: 1}, Temper: 1, Least: -3, Most: 3, Later: 0.5, First: 2, Crowd: 4}
	o := &own{novelty: [novelties]float32{0.9, 0.1, 0.05}}
	first := math.Log(0.72 / float64(o.novelty[knownHere]))
	for nth, want := range []float64{1: first, 2: first / math.Sqrt2, 3: 0, 4: 0, 5: -first, 6: -first / math.Sqrt2, 7: 0, 8: 0} {
		f := told{novelty: knownHere, nth: int32(nth)}
		if got := w.weigh(w.against(o), o, &f); nth > 0 && math.Abs(got-want) > 1e-12 {
			t.Errorf("recipient %d: got %g; want %g", nth, got, want)
		}
	}
	f := told{novelty: known, nth: 5}
	if got, want := w.weigh(w.against(o), o, &f), math.Log(0.2/float64(o.novelty[known]))/math.Sqrt(5); math.Abs(got-want) > 1e-12 {
		t.Errorf("one who is known: got %g; want %g", got, want)
	}
}
