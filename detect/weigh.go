package detect

import (
	"math"
	"time"
)

// Weigher tells how a sequential rule weighs a recipient: by the logarithm of how
// much likelier spam shows what is seen of it than the submitter's own mail does.
// The weights are summed up (Page's CUSUM, which never falls below 0): so a slow
// list tells as much as a fast one, and what people do all day takes it down again.
//
// Shares are from 0 to 1. A term whose shares are all 0 is not weighed.
type Weigher struct {
	Novelty  [novelties]float64 // Shares under spam: known to the submitter, known here, new to all.
	External float64            // Share of recipients outside under spam.
	Refused  float64            // Share that is refused for good under spam.
	Returned float64            // Share that remote servers refuse for good under spam: told late, of each outcome by itself.
	Path     [paths]float64     // Shares of the reverse-path under spam: usual for the submitter, another of an own domain, foreign.
	Weights  termWeights

	Temper      float64       // Of the sum of terms: they depend on each other.
	Least, Most float64       // A recipient weighs no less and no more, in nats.
	Later       float64       // The j-th recipient of a message weighs 1/j^Later.
	First       int           // Recipients of a message that accuse: later ones only take down the sum. 0 is all.
	Crowd       int           // A message to more is for everybody: after them, First others take back what those accused by. 0 is never.
	HalfLife    time.Duration // After which half of the sum is forgotten.
	Ceiling     float64       // The sum grows no further: who stopped is through with it in a day or two.
	Support     float64       // What support rules may add in all, in nats.
	lateOnly    bool          // It weighs what becomes of mail, and nothing else.
	later       []float64     // By j, from 0: 1/j^Later of the first recipients of a message, see part. nil: it is not at hand.
	Watch       float64       // From this sum on, the day is hardly learnt: it may be the beginning. 0 is never.
}

// termWeights are how much of a term counts. An hour is weighed only with a weight:
// under spam all hours are alike.
type termWeights struct {
	Novelty, External, Refused, Returned, Path, Hour float64
}

// novelty tells to whom a recipient is new.
type novelty uint8

const (
	known     novelty = iota // The submitter mailed it before, or did under this reverse-path.
	knownHere                // Somebody here did, or it wrote to somebody here.
	newToAll
	novelties
)

// pathUse tells whose reverse-path a transaction has.
type pathUse uint8

const (
	usualPath   pathUse = iota // Used by the submitter on an earlier day.
	changedPath                // Another of an own domain.
	foreignPath
	paths
	noPath // Null, or not told: it is not weighed.
)

// told are the facts of one recipient that are weighed.
type told struct {
	novelty  novelty
	path     pathUse
	external bool
	refused  bool // For good, and not tried before.
	late     bool // It is what became of a recipient: only refused counts, and hour tells when.
	skip     bool // A recipient that was refused before and is tried again: it tells nothing new.
	hour     uint8
	nth      int32 // Of its transaction, from 1.
}

// own are the shares of a submitter's own mail, as far as they are known, filled up
// with those of the submitters like it.
type own struct {
	novelty  [novelties]float32 // All 0: novelty tells nothing yet.
	external float32
	refused  float32
	returned float32
	path     [paths]float32
	hours    [24]float32
}

// weights is what each fact weighs for a submitter today, before tempering.
type weights struct {
	idle     bool // Nobody's novelty is known yet: nothing is weighed that rests on it.
	novelty  [novelties]float64
	external [2]float64
	refused  [2]float64
	returned [2]float64
	path     [paths]float64

	hour   float64 // Of the hour hourOf: mostly the next recipient comes in the same.
	hourOf uint8   // Plus 1; 0 is none.
}

// ratio is the weight of a fact that has these shares under spam and in own mail.
func ratio(weight, spam float64, own float32) float64 {
	return weight * math.Log(spam/float64(own))
}

// against weighs what spam shows against what is usual. A share of 0 is not known:
// its fact weighs nothing.
func (w *Weigher) against(o *own) *weights {
	t := new(weights)
	t.idle = w.Novelty != [novelties]float64{} && o.novelty == [novelties]float32{}
	for i, share := range w.Novelty {
		if share > 0 && o.novelty[i] > 0 {
			t.novelty[i] = ratio(w.Weights.Novelty, share, o.novelty[i])
		}
	}
	if w.External > 0 && o.external > 0 {
		t.external = [2]float64{ratio(w.Weights.External, 1-w.External, 1-o.external), ratio(w.Weights.External, w.External, o.external)}
	}
	if w.Refused > 0 {
		t.refused = [2]float64{ratio(w.Weights.Refused, 1-w.Refused, 1-o.refused), ratio(w.Weights.Refused, w.Refused, o.refused)}
	}
	for i, share := range w.Path {
		if share > 0 && o.path[i] > 0 {
			t.path[i] = ratio(w.Weights.Path, share, o.path[i])
		}
	}
	return t
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// weigh is what one recipient weighs, in nats, for whom o is usual and t follows from it.
func (w *Weigher) weigh(t *weights, o *own, f *told) float64 {
	if f.late {
		return max(w.Least, min(w.Temper*t.returned[index(f.refused)], w.Most))
	}
	if t.idle {
		return 0
	}
	sum := t.novelty[f.novelty] + t.external[index(f.external)] + t.refused[index(f.refused)]
	if w.Weights.Hour > 0 {
		if t.hourOf != f.hour+1 {
			// Half of the spam keeps to the hours of whom it uses.
			hour := o.hours[f.hour]
			t.hour, t.hourOf = ratio(w.Weights.Hour, 0.5/24+0.5*float64(hour), hour), f.hour+1
		}
		sum += t.hour
	}
	if f.path < paths {
		sum += t.path[f.path]
	}
	nats := max(w.Least, min(w.Temper*sum, w.Most))
	nth := int(f.nth)
	if nats > 0 && w.First > 0 && nth > w.First {
		nth -= w.Crowd
		if w.Crowd == 0 || nth < 1 || nth > w.First {
			return 0
		}
		nats = -nats
	}
	if nth > 1 && w.Later > 0 {
		nats *= w.part(nth)
	}
	return nats
}

// manyRecipients is from how many recipients of a message on what one of them weighs is
// computed each time.
const manyRecipients = 64

// prepare computes what is asked for at each recipient.
func (w *Weigher) prepare() {
	later := make([]float64, manyRecipients)
	for j := range later {
		later[j] = w.part(j)
	}
	w.later = later
}

// part is what is left of the weight of the j-th recipient of a message.
func (w *Weigher) part(j int) float64 {
	if j < len(w.later) {
		return w.later[j]
	}
	return math.Pow(float64(j), -w.Later)
}

// Fade is what is left of a sum, in nats, after some seconds: half after HalfLife.
func (w *Weigher) Fade(sum float64, seconds int64) float64 {
	if sum == 0 || seconds <= 0 {
		return sum
	}
	return sum * math.Exp2(-float64(seconds)/w.HalfLife.Seconds())
}

// grown is what a sum becomes with a recipient that weighs nats, some seconds after the
// last. Who shows or checks an accusation adds it up as it was judged.
func (w *Weigher) grown(sum float64, seconds int64, nats float64) float64 {
	return min(w.Fade(sum, seconds)+nats, w.Ceiling)
}
