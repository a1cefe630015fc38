package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// dossier is what is known of one episode.
type dossier struct {
	Suspect    store.Suspect
	Findings   []finding
	Before     int // Accepted recipients before the accusation stood.
	Timeline   []store.Hour
	Domains    []store.Domain
	Recipients []store.Sent
	Returned   store.CameBack
	Uses       store.Uses
	Logins     []mail.Login
	Weighed    map[mail.LogPos]mail.Path  // Recipients of the sums of Findings, by their rows.
	Weighers   map[string]*detect.Weigher // Of the rules that sum up, by name.
	Remedies   []remedy
	Others     []store.Suspect // Other episodes of the submitter, the worst first.
	AllRows    bool            // Print every row of the proof.
}

// finding is a finding with its log rows as they stand in the log.
type finding struct {
	detect.Finding
	Proof []proof
}

// proof is a log row, or where it stood.
type proof struct {
	Pos  mail.LogPos
	Path string
	Line int    // 0 if the log is gone.
	Text string // "" if the log is gone.
}

// remedy is what a rule advises.
type remedy struct{ Rule, Text string }

// How much explain shows; the store has the rest.
const (
	maxSample  = 10
	maxDomains = 8
	maxLogins  = 8
)

func (p *program) explainCommand() *cobra.Command {
	var format string
	var allRows, check bool
	c := &cobra.Command{
		Use:   "explain [SUBMITTER]",
		Short: "Why one submitter is under suspicion, with the log rows that prove it",
		Long: "explain tells of the worst episode of a submitter (ip:10.1.4.7, user:ann) why it is\n" +
			"accused, since when, what it sent to whom, and the rows of the log that prove it,\n" +
			"by file and line. Without SUBMITTER it explains the worst suspect.",
		Example: "  relaywatch explain ip:10.1.4.7\n  relaywatch explain 'user:corp\\ann' --format json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("`relaywatch explain` takes one submitter; quote it if it has blanks or backslashes")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var who mail.Submitter
			if len(args) == 1 {
				var err error
				if who, err = mail.ParseSubmitter(args[0]); err != nil {
					return usageError{err}
				}
			}
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: use text or json", format)}
			}
			if check {
				return p.check(c.Context(), who, format)
			}
			return p.explain(c.Context(), who, format, allRows)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	c.Flags().BoolVar(&check, "check", false, "compute the findings of SUBMITTER, or of all, again from their evidence and the stored rows; exit code 1 on a difference")
	c.Flags().BoolVar(&allRows, "rows", false, "print every log row of the proof, not the first five of each finding")
	return c
}

func (p *program) explain(ctx context.Context, who mail.Submitter, format string, allRows bool) error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	suspects, err := db.Suspects(ctx, store.Filter{Submitter: who})
	if err != nil {
		return err
	}
	if len(suspects) == 0 {
		if who == (mail.Submitter{}) && format == "json" {
			return printJSON(p.out, newExplainReport(dossier{}))
		}
		if who == (mail.Submitter{}) {
			fmt.Fprintln(p.out, "no suspects: no rule has accused anybody in the mail that is stored")
			return nil
		}
		return p.unsuspected(ctx, db, who, format)
	}
	d, err := p.collect(ctx, db, suspects[0], ruleSet)
	if err != nil {
		return err
	}
	d.AllRows = allRows
	for _, other := range suspects[1:] {
		if other.Submitter == d.Suspect.Submitter {
			d.Others = append(d.Others, other)
		}
	}
	if format == "json" {
		return printJSON(p.out, newExplainReport(d))
	}
	return d.print(p.out, terminalWidth(p.out))
}

