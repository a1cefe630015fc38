package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// trial is a comparison of rules over stored mail. The store is not changed.
type trial struct {
	dir          string // Of the other rules; "" for those in force.
	withoutAllow bool   // The other ones judge without the allow-list.
	since, until mail.Time
	runUp        time.Duration // Before since; 0 is from the beginning of the store.
	format       string
}

func (p *program) rulesReplayCommand(dir *string) *cobra.Command {
	t := trial{}
	var since, until, runUp string
	c := &cobra.Command{
		Use:   "replay",
		Short: "What other rules would have found in the stored mail, beside those in force",
		Long: "replay judges the stored mail by the rules in force and by those of --rules, and\n" +
			"prints which alarms only one of them raises, and which are raised earlier or later.\n" +
			"Nothing is stored. Mail before --since is judged, too, so that it is known what was\n" +
			"usual; alarms are printed of the time from --since to --until only.",
		Example: "  relaywatch rules replay --rules my-rules --since 2026-11-01\n" +
			"  relaywatch rules replay --without-allow",
		Args: only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if t.since, err = parseTime("--since", since); err != nil {
				return err
			}
			if t.until, err = parseTime("--until", until); err != nil {
				return err
			}
			if t.until != 0 && t.until <= t.since {
				return usageError{errors.New("--until is not after --since")}
			}
			if runUp != "" {
				if t.since == 0 {
					return usageError{errors.New("--run-up is counted back from --since: give one")}
				}
				if t.runUp, err = parseDays(runUp); err != nil {
					return usageError{fmt.Errorf("--run-up %w", err)}
				}
			}
			t.dir = *dir
			return p.replayRules(c.Context(), t)
		},
	}
	formatFlag(c, &t.format)
	c.Flags().StringVar(&since, "since", "", "first `TIME` of which alarms are printed (2026-11-05, 2026-11-05T02:00:00Z; default: the beginning)")
	c.Flags().StringVar(&until, "until", "", "`TIME` at which that ends (default: the end)")
	c.Flags().StringVar(&runUp, "run-up", "", "judge only so `LONG` before --since, as 30d: quicker, but what is older is not known (default: all of it)")
	c.Flags().BoolVar(&t.withoutAllow, "without-allow", false, "let the other rules judge without the allow-list, to see what it silences")
	return c
}

func (p *program) replayRules(ctx context.Context, t trial) error {
	inForce, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	other := inForce
	if t.dir != "" {
		if other, err = rulesIn(t.dir); err != nil {
			return err
		}
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	if site, err = decided(ctx, db, inForce, site); err != nil {
		return err
	}
	status, err := db.Status(ctx)
	if err != nil {
		return err
	}
	if t.until == 0 || t.until > status.Newest {
		t.until = status.Newest + 1
	}
	mail := stored{db: db, until: t.until - 1}
	if t.runUp > 0 {
		mail.after = t.since.Add(-t.runUp) - 1
	}
	a, b, err := t.judge(ctx, mail, site, inForce, other)
	if err != nil {
		return err
	}
	return t.newReport(max(status.Oldest, mail.after+1), a, b).print(p, t.format)
}

// judge judges the mail by both rules at once.
func (t *trial) judge(ctx context.Context, mail stored, site detect.Site, inForce, other []*detect.Rule) (a, b *detect.Judgement, err error) {
	otherSite := site
	otherSite.Allow = allowOf(site.Allow, other)
	if t.withoutAllow {
		otherSite.Allow = nil
	}
	engines, err := mail.judged(ctx, func() ([]*detect.Engine, error) {
		a, err := detect.NewEngine(inForce, site)
		if err != nil || t.alone() {
			return []*detect.Engine{a}, err
		}
		b, err := detect.NewEngine(other, otherSite)
		return []*detect.Engine{a, b}, err
	})
	if err != nil {
		return nil, nil, err
	}
	found := make([]detect.Judgement, len(engines))
	for i, e := range engines {
		found[i] = e.Take()
	}
	return &found[0], &found[len(found)-1], nil
}

// allowOf are the entries that mean some of the rules.
func allowOf(list []detect.Allow, ruleSet []*detect.Rule) []detect.Allow {
	var out []detect.Allow
	for _, a := range list {
		if a, known := stillKnown(a, ruleSet); known {
			out = append(out, a)
		}
	}
	return out
}

// alone is true if there is nothing to compare with.
func (t *trial) alone() bool { return t.dir == "" && !t.withoutAllow }

// alarmPair is what both found of a submitter at a time; one of them may be nil.
type alarmPair struct {
	who            mail.Submitter
	inForce, other *detect.Episode
	silenced       string // Reason of the allow-list entry for which one of them is missing.
}

// since is when the first of both began.
func (a *alarmPair) since() mail.Time {
	switch {
	case a.inForce == nil:
		return a.other.FirstFlagged
	case a.other == nil:
		return a.inForce.FirstFlagged
	}
	return min(a.inForce.FirstFlagged, a.other.FirstFlagged)
}

// earlier is by how much the other rules are.
func (a *alarmPair) earlier() time.Duration { return a.inForce.FirstFlagged.Sub(a.other.FirstFlagged) }

// foundBy is who found it, in the words of the output.
func (a *alarmPair) foundBy() string {
	switch {
	case a.other == nil:
		return "in force"
	case a.inForce == nil:
		return "other"
	}
	return "both"
}

// pairs puts the episodes of both together that are of the same time.
func pairs(inForce, other []detect.Episode) []alarmPair {
	var all []alarmPair
	taken := make([]bool, len(other))
	for i := range inForce {
		a := &inForce[i]
		pair := alarmPair{who: a.Submitter, inForce: a}
		for k := range other {
			b := &other[k]
			near := a.FirstFlagged.Sub(b.LastFlagged) <= detect.Quiet && b.FirstFlagged.Sub(a.LastFlagged) <= detect.Quiet
			if !taken[k] && b.Submitter == a.Submitter && near {
				taken[k], pair.other = true, b
				break
			}
		}
		all = append(all, pair)
	}
	for k := range other {
		if !taken[k] {
			all = append(all, alarmPair{who: other[k].Submitter, other: &other[k]})
		}
	}
	slices.SortFunc(all, func(a, b alarmPair) int {
		return cmp.Or(cmp.Compare(a.since(), b.since()), strings.Compare(a.who.String(), b.who.String()))
	})
	return all
}

// silence tells why one who judged with the allow-list has no alarm: it silenced a
// finding of an alert in the time of the other's.
func silence(e *detect.Episode, findings []detect.Finding) string {
	for i := range findings {
		f := &findings[i]
		if f.Submitter == e.Submitter && f.Silenced != "" && f.Level == detect.LevelAlert && f.FlaggedAt <= e.LastFlagged && f.WindowEnd >= e.Start {
			return f.Silenced
		}
	}
	return ""
}
