package traffic

import "math"

// Fit makes a model of a data set: it measures stretches of some weeks, and tunes
// what can't be measured until simulated people have these measures.
func Fit(name string, letters []Letter, weeks int) *Model {
	m := &Model{Name: name, Weeks: weeks, Measured: MeasureWeeks(letters, weeks)}
	m.Measured.round()
	w := m.Measured
	m.Tuned = Tuned{
		New: append([]float64(nil), w.New...), Unlike: 0.5, SameSet: w.SameSet, Reply: w.Reply / 2,
		WroteTo: w.WroteTo, Recent: 1.5, Close: w.Close, Irregular: 1, Uneven: 0.3,
	}
	for round := range tuneRounds {
		m.tune(SimulatedMeasures(m, uint64(round)), 2/math.Sqrt(float64(round+4)))
	}
	m.Tuned.round()
	return m
}

const tuneRounds = 40

// SimulatedMeasures are those of simulated people, as many as were measured over
// as many weeks; three organisations of them.
func SimulatedMeasures(m *Model, seed uint64) *Measures {
	var all [][]Letter
	days := m.Weeks * daysAWeek
	for i := range 3 {
		all = append(all, simulate(newChance(seed, "measures "+itoa(i)), m, m.Measured.Senders, days))
	}
	return measure(days, math.MaxInt, all...)
}

// tune moves each parameter towards where got would be what was measured. step is
// 1 for a full correction.
func (m *Model) tune(got *Measures, step float64) {
	t, want := &m.Tuned, m.Measured
	for i := range t.New {
		if i > 0 && i < len(got.New) {
			t.New[i] = move(t.New[i], want.New[i], got.New[i], step, 0.002, 1)
		}
	}
	t.SameSet = move(t.SameSet, want.SameSet, got.SameSet, step, 0.01, 0.95)
	t.Reply = move(t.Reply, want.Reply, got.Reply, step, 0.01, 0.95)
	t.WroteTo = move(t.WroteTo, want.WroteTo, got.WroteTo, step, 0.01, 0.95)
	t.Close = move(t.Close, want.Close, got.Close, step, 0.01, 0.95)
	t.Recent = move(t.Recent, got.Rank.at(0.75), want.Rank.at(0.75), step/2, 1, 6)
	t.Irregular = move(t.Irregular, got.Dispersion.at(0.5), want.Dispersion.at(0.5), step, 0.1, 20)
	t.Uneven = move(t.Uneven, want.Dispersion.at(0.95)/want.Dispersion.at(0.5), got.Dispersion.at(0.95)/got.Dispersion.at(0.5), step, 0.05, 1.5)
	t.Unlike = move(t.Unlike, spread(want.Distinct), spread(got.Distinct), step/2, 0.05, 1.5)
}

func (t *Tuned) round() {
	for i := range t.New {
		t.New[i] = fourDigits(t.New[i])
	}
	for _, v := range []*float64{&t.Unlike, &t.SameSet, &t.Reply, &t.WroteTo, &t.Recent, &t.Close, &t.Irregular, &t.Uneven} {
		*v = fourDigits(*v)
	}
}

// spread is how far the middle half of a distribution reaches, as a factor.
func spread(q Quantiles) float64 { return math.Log(q.at(0.75) / q.at(0.25)) }

// move is value times (want/got) to the power of step, within bounds.
func move(value, want, got, step, least, most float64) float64 {
	if want <= 0 || got <= 0 {
		return value
	}
	return min(most, max(least, value*math.Pow(want/got, step)))
}
