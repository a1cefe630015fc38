package main

import (
	"fmt"

	"relaywatch/samples/traffic"
)

// goal is a figure that is wanted, beside the one that was measured.
type goal struct {
	What     string `json:"what"`
	Want     string `json:"want"`
	Measured string `json:"measured"`
	Met      bool   `json:"met"`
}

// goals are what relaywatch is built to reach, honestly compared. A class without
// an attack has no figure, and meets nothing.
func (m *measured) goals() []goal {
	d := &m.Detectors[0]
	all := figuresOf(d.Attacks, everyAttack)
	list, internal := figuresOf(d.Attacks, ofClass(traffic.ClassList)), figuresOf(d.Attacks, ofClass(traffic.ClassInternal))
	slow, book := figuresOf(d.Attacks, ofClass(traffic.ClassSlow)), figuresOf(d.Attacks, ofClass(traffic.ClassBook))
	wrong := rateOf(len(d.FalseAlarms), m.Days.all())
	return []goal{
		found("attacks found", all, 97),
		leak("leak, list attacks", list, 15, 40),
		leak("leak, worm and phish inside", internal, 25, 40),
		found("low and slow, moonlighter, snowshoe found", slow, 95),
		leak("leak of these", slow, 30, 0),
		found("address book found", book, 90),
		leak("leak of these", book, 150, 0),
		{"false alarms in 1,000 submitter-days", "at most 0.5, aim 0.1", wrong.String(), wrong.Days > 0 && wrong.Rate <= 0.5},
		{"precision of episodes", "96 %", fmt.Sprintf("%.1f %%", d.precision()), d.precision() >= 96},
	}
}

func found(what string, f figures, percent int) goal {
	s := share(f.Found, f.N)
	return goal{what, fmt.Sprintf("%d of 100", percent), fmt.Sprintf("%d of %d (%.1f %%)", f.Found, f.N, s), f.N > 0 && s >= float64(percent)}
}

// leak wants a median and, unless it is 0, a 90th percentile.
func leak(what string, f figures, p50, p90 int) goal {
	if p90 == 0 {
		return goal{what, fmt.Sprintf("median %d", p50), fmt.Sprintf("median %d", f.LeakP50), f.N > 0 && f.LeakP50 <= p50}
	}
	return goal{
		what, fmt.Sprintf("median %d, p90 %d", p50, p90), fmt.Sprintf("median %d, p90 %d", f.LeakP50, f.LeakP90),
		f.N > 0 && f.LeakP50 <= p50 && f.LeakP90 <= p90,
	}
}
