package traffic

import "slices"

// sum is what the letters so far amount to.
func (k *measurer) sum(stretches int) *Measures {
	m := &Measures{
		Senders: len(k.rate) / max(stretches, 1),
		Rate:    quantiles(k.rate), Dispersion: quantiles(k.dispersion), Single: quantiles(k.single), PeakHour: quantiles(k.peak),
		Distinct: quantiles(k.distinct), Top1: quantiles(k.top1), Top5: quantiles(k.top5),
		SingleAll: 1 - ratio(float64(len(k.many)), k.messages), Recipients: quantiles(k.many), SameSet: ratio(k.sameSets, float64(len(k.many))),
		Rank: quantiles(k.ranks), Reply: ratio(k.replies, k.messages), WroteTo: ratio(k.wrote, k.news),
		Gaps: quantiles(k.gaps), Weekdays: shares(k.weekdays),
	}
	m.Hours[0], m.Hours[1] = hourShares(k.hours[0]), hourShares(k.hours[1])
	for _, n := range k.newOf {
		if n[0] > 0 {
			m.New = append(m.New, ratio(n[1], n[0]))
		}
	}
	for _, n := range k.newOn {
		m.NewByDay = append(m.NewByDay, ratio(n[1], n[0]))
	}
	i, _ := slices.BinarySearch(k.gaps, closeGap+1) // quantiles sorted them.
	m.Close, m.CloseGaps = ratio(float64(i), float64(len(k.gaps))), quantiles(k.gaps[:i])
	return m
}

// endStretch keeps what differs between senders.
func (k *measurer) endStretch() {
	for _, s := range k.order {
		if s.messages == 0 {
			continue
		}
		mean, variance := s.workdays(k.days)
		k.rate = append(k.rate, mean)
		if mean >= 1 {
			k.dispersion = append(k.dispersion, variance/mean)
		}
		if s.messages >= 20 {
			k.single = append(k.single, s.single/s.messages)
		}
		k.peak = append(k.peak, s.peaks()...)
		if s.events < 50 {
			continue
		}
		one, five := s.top()
		k.distinct = append(k.distinct, float64(len(s.count)))
		k.top1, k.top5 = append(k.top1, one), append(k.top5, five)
	}
}

// workdays are mean and variance of the messages a workday.
func (s *measured) workdays(days int) (mean, variance float64) {
	var n, sum, squares float64
	for day := range days {
		if day%daysAWeek < 5 {
			n++
			sum += s.perDay[day]
			squares += s.perDay[day] * s.perDay[day]
		}
	}
	mean = ratio(sum, n)
	return mean, ratio(squares, n) - mean*mean
}

// peaks are the recipients in the busiest hour of each day with mail.
func (s *measured) peaks() []float64 {
	most := map[int]float64{}
	for hour, n := range s.perHour {
		most[hour/24] = max(most[hour/24], n)
	}
	var all []float64
	for _, n := range most {
		all = append(all, n)
	}
	return all
}

// top is the share of the one and of the five most frequent recipients.
func (s *measured) top() (one, five float64) {
	var counts []int
	for _, n := range s.count {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	for _, n := range counts[:min(5, len(counts))] {
		five += float64(n)
	}
	return ratio(float64(counts[0]), float64(s.events)), ratio(five, float64(s.events))
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func shares(counts [7]float64) [7]float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	for i := range counts {
		counts[i] = ratio(counts[i], sum)
	}
	return counts
}

func hourShares(counts [24]float64) [24]float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	for i := range counts {
		counts[i] = ratio(counts[i], sum)
	}
	return counts
}
