package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

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
	Watched    []detect.Watched           // What watches the submitter now, while nobody accuses it.
	Remedies   []remedy
	Others     []store.Suspect // Other episodes of the submitter, the worst first.
	AllRows    bool            // Print every row of the proof.

	surroundings
}

// finding is a finding with its log rows as they stand in the log.
type finding struct {
	detect.Finding
	Proof  []proof
	Others []proof // Of the others in a campaign.
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

// explainFlags are those of the command.
type explainFlags struct {
	format, html   string
	allRows, check bool
}

func (p *program) explainCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain [SUBMITTER]",
		Short: "Why one submitter is under suspicion, with the log rows that prove it",
		Long: "explain tells of the worst episode of a submitter (ip:10.1.4.7, user:ann) why it is\n" +
			"accused, since when, what it sent to whom, and the rows of the log that prove it,\n" +
			"by file and line. Without SUBMITTER it explains the worst suspect. --html writes the\n" +
			"same with charts as one file, to be kept with a ticket, sent or printed.",
		Example: "  relaywatch explain ip:10.1.4.7\n  relaywatch explain 'user:corp\\ann' --format json\n  relaywatch explain ip:10.1.4.7 --html suspect.html",
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
			if err := f.valid(c.Flags().Changed("html"), c.Flags().Changed("format")); err != nil {
				return err
			}
			if f.check {
				return p.check(c.Context(), who, f.format)
			}
			return p.explain(c.Context(), who, f)
		},
	}
	c.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text or json")
	c.Flags().StringVar(&f.html, "html", "", "write `FILE`, a page that stands alone: with charts, without scripts, and nothing is loaded")
	c.Flags().BoolVar(&f.check, "check", false, "compute the findings of SUBMITTER, or of all, again from their evidence and the stored rows; exit code 1 on a difference")
	c.Flags().BoolVar(&f.allRows, "rows", false, "print every log row of the proof, not the first five of each finding")
	return c
}

func (f *explainFlags) valid(asHTML, withFormat bool) error {
	switch {
	case f.format != "text" && f.format != "json":
		return usageError{fmt.Errorf("--format %q: use text or json", f.format)}
	case asHTML && (f.check || withFormat):
		return usageError{errors.New("--html goes without --check and --format")}
	case asHTML && f.html == "":
		return usageError{errors.New("--html wants the name of a file")}
	case asHTML:
		return checkTarget("--html", f.html)
	}
	return nil
}

func (p *program) explain(ctx context.Context, who mail.Submitter, f explainFlags) error {
	if err := p.notStore("--html", f.html); err != nil {
		return err
	}
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(p.config.Hours.TimeZone)
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
		if suspects, err = p.nobodys(ctx, db, who, ruleSet, f); err != nil || len(suspects) == 0 {
			return err
		}
	}
	d, err := p.collect(ctx, db, suspects[0], ruleSet)
	if err != nil {
		return err
	}
	d.AllRows = f.allRows
	for _, other := range suspects[1:] {
		if other.Submitter == d.Suspect.Submitter {
			d.Others = append(d.Others, other)
		}
	}
	if err := d.look(ctx, db, zone); err != nil {
		return err
	}
	switch {
	case f.html != "":
		return p.writePage(ctx, db, &d, f.html)
	case f.format == "json":
		return printJSON(p.out, newExplainReport(d))
	}
	return d.print(p.out, terminalWidth(p.out))
}

// nobodys tells that nobody is under suspicion. For a page of a submitter it returns
// what stands for an episode.
func (p *program) nobodys(ctx context.Context, db *store.DB, who mail.Submitter, ruleSet []*detect.Rule, f explainFlags) ([]store.Suspect, error) {
	switch {
	case who == (mail.Submitter{}) && f.format == "json":
		return nil, printJSON(p.out, newExplainReport(dossier{}))
	case who == (mail.Submitter{}):
		_, err := fmt.Fprintln(p.out, "no suspects: no rule has accused anybody in the mail that is stored")
		return nil, err
	case f.html == "":
		return nil, p.unsuspected(ctx, db, who, ruleSet, f.format)
	}
	return nobodysSuspect(ctx, db, who)
}

// writePage writes the dossier as a page, and says where it is.
func (p *program) writePage(ctx context.Context, db *store.DB, d *dossier, path string) error {
	_, newest, err := db.Span(ctx)
	if err != nil {
		return err
	}
	data, err := d.html(newest)
	if err != nil {
		return err
	}
	if err := writeClosed(path, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	_, err = fmt.Fprintf(p.out, "%s is explained in %s (%s); it holds personal data\n", visible(d.Suspect.Submitter.String()), visible(path), size(len(data)))
	return err
}

// collect gathers what the store and the logs know of an episode.
func (p *program) collect(ctx context.Context, db *store.DB, s store.Suspect, ruleSet []*detect.Rule) (dossier, error) {
	d := dossier{Suspect: s, Weighers: weighersOf(ruleSet)}
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
	var watched map[mail.LogPos]mail.Path
	// Each reads the mail of the episode, which may be months of it: side by side.
	g, each := errgroup.WithContext(ctx)
	for _, gather := range []func() error{
		func() (err error) { d.Domains, err = db.TopDomains(each, who, since, until, maxDomains); return err },
		func() (err error) { d.Uses, err = db.Uses(each, who, since, until, maxDomains); return err },
		func() (err error) { d.Recipients, err = db.Recipients(each, who, since, until, maxSample); return err },
		func() (err error) { d.Returned, err = db.CameBack(each, who, since, until, maxSample); return err },
		func() (err error) { d.Before, err = db.Accepted(each, who, since, s.FirstFlagged); return err },
		func() (err error) { d.Weighed, err = weighed(each, db, who, d.Findings); return err },
		func() (err error) { d.Watched, watched, err = onWatch(each, db, who); return err },
		func() (err error) { d.Timeline, err = db.Timeline(each, who, since, until); return err },
		func() (err error) {
			d.Logins, err = db.Logins(each, who, since.Add(-detect.Quiet), until, maxLogins)
			return err
		},
	} {
		g.Go(gather)
	}
	if err := g.Wait(); err != nil {
		return d, err
	}
	maps.Copy(d.Weighed, watched)
	d.Remedies = remediesOf(d.Findings, ruleSet)
	return d, prove(ctx, db, d.Findings)
}

// weighersOf are how rules sum up, by their names; nil of those that do not.
func weighersOf(ruleSet []*detect.Rule) map[string]*detect.Weigher {
	all := map[string]*detect.Weigher{}
	for _, r := range ruleSet {
		all[r.Name] = r.Weigher
	}
	return all
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
		for _, pos := range slices.Concat(f.Evidence.Rows, f.Evidence.Others) {
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
	proofs := func(rows []mail.LogPos) (list []proof) {
		for _, pos := range rows {
			list = append(list, proof{pos, logs[pos.Log].Path, found[pos].Line, found[pos].Text})
		}
		return list
	}
	for i := range findings {
		f := &findings[i]
		f.Proof, f.Others = proofs(f.Evidence.Rows), proofs(f.Evidence.Others)
	}
	return nil
}
