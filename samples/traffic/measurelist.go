package traffic

import (
	"math"
	"strconv"
)

// MeasureWeeks measures stretches of some weeks of a data set: those that are not
// thin.
func MeasureWeeks(letters []Letter, weeks int) *Measures {
	days := weeks * daysAWeek
	var stretches [][]Letter
	for _, monday := range busyWeeks(letters, days) {
		stretches = append(stretches, weeksOf(letters, monday, days))
	}
	return measure(days, math.MaxInt, stretches...)
}

// Number is a measure that is one number.
type Number struct {
	Name  string
	Value *float64
}

// List is a measure of several numbers.
type List struct {
	Name   string
	Values *[]float64
}

// Numbers are the measures that are numbers.
func (m *Measures) Numbers() []Number {
	return []Number{{"single", &m.SingleAll}, {"same set", &m.SameSet}, {"reply", &m.Reply}, {"wrote to", &m.WroteTo}, {"close", &m.Close}}
}

// Lists are the measures with several values: quantiles, but for the first two.
func (m *Measures) Lists() []List {
	lists := []List{{"new", &m.New}, {"new by day", &m.NewByDay}}
	for _, q := range []struct {
		name   string
		values *Quantiles
	}{
		{"rate", &m.Rate},
		{"dispersion", &m.Dispersion},
		{"single", &m.Single},
		{"recipients", &m.Recipients},
		{"distinct", &m.Distinct},
		{"top 1", &m.Top1},
		{"top 5", &m.Top5},
		{"rank", &m.Rank},
		{"peak hour", &m.PeakHour},
		{"gaps", &m.Gaps},
		{"close gaps", &m.CloseGaps},
	} {
		lists = append(lists, List{q.name, (*[]float64)(q.values)})
	}
	return lists
}

// round cuts all values to four digits, which is more than they are good for.
func (m *Measures) round() {
	for _, n := range m.Numbers() {
		*n.Value = fourDigits(*n.Value)
	}
	lists := m.Lists()
	weekdays, workday, weekend := m.Weekdays[:], m.Hours[0][:], m.Hours[1][:]
	for _, l := range append(lists, List{"", &weekdays}, List{"", &workday}, List{"", &weekend}) {
		for i, v := range *l.Values {
			(*l.Values)[i] = fourDigits(v)
		}
	}
}

func fourDigits(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return v
	}
	return short
}
