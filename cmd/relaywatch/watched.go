package main

import (
	"context"
	"fmt"
	"math"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// stateWatch is no state of an episode: of who is on watch, and accused of nothing.
const stateWatch = "watch"

// watchedReport is who is on watch, in JSON.
type watchedReport struct {
	Submitter  string     `json:"submitter"`
	Kind       string     `json:"kind"`
	Value      string     `json:"value"`
	State      string     `json:"state"` // Always watch.
	Rule       string     `json:"rule"`
	Since      string     `json:"since"` // Of the first recipient that counts.
	Last       string     `json:"last"`  // Of the newest.
	Nats       float64    `json:"nats"`  // Then.
	WatchNats  float64    `json:"watch_nats"`
	AlertNats  float64    `json:"alert_nats"`
	FadesAt    string     `json:"fades_at"`   // When it is over, if nothing more comes.
	Recipients int        `json:"recipients"` // That accuse, of the newest twenty that were weighed.
	Summary    string     `json:"summary"`
	Sum        *sumReport `json:"sum,omitempty"` // explain tells it.
}

func newWatchedReport(w *detect.Watched) watchedReport {
	return watchedReport{
		Submitter: w.Submitter.String(), Kind: w.Submitter.Kind, Value: w.Submitter.Value, State: stateWatch, Rule: w.Rule,
		Since: w.Since.String(), Last: w.At.String(), Nats: w.Score, WatchNats: w.From, AlertNats: w.Alert,
		FadesAt: w.Until.String(), Recipients: w.Recipients, Summary: watchedText(w),
	}
}

// watchedText says how near to an alarm a submitter is.
func watchedText(w *detect.Watched) string {
	return fmt.Sprintf("%s by %s, where %s accuse: %s short%s", natsText(w.Score), w.Rule, fmt.Sprintf("%g", w.Alert), natsText(max(0, w.Alert-w.Score)), moreOf(w))
}

// moreOf says how many recipients more that is, of those that accuse most. "" if the score
// is there already, and the rule asks for more than a score.
func moreOf(w *detect.Watched) string {
	most := 0.0
	for i := range w.Sum.Steps {
		most = max(most, w.Sum.Steps[i].Nats)
	}
	if missing := w.Alert - w.Score; missing > 0 && most > 0 {
		return fmt.Sprintf(", %s like the worst of them at once", words.Plural(int64(math.Ceil(missing/most)), "more recipient"))
	}
	return ""
}

// watched prints who is on watch, nearest to an alarm first.
func (p *program) watched(ctx context.Context, f suspectsFlags, filter store.Filter) error {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Watched(ctx, mail.Submitter{})
	if err != nil {
		return err
	}
	var list []detect.Watched
	for _, w := range all {
		if w.At >= filter.Since && (filter.Until == 0 || w.Since < filter.Until) {
			list = append(list, w)
		}
	}
	switch f.format {
	case "json":
		reports := []watchedReport{}
		for i := range list {
			reports = append(reports, newWatchedReport(&list[i]))
		}
		return printJSON(p.out, reports)
	case "csv":
		return watchedRecords(list).print(p.out, f.format)
	}
	return watchedRows(list).print(p.out, f.format)
}

// watchedRecords has the columns of v_watched, but for the evidence.
func watchedRecords(list []detect.Watched) *rows {
	r := &rows{columns: []string{
		"submitter", "kind", "value", "rule", "first_time", "last_time", "nats", "watch_nats", "alert_nats", "fades_at", "recipients",
	}}
	for _, w := range list {
		r.cells = append(r.cells, []any{
			w.Submitter.String(), w.Submitter.Kind, w.Submitter.Value, w.Rule, w.Since.String(), w.At.String(), w.Score, w.From, w.Alert, w.Until.String(), w.Recipients,
		})
	}
	return r
}

// watchedRows is for people.
func watchedRows(list []detect.Watched) *rows {
	r := &rows{
		columns: []string{"on watch", "since (UTC)", "until", "over by", "how near to an alarm"},
		prose:   "how near to an alarm",
		spare:   []string{"until"},
		empty:   "nobody is on watch: whoever is not accused is far from an alarm",
	}
	for i := range list {
		w := &list[i]
		r.cells = append(r.cells, []any{w.Submitter.String(), short(w.Since), shortAfter(w.At, w.Since), shortAfter(w.Until, w.At), watchedText(w)})
	}
	return r
}

// onWatch finds what watches a submitter, and the recipients that count.
func onWatch(ctx context.Context, db *store.DB, who mail.Submitter) (list []detect.Watched, paths map[mail.LogPos]mail.Path, err error) {
	if list, err = db.Watched(ctx, who); err != nil || len(list) == 0 {
		return nil, nil, err
	}
	var sums []finding
	for i := range list {
		sums = append(sums, finding{Finding: detect.Finding{Evidence: detect.Evidence{Sum: &list[i].Sum}}})
	}
	paths, err = weighed(ctx, db, who, sums)
	return list, paths, err
}

// printWatched tells how near to an alarm the submitter is, and by whom it got there.
func (d *dossier) printWatched(p *page) {
	for i := range d.Watched {
		w := &d.Watched[i]
		p.line(4, "  on watch since %s UTC: %s. It is no alarm, and over by %s if nothing more comes.", short(w.Since), watchedText(w), shortAfter(w.Until, w.At))
		d.printSteps(p, &w.Sum, d.Weighers[w.Rule])
	}
}

func (d *dossier) watchedReports() []watchedReport {
	reports := []watchedReport{}
	for i := range d.Watched {
		r := newWatchedReport(&d.Watched[i])
		r.Sum = d.sumReport(&d.Watched[i].Sum)
		reports = append(reports, r)
	}
	return reports
}