// unsuspected says what is known of a submitter whom nobody accuses.
func (p *program) unsuspected(ctx context.Context, db *store.DB, who mail.Submitter, format string) error {
	findings, err := db.Findings(ctx, who)
	if err != nil {
		return err
	}
	hours, err := db.Timeline(ctx, who, 0, 1<<40)
	if err != nil {
		return err
	}
	logins, err := db.Logins(ctx, who, 0, 1<<40, maxLogins)
	if err != nil {
		return err
	}
	if len(hours)+len(findings)+len(logins) == 0 {
		return fmt.Errorf("%s is not in the store: `relaywatch query \"SELECT DISTINCT submitter FROM v_hourly\"` lists who is", who)
	}
	if format == "json" {
		d := dossier{Timeline: hours, Logins: logins}
		for _, f := range findings {
			d.Findings = append(d.Findings, finding{Finding: f})
		}
		return printJSON(p.out, newExplainReport(d))
	}
	sent := 0
	for _, h := range hours {
		sent += h.Recipients
	}
	text := &page{w: p.out, width: terminalWidth(p.out)}
	text.line(2, "%s is not under suspicion: %s in %s with mail", visible(who.String()),
		plural(int64(sent), "recipient"), plural(int64(len(hours)), "hour"))
	(&dossier{Logins: logins}).printLogins(text)
	for _, f := range findings {
		note := "accuses nobody alone"
		if f.Silenced != "" {
			note = "silenced by the allow-list: " + f.Silenced
		}
		text.line(4, "  %s UTC  %s: %s (%s)", short(f.FlaggedAt), f.Rule, visible(f.Sentence), visible(note))
	}
	return text.err
}

// collect gathers what the store and the logs know of an episode.
func (p *program) collect(ctx context.Context, db *store.DB, s store.Suspect, ruleSet []*detect.Rule) (dossier, error) {
	d := dossier{Suspect: s, Weighers: map[string]*detect.Weigher{}}
	for _, r := range ruleSet {
		d.Weighers[r.Name] = r.Weigher
	}
	who, since, until := s.Submitter, s.Start, s.LastFlagged
	all, err := db.Findings(ctx, who)
	if err != nil {
		return d, err
	}
	for _, f := range all {
		if f.WindowEnd < since || f.FlaggedAt > until || f.Silenced != "" {
			continue
		}
		d.Findings = append(d.Findings, finding{Finding: f})
	}
	if d.Timeline, err = db.Timeline(ctx, who, since, until); err != nil {
		return d, err
	}
	if d.Domains, err = db.TopDomains(ctx, who, since, until, maxDomains); err != nil {
		return d, err
	}
	if d.Recipients, err = db.Recipients(ctx, who, since, until, maxSample); err != nil {
		return d, err
	}
	if d.Returned, err = db.CameBack(ctx, who, since, until, maxSample); err != nil {
		return d, err
	}
	if d.Uses, err = db.Uses(ctx, who, since, until, maxDomains); err != nil {
		return d, err
	}
	if d.Logins, err = db.Logins(ctx, who, since.Add(-detect.Quiet), until, maxLogins); err != nil {
		return d, err
	}
	if d.Before, err = db.Accepted(ctx, who, since, s.FirstFlagged); err != nil {
		return d, err
	}
	if d.Weighed, err = weighed(ctx, db, who, d.Findings); err != nil {
		return d, err
	}
	d.Remedies = remediesOf(d.Findings, ruleSet)
	return d, prove(ctx, db, d.Findings)
}

// remediesOf lists what the rules that held advise, the heaviest first.
func remediesOf(findings []finding, ruleSet []*detect.Rule) []remedy {
	var list []remedy
	for _, r := range ruleSet {
		for _, f := range findings {
			if f.Rule == r.Name && r.Remedy != "" && f.Level == detect.LevelAlert {
				list = append(list, remedy{r.Name, r.Remedy})
				break
			}
		}
	}
	return list
}

// prove reads the rows of the findings back from their logs.
func prove(ctx context.Context, db *store.DB, findings []finding) error {
	resume, err := db.Resume(ctx)
	if err != nil {
		return err
	}
	logs := map[mail.LogID]ingest.Log{}
	for _, l := range resume.Logs {
		logs[l.ID] = l
	}
	wanted := map[mail.LogID][]int64{}
	for _, f := range findings {
		for _, pos := range f.Evidence.Rows {
			wanted[pos.Log] = append(wanted[pos.Log], pos.Offset)
		}
	}
	found := map[mail.LogPos]ingest.Row{}
	for id, offsets := range wanted {
		rows, err := ingest.Rows(logs[id], offsets)
		if err != nil && !errors.Is(err, ingest.ErrLogGone) {
			return err
		}
		for _, r := range rows {
			found[r.Pos] = r
		}
	}
	for i := range findings {
		for _, pos := range findings[i].Evidence.Rows {
			row := found[pos]
			findings[i].Proof = append(findings[i].Proof, proof{pos, logs[pos.Log].Path, row.Line, row.Text})
		}
	}
	return nil
}
