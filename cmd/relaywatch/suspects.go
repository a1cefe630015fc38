package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/mail"
	"relaywatch/store"
)

// suspectsFlags are those of the command.
type suspectsFlags struct {
	format, since, until, state string
	failOn                      failOn
	watch                       bool
	interval                    time.Duration // Of watch.
}

func (p *program) suspectsCommand() *cobra.Command {
	var f suspectsFlags
	c := &cobra.Command{
		Use:   "suspects",
		Short: "Who is under suspicion, since when, and how much has left",
		Long: "suspects prints the episodes of suspicion, worst first: who, since when, how many\n" +
			"recipients the server accepted in it (and how many outside), and why. Times are\n" +
			"UTC, of the log. explain shows the proof.\n\n" +
			"With --fail-on, for monitoring, the exit code is 3 if one of those that are printed\n" +
			"is that severe, and open or confirmed; 1 still means that nobody could look.\n\n" +
			"With --watch it prints those that are under suspicion now, and goes on with each that\n" +
			"is opened, has grown (its severity rose, another rule holds, or it has twice as many\n" +
			"recipients) or is withdrawn, until ctrl-C.",
		Example: "  relaywatch suspects --state open\n  relaywatch suspects --fail-on high --format json\n  relaywatch suspects --watch --format json",
		Args:    only(0, "no argument; `relaywatch explain SUBMITTER` shows one of them"),
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			if f.state == stateWatch {
				return p.watched(c.Context(), f, filter)
			}
			if f.watch {
				return p.watchSuspects(c.Context(), f, filter)
			}
			if c.Flags().Changed("interval") {
				return usageError{errors.New("--interval is how often --watch looks: it goes with --watch only")}
			}
			f.failOn.warn(p.err, f.state)
			return p.suspects(c.Context(), f, filter)
		},
	}
	formatFlag(c, &f.format)
	c.Flags().StringVar(&f.since, "since", "", "only episodes that were still going on at `TIME` (2026-11-05, 2026-11-05T02:00:00Z)")
	c.Flags().StringVar(&f.until, "until", "", "only episodes that began before `TIME`")
	c.Flags().StringVar(&f.state, "state", "", "only episodes in this `STATE`: open, confirmed, false-alarm, closed; or watch: who is half way to an alarm or more, and not accused")
	c.Flags().StringVar(&f.failOn.severity, "fail-on", "", "end with 3 if one is open or confirmed, and of this `SEVERITY` or worse: low, medium, high, critical")
	c.Flags().BoolVar(&f.watch, "watch", false, "go on with what is new or grown, until ctrl-C")
	c.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "`TIME` between two looks of --watch")
	return c
}

// filter is what the flags choose.
func (f suspectsFlags) filter() (store.Filter, error) {
	filter := store.Filter{State: f.state}
	var err error
	if filter.Since, err = parseTime("--since", f.since); err != nil {
		return filter, err
	}
	if filter.Until, err = parseTime("--until", f.until); err != nil {
		return filter, err
	}
	switch f.state {
	case "", stateOpen, stateConfirmed, stateFalseAlarm, stateClosed:
	case stateWatch:
		if f.watch || f.failOn.severity != "" {
			return filter, usageError{errors.New("--state watch goes without --watch and --fail-on: who is on watch is accused of nothing")}
		}
	default:
		return filter, usageError{fmt.Errorf("--state %q: use open, confirmed, false-alarm, closed or watch", f.state)}
	}
	return filter, f.failOn.check()
}

// suspects prints those that a filter chooses.
func (p *program) suspects(ctx context.Context, f suspectsFlags, filter store.Filter) error {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	suspects, err := db.Suspects(ctx, filter)
	if err != nil {
		return err
	}
	if err := p.printSuspects(ctx, db, suspects, f.format, filter); err != nil {
		return err
	}
	return f.failOn.on(suspects)
}

func (p *program) printSuspects(ctx context.Context, db *store.DB, suspects []store.Suspect, format string, filter store.Filter) error {
	switch format {
	case "json":
		if suspects == nil {
			suspects = []store.Suspect{}
		}
		return printJSON(p.out, suspects)
	case "csv":
		return suspectRecords(suspects).print(p.out, format)
	}
	whys := make([]string, len(suspects))
	for i, s := range suspects {
		var err error
		if whys[i], err = why(ctx, db, s); err != nil {
			return err
		}
	}
	r := suspectRows(suspects, whys)
	if filter != (store.Filter{}) {
		r.empty = "no suspects with this --since, --until and --state"
	}
	return r.print(p.out, format)
}

// why is the sentence of the heaviest rule, as it stands in the summary behind the
// numbers that a table has columns for.
func why(ctx context.Context, db *store.DB, s store.Suspect) (string, error) {
	if len(s.Rules) == 0 {
		return s.Summary, nil
	}
	sentences, err := db.Said(ctx, &s, s.Rules[0])
	if err != nil {
		return "", err
	}
	for _, text := range sentences {
		sentence := strings.TrimPrefix(text, s.Submitter.Value+" ")
		if strings.Contains(s.Summary, sentence) {
			return sentence, nil
		}
	}
	return s.Summary, nil
}

// suspectRecords has the columns of v_suspects.
func suspectRecords(suspects []store.Suspect) *rows {
	r := &rows{columns: []string{
		"submitter", "kind", "value", "first_flagged", "last_flagged", "score", "severity",
		"rules", "recipients", "external_recipients", "transactions", "state", "summary",
	}}
	for _, s := range suspects {
		r.cells = append(r.cells, []any{
			s.Submitter.String(), s.Submitter.Kind, s.Submitter.Value, s.FirstFlagged.String(), s.LastFlagged.String(),
			s.Score, string(s.Severity), strings.Join(s.Rules, ","), s.Recipients, optional(s.External, nil), s.Transactions, s.State, s.Summary,
		})
	}
	return r
}

// suspectRows is for people.
func suspectRows(suspects []store.Suspect, whys []string) *rows {
	r := &rows{
		columns: []string{"suspect", "severity", "since (UTC)", "until", "sent to", "outside", "state", "why"},
		prose:   "why",
		spare:   []string{"state", "until"},
		empty:   "no suspects: no rule has accused anybody in the mail that is stored",
	}
	for i, s := range suspects {
		r.cells = append(r.cells, []any{
			s.Submitter.String(), string(s.Severity), short(s.FirstFlagged), shortAfter(s.LastFlagged, s.FirstFlagged),
			count(s.Recipients), optional(s.External, "?"), s.State, whys[i],
		})
	}
	return r
}

// optional is a number that is not always known.
func optional(n *int, unknown any) any {
	if n == nil {
		return unknown
	}
	return count(*n)
}

// short is a time for people: to the minute, in UTC.
func short(t mail.Time) string {
	if t == 0 {
		return "-"
	}
	return t.Std().Format("2006-01-02 15:04")
}

// shortAfter leaves out the date if it is that of before.
func shortAfter(t, before mail.Time) string {
	if t.Std().Format(time.DateOnly) == before.Std().Format(time.DateOnly) {
		return t.Std().Format("15:04")
	}
	return short(t)
}

// parseTime reads a point in event time; "" is 0. A date is its first second, UTC.
func parseTime(flag, text string) (mail.Time, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return mail.Of(t), nil
		}
	}
	return 0, usageError{fmt.Errorf("%s %q is no time: write it as 2026-11-05 or 2026-11-05T02:00:00Z", flag, text)}
}
