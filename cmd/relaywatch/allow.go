package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

func (p *program) allowCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "allow",
		Short: "The allow-list: list, add, remove, test",
		Long: "allow shows and changes who may do what rules would accuse them of. Entries that are\n" +
			"added by command are kept in the store, beside those of the configuration, with who\n" +
			"added and removed them and when. What an entry silences is stored, counted and told\n" +
			"in the daily mail.",
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		Run:                        func(*cobra.Command, []string) {}, // Args lets nothing through.
	}
	c.AddCommand(p.allowListCommand(), p.allowAddCommand(), p.allowRemoveCommand(), p.allowTestCommand())
	return c
}

// allowFlags are the flags of an entry but for reason and end.
func allowFlags(c *cobra.Command, a *AllowConfig, atMost *[]string) {
	c.Flags().StringSliceVar(&a.Rules, "rule", nil, "`NAME` of a rule; again for each (default: every rule)")
	c.Flags().StringSliceVar(atMost, "at-most", nil, "`SIGNAL=NUMBER` beyond which the rules find all the same, as distinct_recipients=3000; again for each")
	c.Flags().Float64Var(&a.Baseline, "baseline", 0, "silence nothing: have the rules ask for so many `TIMES` as much")
}

// limits reads --at-most.
func (a *AllowConfig) limits(atMost []string) error {
	for _, text := range atMost {
		name, number, _ := strings.Cut(text, "=")
		most, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return usageError{fmt.Errorf("--at-most %q: write a signal and a number, as distinct_recipients=3000", text)}
		}
		if a.AtMost == nil {
			a.AtMost = map[string]float64{}
		}
		a.AtMost[name] = most
	}
	return nil
}

func (p *program) allowAddCommand() *cobra.Command {
	var a AllowConfig
	var by string
	var atMost []string
	c := &cobra.Command{
		Use:   "add SUBMITTER",
		Short: "Let rules leave a submitter alone, for a reason and until a day",
		Long: "add lets rules leave a submitter alone: ip:10.0.9.12, a network as ip:10.0.9.0/24,\n" +
			"user:ann, or sender:ann@corp.example. Name the rules with --rule, or it is every rule,\n" +
			"and nothing is said any more if that submitter is taken over; with --at-most it is,\n" +
			"as soon as more is sent than that.",
		Example: "  relaywatch allow add ip:10.0.9.12 --rule recipient-fanout --at-most distinct_recipients=3000 \\\n" +
			"    --until 2027-06-30 --reason \"newsletter host\" --owner marketing",
		Args: only(1, "one argument, the submitter"),
		RunE: func(c *cobra.Command, args []string) error {
			a.Submitter = strings.ToLower(args[0])
			if err := a.limits(atMost); err != nil {
				return err
			}
			return p.allowAdd(c.Context(), a, by)
		},
	}
	allowFlags(c, &a, &atMost)
	c.Flags().StringVar(&a.Reason, "reason", "", "`TEXT`: why it may do that (required)")
	c.Flags().StringVar(&a.Until, "until", "", "last `DAY`, as 2027-06-30, or never (required)")
	c.Flags().StringVar(&a.Owner, "owner", "", "`NAME` of whom to ask about it")
	c.Flags().StringVar(&by, "by", "", "`NAME` of who adds it (default: the account that runs this)")
	return c
}

func (p *program) allowAdd(ctx context.Context, a AllowConfig, by string) error {
	a.Reason = strings.TrimSpace(a.Reason)
	slices.Sort(a.Rules)
	a.Rules = slices.Compact(a.Rules)
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	if err := p.checkAllow(a, ruleSet); err != nil {
		return usageError{err}
	}
	db, err := p.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	items, err := p.allowItems(ctx, db, ruleSet)
	if err != nil {
		return err
	}
	for _, other := range items {
		if other.inForce() && other.Submitter == a.Submitter && maps.Equal(other.AtMost, a.AtMost) && other.Baseline == a.Baseline && slices.Equal(slices.Sorted(slices.Values(other.Rules)), a.Rules) {
			return fmt.Errorf("%s is on the allow-list for that already, as entry %s until %s: remove it first", a.Submitter, other.name(), other.Until)
		}
	}
	id, err := db.AddAllow(ctx, store.AllowEntry{
		Submitter: a.Submitter, Rules: a.Rules, Reason: a.Reason, Owner: strings.TrimSpace(a.Owner), Until: a.Until, AtMost: a.AtMost, Baseline: a.Baseline,
		By: cmp.Or(strings.TrimSpace(by), account()), Added: mail.Of(p.clock()),
	})
	if err != nil {
		return err
	}
	return p.sayAdded(id, a)
}

