package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/mail"
	"relaywatch/store"
)

func (p *program) suspectsCommand() *cobra.Command {
	var format, since, until, state string
	c := &cobra.Command{
		Use:   "suspects",
		Short: "Who is under suspicion, since when, and how much has left",
		Long: "suspects prints the episodes of suspicion, worst first: who, since when, how many\n" +
			"recipients the server accepted in it (and how many outside), and why. Times are\n" +
			"UTC, of the log. explain shows the proof.",
		Args: only(0, "no argument; `relaywatch explain SUBMITTER` shows one of them"),
		RunE: func(c *cobra.Command, _ []string) error {
			f := store.Filter{State: state}
			var err error
			if f.Since, err = parseTime("--since", since); err != nil {
				return err
			}
			if f.Until, err = parseTime("--until", until); err != nil {
				return err
			}
			switch state {
			case "", "open", "confirmed", "false-alarm", "closed":
			default:
				return usageError{fmt.Errorf("--state %q: use open, confirmed, false-alarm or closed", state)}
			}
			db, err := store.OpenReadOnly(c.Context(), p.config.Store.Path)
			if err != nil {
				return err
			}
			defer db.Close()
			suspects, err := db.Suspects(c.Context(), f)
			if err != nil {
				return err
			}
			if format == "json" {
				if suspects == nil {
					suspects = []store.Suspect{}
				}
				return printJSON(p.out, suspects)
			}
			if format == "csv" {
				return suspectRecords(suspects).print(p.out, format)
			}
			whys := make([]string, len(suspects))
			for i, s := range suspects {
				if whys[i], err = why(c.Context(), db, s); err != nil {
					return err
				}
			}
			r := suspectRows(suspects, whys)
			if f != (store.Filter{}) {
				r.empty = "no suspects with this --since, --until and --state"
			}
			return r.print(p.out, format)
		},
	}
	formatFlag(c, &format)
	c.Flags().StringVar(&since, "since", "", "only episodes that were still going on at `TIME` (2026-11-05, 2026-11-05T02:00:00Z)")
	c.Flags().StringVar(&until, "until", "", "only episodes that began before `TIME`")
	c.Flags().StringVar(&state, "state", "", "only episodes in this `STATE`: open, confirmed, false-alarm, closed")
	return c
}

// why is the sentence of the heaviest rule, as it stands in the summary behind the
// numbers that a table has columns for.
func why(ctx context.Context, db *store.DB, s store.Suspect) (string, error) {
	findings, err := db.Findings(ctx, s.Submitter)
	if err != nil {
		return "", err
	}
	for _, f := range findings {
		sentence := strings.TrimPrefix(f.Sentence, s.Submitter.Value+" ")
		if len(s.Rules) > 0 && f.Rule == s.Rules[0] && strings.Contains(s.Summary, sentence) {
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
