package main

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"relaywatch/mail"
)

// baseline is a simple rule that is used elsewhere. It judges one submitter's rows
// in the order of time.
type baseline struct {
	name string
	make func(s *stream) func(r recipientRow) bool // true: alarm. Made anew for each submitter.
	bulk bool                                      // It counts what left: hosts on the allow-list are left out.
}

// recipientRow is one RCPT row of a submitter.
type recipientRow struct {
	at       mail.Time
	accepted bool
	refused  bool // For good.
	external bool
	isNew    bool // The submitter never mailed it before.
}

// baselines are fixed limits an hour (100 is what administrators set, 500 external
// is Microsoft's standard), the own mean (as Splunk's rule for mail servers), Wazuh's
// refusals, and the throttle for viruses (new recipients).
var baselines = []baseline{
	{"100 recipients/h", overLimit(100, 3600, accepted), true},
	{"200 recipients/h", overLimit(200, 3600, accepted), true},
	{"500 recipients/h", overLimit(500, 3600, accepted), true},
	{"500 external/h", overLimit(500, 3600, func(r recipientRow) bool { return r.accepted && r.external }), true},
	{"own mean + 3 sigma/h", overOwnMean, true},
	{"12 refusals in 2 min", overLimit(12, 120, func(r recipientRow) bool { return r.refused }), false},
	{"60 new recipients/h", overLimit(61, 3600, func(r recipientRow) bool { return r.accepted && r.isNew }), true},
}

func accepted(r recipientRow) bool { return r.accepted }

// overLimit alarms when a number of counted rows lie within some seconds.
func overLimit(limit int, window mail.Time, counts func(recipientRow) bool) func(*stream) func(recipientRow) bool {
	return func(*stream) func(recipientRow) bool {
		var times []mail.Time
		return func(r recipientRow) bool {
			if !counts(r) {
				return false
			}
			times = append(times, r.at)
			for times[0] <= r.at-window {
				times = times[1:]
			}
			return len(times) >= limit
		}
	}
}

// overOwnMean alarms when an hour of the clock has more recipients than the mean of
// the submitter's earlier active hours and three standard deviations. It takes four
// hours to have a mean.
func overOwnMean(*stream) func(recipientRow) bool {
	var n, sum, squares float64 // Of the hours before.
	var hour mail.Time
	var count float64
	return func(r recipientRow) bool {
		if !r.accepted {
			return false
		}
		if h := r.at / 3600; h != hour {
			if count > 0 {
				n, sum, squares = n+1, sum+count, squares+count*count
			}
			hour, count = h, 0
		}
		count++
		if n < 4 {
			return false
		}
		mean := sum / n
		return count > mean+3*math.Sqrt(max(0, squares/n-mean*mean))
	}
}

// submitterRows are the rows of each submitter that can be accused, in the order of
// time.
func (s *stream) submitterRows() map[string][]recipientRow {
	rows := map[string][]recipientRow{}
	paths := map[string][]mail.Path{}
	for _, b := range s.batches {
		for i := range b.Transactions {
			t := &b.Transactions[i]
			submitter := t.Submitter()
			if !s.accusable(submitter) {
				continue
			}
			who := submitter.String()
			for _, r := range t.Recipients {
				rows[who] = append(rows[who], recipientRow{
					at: r.At, accepted: r.Accepted(), refused: r.Reply >= 500,
					external: !slices.Contains(s.world.Domains, r.Path.Domain()),
				})
				paths[who] = append(paths[who], r.Path)
			}
		}
	}
	for who := range rows {
		markNew(rows[who], paths[who])
	}
	return rows
}

// markNew sorts rows by time, and marks the first to each path.
func markNew(rows []recipientRow, paths []mail.Path) {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(rows[i].at, rows[j].at) })
	sorted := make([]recipientRow, len(rows))
	seen := map[mail.Path]bool{}
	for k, i := range order {
		sorted[k] = rows[i]
		sorted[k].isNew = !seen[paths[i]]
		seen[paths[i]] = true
	}
	copy(rows, sorted)
}

// alarmsOf are the alarms of a baseline: those of a submitter within a day of each
// other are one.
func (s *stream) alarmsOf(b baseline, rows map[string][]recipientRow) []alarm {
	var all []alarm
	for who, list := range rows {
		if b.bulk && s.known[who] {
			continue
		}
		judge := b.make(s)
		var open *alarm
		for _, r := range list {
			if !judge(r) {
				continue
			}
			if open == nil || r.at-open.last > mail.Time(quiet.Seconds()) {
				all = append(all, alarm{who: who, first: r.at, rules: []string{b.name}})
				open = &all[len(all)-1]
			}
			open.last = r.at
			open.alerts = append(open.alerts, r.at)
			open.recipients++
		}
	}
	sortAlarms(all)
	return all
}

func sortAlarms(all []alarm) {
	slices.SortFunc(all, func(a, b alarm) int {
		return cmp.Or(cmp.Compare(a.first, b.first), strings.Compare(a.who, b.who))
	})
}
