package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// decided is a site with what the store has for it: its key, and what people decided by
// command: false alarms, and the entries that `allow add` keeps, beside those of the
// configuration.
//
// Entries are not written into the configuration: that file is its owner's. Who triages
// may not be allowed to write it, other programs may make it, and a YAML library that
// writes it back moves comments and drops blank lines.
func decided(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, site detect.Site) (detect.Site, error) {
	entries, err := db.AllowEntries(ctx)
	if err != nil {
		return site, err
	}
	zone := cmp.Or(site.Hours.Zone, time.UTC)
	site.Allow = slices.Clone(site.Allow)
	for _, e := range entries {
		if e.Removed != 0 {
			continue
		}
		a, known := stillKnown(allowConfig(e).entry(zone), ruleSet)
		if known && a.Check() == nil { // `allow list` tells those that are not.
			site.Allow = append(site.Allow, a)
		}
	}
	decisions, err := db.Decisions(ctx, mail.Submitter{})
	if err != nil {
		return site, err
	}
	site.Verdicts = verdicts(decisions)
	site.Key, err = db.HashKey(ctx)
	return site, err
}

// verdicts are the false alarms that nobody took back. An episode that is judged anew
// may begin earlier: whatever it is, it is the same one within Quiet.
func verdicts(decisions []store.Decision) []detect.Verdict {
	var list []detect.Verdict
	for i := range decisions {
		d := &decisions[i]
		later := slices.ContainsFunc(decisions[i+1:], func(other store.Decision) bool { return other.Overlaps(d) })
		if d.State != stateFalseAlarm || later {
			continue
		}
		until := d.LastFlagged.Add(detect.Quiet)
		if d.Covers != 0 {
			until = min(until, d.Covers)
		}
		list = append(list, detect.Verdict{Submitter: d.Submitter, From: d.FirstFlagged.Add(-detect.Quiet), Until: until})
	}
	return list
}

// stillKnown leaves out the rules that are in force no more; false if there are no
// others: without a rule an entry would mean every one.
func stillKnown(a detect.Allow, ruleSet []*detect.Rule) (detect.Allow, bool) {
	named := len(a.Rules) > 0
	a.Rules = slices.DeleteFunc(slices.Clone(a.Rules), func(name string) bool {
		return !slices.ContainsFunc(ruleSet, func(r *detect.Rule) bool { return r.Name == name })
	})
	return a, !named || len(a.Rules) > 0
}

// allowConfig is an entry of the store as the configuration would have it.
func allowConfig(e store.AllowEntry) AllowConfig {
	return AllowConfig{
		Submitter: e.Submitter, Rules: e.Rules, Reason: e.Reason, Owner: e.Owner, Until: e.Until, AtMost: e.AtMost, Baseline: e.Baseline,
	}
}

// decisionsChanged tells whether people decided something since the pipeline was made
// that makes it judge otherwise.
func (p *pipeline) decisionsChanged(ctx context.Context) (bool, error) {
	site, err := decided(ctx, p.db, p.rules, p.configured)
	if err != nil {
		return false, err
	}
	by, err := fingerprint(p.rules, site)
	return by != p.by, err
}