// checkAllow reports everything that is wrong with an entry.
func (p *program) checkAllow(a AllowConfig, ruleSet []*detect.Rule) error {
	var errs []error
	if a.Until == "" {
		errs = append(errs, errors.New("--until is missing: name the last day, as 2027-06-30, or never"))
		a.Until = "never"
	}
	if a.Reason == "" {
		errs = append(errs, fmt.Errorf("--reason is missing: say why %s may do that, and who wants it", a.Submitter))
		a.Reason = "-"
	}
	zone, err := p.config.zone()
	if err != nil {
		return err
	}
	entry := a.entry(zone)
	errs = append(errs, cmp.Or(a.check(), entry.Check()))
	if ends, ok := a.ends(zone); ok && !ends.After(p.clock()) {
		errs = append(errs, fmt.Errorf("--until %s is over: name the last day on which it may, or never", a.Until))
	}
	for _, name := range a.Rules {
		if !slices.ContainsFunc(ruleSet, func(r *detect.Rule) bool { return r.Name == name }) {
			errs = append(errs, fmt.Errorf("no rule %q (%s)", name, hintOf(name, namesOf(ruleSet))))
		}
	}
	return errors.Join(errs...)
}

func namesOf(ruleSet []*detect.Rule) []string {
	var names []string
	for _, r := range ruleSet {
		names = append(names, r.Name)
	}
	return names
}

// sayAdded says what the entry means, and when it is in force.
func (p *program) sayAdded(id int64, a AllowConfig) error {
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(2, "entry #%d: %s may do what %s would accuse it of, until %s", id, visible(a.Submitter), ruleNames(a.Rules)+a.limitText(), a.Until)
	if len(a.Rules) == 0 && len(a.AtMost) == 0 && a.Baseline == 0 {
		w.line(2, "it silences every rule: if that submitter is taken over, nothing is said; --rule and --at-most are narrower")
	}
	w.line(2, "`relaywatch allow test %d` judges the stored mail without it and with it", id)
	w.line(2, "a running agent takes it on within seconds, else the next `relaywatch ingest`: all stored mail is then judged anew")
	return w.err
}

// ruleNames names the rules of an entry.
func ruleNames(names []string) string {
	if len(names) == 0 {
		return "every rule"
	}
	return strings.Join(names, ", ")
}

func (p *program) allowRemoveCommand() *cobra.Command {
	var by string
	c := &cobra.Command{
		Use:   "remove NUMBER",
		Short: "Take an entry off the allow-list; it is kept as a removed one",
		Args:  only(1, "one argument, the number that `relaywatch allow list` prints"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(strings.TrimPrefix(args[0], "#"), 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is no number of an entry: `relaywatch allow list` prints them; those of the configuration are removed there", args[0])}
			}
			return p.allowRemove(c.Context(), id, by)
		},
	}
	c.Flags().StringVar(&by, "by", "", "`NAME` of who removes it (default: the account that runs this)")
	return c
}

func (p *program) allowRemove(ctx context.Context, id int64, by string) error {
	db, err := p.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	removed, err := db.RemoveAllow(ctx, id, cmp.Or(strings.TrimSpace(by), account()), mail.Of(p.clock()))
	if err != nil {
		return err
	}
	if !removed {
		return fmt.Errorf("no entry #%d is in force: `relaywatch allow list` prints those that are", id)
	}
	_, err = fmt.Fprintf(p.out, "entry #%d is removed; a running agent takes that on within seconds, else the next `relaywatch ingest`\n", id)
	return err
}
