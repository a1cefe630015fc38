package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

func (p *program) allowTestCommand() *cobra.Command {
	var a AllowConfig
	var atMost []string
	var since, format string
	c := &cobra.Command{
		Use:   "test [NUMBER|SUBMITTER]",
		Short: "Which alarms an entry would silence, or does, in the stored mail",
		Long: "test judges the stored mail twice, without an entry and with it, and prints the alarms\n" +
			"that it silences or delays, and whether a confirmed one is among them. The entry is\n" +
			"one of the list by its NUMBER, or a new one: SUBMITTER with --rule, --at-most and\n" +
			"--baseline. Without either, it is the whole list. Nothing is stored.",
		Example: "  relaywatch allow test 3\n  relaywatch allow test ip:10.0.9.12 --rule recipient-fanout --at-most distinct_recipients=3000",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("`relaywatch allow test` takes one number or one submitter")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			from, err := parseTime("--since", since)
			if err != nil {
				return err
			}
			if err := a.limits(atMost); err != nil {
				return err
			}
			a.Reason, a.Until = "test", "never"
			if len(args) == 1 {
				a.Submitter = strings.ToLower(args[0])
			} else if len(a.Rules)+len(a.AtMost) > 0 || a.Baseline != 0 {
				return usageError{errors.New("name the submitter that the entry is for")}
			}
			return p.allowTest(c.Context(), a, from, format)
		},
	}
	allowFlags(c, &a, &atMost)
	formatFlag(c, &format)
	c.Flags().StringVar(&since, "since", "", "first `TIME` of which alarms are printed (default: 30 days before the newest row)")
	return c
}

// tryFor is how long before the newest row alarms are compared.
const tryFor = 30 * 24 * time.Hour

func (p *program) allowTest(ctx context.Context, a AllowConfig, since mail.Time, format string) error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	if site, err = decided(ctx, db, ruleSet, site); err != nil {
		return err
	}
	without, with, name, err := p.tried(ctx, db, a, ruleSet, site)
	if err != nil {
		return err
	}
	t, err := try(ctx, db, ruleSet, since, without, with)
	if err != nil {
		return err
	}
	return t[0].print(p, name, format)
}

// tried are the sites without and with what is tested, and what people call that.
func (p *program) tried(ctx context.Context, db *store.DB, a AllowConfig, ruleSet []*detect.Rule, site detect.Site) (without, with detect.Site, name string, err error) {
	without, with = site, site
	id, notNumber := strconv.ParseInt(strings.TrimPrefix(a.Submitter, "#"), 10, 64)
	switch {
	case a.Submitter == "":
		without.Allow = nil
		return without, with, "the allow-list", nil
	case notNumber != nil:
		if err := p.checkAllow(a, ruleSet); err != nil {
			return without, with, "", usageError{err}
		}
		zone, err := p.config.zone()
		with.Allow = append(slices.Clone(site.Allow), a.entry(zone))
		return without, with, "the entry", err
	}
	items, err := p.allowItems(ctx, db, ruleSet)
	if err != nil {
		return without, with, "", err
	}
	i := slices.IndexFunc(items, func(i allowItem) bool { return i.id == id && i.inForce() })
	if i < 0 {
		return without, with, "", fmt.Errorf("no entry #%d is in force: `relaywatch allow list` prints those that are", id)
	}
	zone, err := p.config.zone()
	entry := items[i].entry(zone)
	without.Allow = slices.DeleteFunc(slices.Clone(site.Allow), func(b detect.Allow) bool {
		return b.Submitter == entry.Submitter && b.Reason == entry.Reason && b.Until == entry.Until && slices.Equal(b.Rules, entry.Rules)
	})
	return without, with, fmt.Sprintf("entry #%d", id), err
}

// attempt is what an entry changes.
type attempt struct {
	since, until mail.Time // Of alarms that were compared.
	without      int       // Alarms.
	with         int       // As well.
	changed      []change  // By time.
}

// change is an alarm that an entry silences or delays.
type change struct {
	alarmPair
	confirmed bool // People confirmed it.
}

