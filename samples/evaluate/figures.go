package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"relaywatch/detect"
)

// figures sum some attacks up.
type figures struct {
	N         int           `json:"n"`
	Found     int           `json:"found"`
	LeakP50   int           `json:"leak_p50"`
	LeakP90   int           `json:"leak_p90"`
	LeakMax   int           `json:"leak_max"`
	VolumeP50 int           `json:"volume_p50"`
	DelayP50  time.Duration `json:"delay_p50_ns"` // Of those that were found.
}

// figuresOf sums the attacks up that are wanted.
func figuresOf(attacks []attackResult, wanted func(attackResult) bool) figures {
	var f figures
	var leaks, volumes []int
	var delays []time.Duration
	for _, a := range attacks {
		if !wanted(a) {
			continue
		}
		f.N++
		leaks, volumes = append(leaks, a.Leak), append(volumes, a.Volume)
		if a.Found {
			f.Found++
			delays = append(delays, a.Delay)
		}
	}
	f.LeakP50, f.LeakP90, f.LeakMax = quantile(leaks, 0.5), quantile(leaks, 0.9), quantile(leaks, 1)
	f.VolumeP50, f.DelayP50 = quantile(volumes, 0.5), quantile(delays, 0.5)
	return f
}

func everyAttack(attackResult) bool { return true }

func ofClass(class string) func(attackResult) bool {
	return func(a attackResult) bool { return a.Class == class }
}

func ofName(name string) func(attackResult) bool {
	return func(a attackResult) bool { return a.Name == name }
}

// quantile is the least value that a share q of the values do not exceed; 0 of
// none.
func quantile[T int | time.Duration](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
}

// share is a part of a whole in percent; of nothing it is 100.
func share(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}

// rate is events in 1,000 submitter-days, with its interval.
type rate struct {
	Events int     `json:"events"`
	Days   int     `json:"days"`
	Rate   float64 `json:"per_1000"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func rateOf(events, days int) rate {
	r := rate{Events: events, Days: days}
	if days > 0 {
		low, high := detect.PoissonInterval(events)
		per := 1000 / float64(days)
		r.Rate, r.Low, r.High = float64(events)*per, low*per, high*per
	}
	return r
}

func (r rate) String() string { return fmt.Sprintf("%.2f (%.2f-%.2f)", r.Rate, r.Low, r.High) }

// wrongOf counts false alarms of a kind; "" is all.
func (d *detectorResult) wrongOf(kind string) int {
	n := 0
	for _, a := range d.FalseAlarms {
		if kind == "" || a.Kind == kind {
			n++
		}
	}
	return n
}

// precision is the share of episodes that mean an attack, in percent.
func (d *detectorResult) precision() float64 { return share(d.Right, d.Right+len(d.FalseAlarms)) }
