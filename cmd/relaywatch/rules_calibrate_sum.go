package main

import (
	"maps"
	"slices"

	"relaywatch/detect"
	"relaywatch/mail"
)

func newChannelCost(r *detect.Rule, now float64) *channelCost {
	tried := map[float64]bool{now: true}
	for t := leastThreshold; t <= mostThreshold; t++ {
		tried[float64(t)] = true
	}
	return &channelCost{rule: r, now: now, thresholds: slices.Sorted(maps.Keys(tried)), states: map[mail.Submitter]*scoreState{}}
}

// margin is how far the ceiling of a sum is above its threshold: a higher threshold has
// a higher ceiling, so that a submitter is through with it as soon as now.
func margin(r *detect.Rule) float64 {
	now, _ := r.Threshold()
	return max(0, r.Weigher.Ceiling-now)
}

// scoreState is how the sums of a submitter stand, one for each threshold with its
// ceiling, and on which days they were reached.
type scoreState struct {
	sums []float64 // Of a sequential rule.
	at   mail.Time // Of the last row.
	days []dayOver
}

// dayOver is which thresholds were reached on a day, a bit for each.
type dayOver struct {
	day  int32
	over uint64
}

// see adds a row to the sums. Rows that do not count fill them only.
func (ch *channelCost) see(s *detect.Scored, day int32, counts bool, verdicts []detect.Verdict) {
	st := ch.states[s.Submitter]
	if st == nil {
		st = &scoreState{sums: make([]float64, len(ch.thresholds))}
		ch.states[s.Submitter] = st
	}
	if ch.rule.Weigher != nil {
		ch.sum(st, s, verdicts)
	}
	if !counts {
		return
	}
	// Days come in order, but for one that begins twice as a clock is put back.
	if n := len(st.days); n == 0 || st.days[n-1].day < day {
		st.days = append(st.days, dayOver{day: day})
		ch.count++
	}
	if over := ch.reached(st, s); over != 0 && s.Holds() {
		st.days[len(st.days)-1].over |= over
	}
}

// sum does what the engine does with its one sum, for each ceiling.
func (ch *channelCost) sum(st *scoreState, s *detect.Scored, verdicts []detect.Verdict) {
	for _, v := range verdicts {
		if v.Submitter == s.Submitter && st.at <= v.Until && v.Until < s.At {
			clear(st.sums) // What follows a false alarm is judged on its own.
		}
	}
	seconds := int64(s.At - st.at)
	above := margin(ch.rule)
	for i, t := range ch.thresholds {
		st.sums[i] = max(0, min(ch.rule.Weigher.Fade(st.sums[i], seconds)+s.Nats, t+above))
	}
	st.at = s.At
}

// reached has a bit for each threshold that is reached.
func (ch *channelCost) reached(st *scoreState, s *detect.Scored) uint64 {
	over := uint64(0)
	for i, t := range ch.thresholds {
		score := s.Score
		if ch.rule.Weigher != nil {
			if score = st.sums[i]; score > 0 {
				score += s.Support
			}
		}
		if score >= t {
			over |= 1 << i
		}
	}
	return over
}

// alarms counts the runs of days on which threshold i was reached.
func (st *scoreState) alarms(i int, each func(first, last int32)) (n int) {
	over := func(d dayOver) bool { return d.over&(1<<i) != 0 }
	for k := 0; k < len(st.days); k++ {
		if !over(st.days[k]) {
			continue
		}
		first := st.days[k].day
		for k+1 < len(st.days) && st.days[k+1].day == st.days[k].day+1 && over(st.days[k+1]) {
			k++
		}
		n++
		each(first, st.days[k].day)
	}
	return n
}