// try judges the stored mail with a first site and with others, and tells for each of
// these what it changes.
func try(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, since mail.Time, first detect.Site, others ...detect.Site) ([]attempt, error) {
	oldest, newest, err := db.Span(ctx)
	if err != nil {
		return nil, err
	}
	if since == 0 {
		since = max(oldest, newest.Add(-tryFor))
	}
	decisions, err := db.Decisions(ctx, mail.Submitter{})
	if err != nil {
		return nil, err
	}
	engines, err := stored{db: db, until: newest}.judged(ctx, func() ([]*detect.Engine, error) {
		var list []*detect.Engine
		for _, site := range append([]detect.Site{first}, others...) {
			e, err := detect.NewEngine(ruleSet, site)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	})
	if err != nil {
		return nil, err
	}
	before := engines[0].Take().Episodes
	var attempts []attempt
	for _, e := range engines[1:] {
		a := attempt{since: since, until: newest}
		for _, pair := range pairs(before, e.Take().Episodes) {
			a.add(pair, decisions)
		}
		attempts = append(attempts, a)
	}
	return attempts, nil
}

func (a *attempt) add(pair alarmPair, decisions []store.Decision) {
	if pair.since() < a.since {
		return
	}
	if pair.inForce != nil {
		a.without++
	}
	if pair.other != nil {
		a.with++
	}
	if pair.inForce != nil && pair.other != nil && pair.earlier() == 0 && pair.inForce.Score == pair.other.Score {
		return
	}
	c := change{alarmPair: pair}
	if e := pair.inForce; e != nil {
		was := store.Suspect{Submitter: e.Submitter, FirstFlagged: e.FirstFlagged, LastFlagged: e.LastFlagged}
		c.confirmed = slices.ContainsFunc(decisions, func(d store.Decision) bool { return d.State == stateConfirmed && d.About(&was) })
	}
	a.changed = append(a.changed, c)
}

// silenced counts the alarms that are gone, and those of them that people confirmed.
func (a *attempt) silenced() (alarms, confirmed int) {
	for _, c := range a.changed {
		if c.other == nil {
			alarms++
			if c.confirmed {
				confirmed++
			}
		}
	}
	return alarms, confirmed
}

// what the entry does to the alarm, for people.
func (c *change) what() string {
	switch {
	case c.other == nil && c.confirmed:
		return "silent, though it was confirmed"
	case c.other == nil:
		return "silent"
	case c.inForce == nil:
		return "new"
	case c.earlier() != 0:
		return apart(c.earlier())
	}
	return fmt.Sprintf("score %g, not %g", c.other.Score, c.inForce.Score)
}

// print tells what an entry of that name changes.
func (a *attempt) print(p *program, name, format string) error {
	if format != "table" {
		r := &rows{columns: []string{"submitter", "first_flagged", "recipients", "rules", "effect", "confirmed"}}
		for _, c := range a.changed {
			e := c.episode()
			r.cells = append(r.cells, []any{c.who.String(), e.FirstFlagged.String(), e.Recipients, strings.Join(e.Rules, ","), c.what(), c.confirmed})
		}
		return r.print(p.out, format)
	}
	r := &rows{columns: []string{"suspect", "since (UTC)", "sent to", "with " + name, "rules"}, prose: "rules", empty: "no alarm changes with " + name}
	for _, c := range a.changed {
		e := c.episode()
		r.cells = append(r.cells, []any{c.who.String(), short(e.FirstFlagged), count(e.Recipients), c.what(), strings.Join(e.Rules, " ")})
	}
	if err := r.print(p.out, format); err != nil {
		return err
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(2, "from %s to %s: %s without %s, %d with it", short(a.since), short(a.until), words.Plural(a.without, "alarm"), name, a.with)
	if _, confirmed := a.silenced(); confirmed > 0 {
		w.line(2, "%s that people confirmed would be silent: it is too wide", words.Plural(confirmed, "alarm"))
	}
	return w.err
}

// episode is the one of both that there is.
func (c *change) episode() *detect.Episode {
	if c.inForce != nil {
		return c.inForce
	}
	return c.other
}
