package main

import (
	"fmt"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/words"
)

type findingView struct {
	Rule, Standing, Sentence string
	Signals                  []signalView
	Notes                    []string // How it came to its score.
	Weighed                  []weighedView
}

type (
	signalView  struct{ Name, Value, Threshold, Usual string }
	weighedView struct{ At, Nats, Recipient, Facts string }
)

// findingViews are the findings, the heaviest first.
func (d *dossier) findingViews() []findingView {
	var list []findingView
	for _, f := range d.byWeight() {
		v := findingView{
			Rule: f.Rule, Standing: fmt.Sprintf("%s, %g points, since %s UTC", f.Level, f.Weight, short(f.FlaggedAt)), Sentence: visible(f.Sentence),
		}
		if f.Silenced != "" {
			v.Standing += "; silenced by the allow-list: " + visible(f.Silenced)
		}
		for _, m := range f.Evidence.Signals {
			s := signalView{Name: m.Signal, Value: measured(m.Value, m.Unit), Usual: usually(&f.Finding, m.Signal)}
			if m.Threshold != nil {
				s.Threshold = measured(*m.Threshold, m.Unit)
			}
			v.Signals = append(v.Signals, s)
		}
		if f.Evidence.Baseline > 0 {
			v.Notes = append(v.Notes, baselineText(&f.Evidence))
		}
		if s := f.Evidence.Sum; s != nil {
			v.Notes = append(v.Notes, "when it first held: "+natsText(s.Score))
			d.weighedViews(&v, s, d.Weighers[f.Rule])
		} else if f.Evidence.Record != nil {
			v.Notes = append(v.Notes, recordText(f.Evidence.Record))
		}
		list = append(list, v)
	}
	return list
}

// watchedViews are what watches the submitter, and accuses it of nothing.
func (d *dossier) watchedViews() []findingView {
	var list []findingView
	for i := range d.Watched {
		w := &d.Watched[i]
		v := findingView{
			Rule: w.Rule, Standing: fmt.Sprintf("on watch since %s UTC, over by %s if nothing more comes", short(w.Since), shortAfter(w.Until, w.At)),
			Sentence: watchedText(w) + ".",
		}
		d.weighedViews(&v, &w.Sum, d.Weighers[w.Rule])
		list = append(list, v)
	}
	return list
}

// usually is what is usual for a signal, where its finding tells.
func usually(f *detect.Finding, signal string) string {
	if r := f.Evidence.Record; r != nil && r.Signal == signal {
		return usualOf(r)
	}
	if f.Evidence.Sum == nil {
		return ""
	}
	for _, st := range slices.Backward(f.Evidence.Sum.Steps) {
		switch {
		case signal == "external_share" && !st.Delivery && st.Own.External > 0:
			return percent(st.Own.External)
		case signal == "refused_share" && !st.Delivery && st.Own.Refused > 0:
			return percent(st.Own.Refused)
		}
	}
	return ""
}

// weighedViews are the recipients that made a sum.
func (d *dossier) weighedViews(v *findingView, s *detect.Sum, w *detect.Weigher) {
	if s.Before > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%+.2f nats at %s of recipients before", s.Before, clock(s.BeforeAt)))
	}
	heaviest := heaviestOf(s)
	for _, st := range heaviest {
		v.Weighed = append(v.Weighed, weighedView{toSecond(st.At), fmt.Sprintf("%+.2f", st.Nats), d.recipientOf(&st), factsOf(&st, w) + asideOf(&st)})
	}
	if n := len(s.Steps) - len(heaviest); n > 0 {
		v.Notes = append(v.Notes, "the heaviest are shown; "+words.Plural(n, "recipient")+" weigh less")
	}
	for _, by := range s.Support {
		v.Notes = append(v.Notes, fmt.Sprintf("%+.2f nats as rule %s holds, too", by.Nats, by.Rule))
	}
}

type proofView struct {
	Rule, Path string
	Rows       []struct{ Place, Text string }
}

// proofViews are the rows of the findings, the heaviest first, each row once; all of
// them, as a page has the room.
func (d *dossier) proofViews() []proofView {
	shown := map[mail.LogPos]bool{}
	var list []proofView
	for _, f := range d.byWeight() {
		list = addProof(list, f.Rule, f.Proof, shown)
		list = addProof(list, f.Rule+": others that share it", f.Others, shown)
	}
	return list
}

// addProof adds rows that are not shown yet.
func addProof(list []proofView, name string, rows []proof, shown map[mail.LogPos]bool) []proofView {
	for _, row := range rows {
		if shown[row.Pos] {
			continue
		}
		shown[row.Pos] = true
		path := safe(row.Path, pageRow)
		if n := len(list); n == 0 || list[n-1].Rule != name || list[n-1].Path != path {
			list = append(list, proofView{Rule: name, Path: path})
		}
		place, text := fmt.Sprintf("%d:", row.Line), safe(strings.TrimSpace(row.Text), pageRow)
		if row.Text == "" {
			place, text = fmt.Sprintf("offset %d", row.Pos.Offset), "("+whyNoText(row)+")"
		}
		last := &list[len(list)-1]
		last.Rows = append(last.Rows, struct{ Place, Text string }{place, text})
	}
	return list
}
