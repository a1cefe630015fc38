package detect

import (
	"cmp"
	"math/bits"
	"slices"

	"relaywatch/mail"
)

// layout is what rules want to be measured, the same for all submitters.
type layout struct {
	spans  []span                   // Rising by length.
	needs  flag                     // What some span counts.
	places int                      // Of counters, in all spans.
	adds   [firstDimension][]uint16 // By flag: where it is counted, in all spans.
	differ [dimensions][]counted    // By dimension: where different values are.
	logs   *logs
}

// counted is where different values are counted in a window.
type counted struct {
	window int
	place  uint16
}

// span is what is measured in windows of one length: what the rules with that window
// ask about, and nothing else. Of a row, most spans count next to nothing.
type span struct {
	length   mail.Time // In seconds.
	signals  []int
	measured []measurement            // How they are measured.
	needs    flag                     // What is counted for them.
	sparse   bool                     // Of most rows that is nothing. Never so of the longest span: it tells how long rows are kept.
	places   [afterCounter + 1]uint16 // By counter, see source: its place in rows.counts; 0: it has none, and nothing is counted there.
}

// seldom are the flags of few rows.
const seldom = isRefused | isRefusedRelay | isRefusedUnknown | isOddForm | isReturned | isDeferred | isBounced | 1<<(firstDimension+flag(byForm))

// counts tells whether a counter has a place.
func (s *span) counts(counter uint8) bool { return s.places[counter] != 0 }

// want adds what a rule measures.
func (l *layout) want(r *Rule) {
	length := seconds(r.Window)
	i, known := slices.BinarySearchFunc(l.spans, length, func(s span, length mail.Time) int { return cmp.Compare(s.length, length) })
	if !known {
		l.spans = slices.Insert(l.spans, i, span{length: length})
	}
	for _, signal := range r.measures {
		// When a share is strongest is told by another signal.
		for _, signal := range [...]int{signal, strength(signal), scaleOf(r, signal)} {
			l.spans[i].measure(signal)
		}
	}
}

// measure adds a signal.
func (s *span) measure(signal int) {
	if !slices.Contains(s.signals, signal) {
		s.signals = append(s.signals, signal)
		s.needs |= signals[signal].needs
	}
}

// measurement is how a signal is measured in a window. In place 0 nothing is counted.
type measurement struct {
	signal int
	how    measuring
	place  uint16    // Of its counter in rows.counts.
	whole  [2]uint16 // Of a share: what it is a part of is in both together.
}

// measuring is what a signal is made of.
type measuring uint8

const (
	asCount measuring = iota
	asShare
	asBytes
	asLargest
)

// measurement is that of a signal, once all counters have their places.
func (s *span) measurement(signal int) measurement {
	m := measurement{signal: signal, place: s.places[signals[signal].counter]}
	accepted, refused := s.places[counterOf(isAccepted)], s.places[counterOf(isRefused)]
	switch signal {
	case sigExternalShare, sigOffHoursShare:
		m.how, m.whole = asShare, [2]uint16{accepted, 0}
	case sigRefusedShare:
		m.how, m.whole = asShare, [2]uint16{accepted, refused}
	case sigBytes:
		m.how = asBytes
	case sigLargestMessage:
		m.how = asLargest
	}
	return m
}

// deciding are the measurements of a condition's signals, and of those that tell when one of
// them was strongest. nil: the window does not tell them all.
func (s *span) deciding(of []int) []measurement {
	var list []measurement
	for _, signal := range of {
		if isBeside(signal) {
			return nil
		}
		for _, m := range s.measured {
			if m.signal == signal || m.signal == strength(signal) {
				list = append(list, m)
			}
		}
	}
	return list
}

// arrange gives each counter its place, once all is known that is wanted.
func (l *layout) arrange() {
	l.places = 1
	for i := range l.spans {
		s := &l.spans[i]
		give := func(counter uint8) {
			if !s.counts(counter) {
				s.places[counter] = uint16(l.places)
				l.places++
			}
		}
		for rest := s.needs; rest != 0; rest &= rest - 1 {
			give(uint8(bits.TrailingZeros64(uint64(rest))))
		}
		for _, signal := range s.signals {
			give(signals[signal].counter)
		}
		for _, signal := range s.signals {
			s.measured = append(s.measured, s.measurement(signal))
		}
		l.needs |= s.needs
		s.sparse = i < len(l.spans)-1 && s.needs&^seldom == 0
		for rest := s.needs; rest != 0; rest &= rest - 1 {
			counter := bits.TrailingZeros64(uint64(rest))
			if place := s.places[counter]; counter < firstDimension {
				l.adds[counter] = append(l.adds[counter], place)
			} else {
				l.differ[counter-firstDimension] = append(l.differ[counter-firstDimension], counted{i, place})
			}
		}
	}
}

// span is the number of the span of a rule.
func (l *layout) span(r *Rule) int {
	return slices.IndexFunc(l.spans, func(s span) bool { return s.length == seconds(r.Window) })
}

// measures tells whether a signal is measured in some span.
func (l *layout) measures(signal int) bool {
	return slices.ContainsFunc(l.spans, func(s span) bool { return slices.Contains(s.signals, signal) })
}

// scaleOf is the signal that a score is made of.
func scaleOf(r *Rule, signal int) int {
	if signal == sigScore && r.Scale != nil {
		return r.Scale.Of
	}
	return signal
}
