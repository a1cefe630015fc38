package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"relaywatch/ingest"
	"relaywatch/store"
)

// ingestReport is what `ingest --json` prints.
type ingestReport struct {
	Files        int     `json:"files"`        // Logs with something new in them.
	Rows         int64   `json:"rows"`         // Rows read, quarantined ones too.
	Transactions int64   `json:"transactions"` // Rows that are new in v_transactions.
	Recipients   int64   `json:"recipients"`   // Rows that are new in v_recipients.
	Quarantined  int64   `json:"quarantined"`  // Rows that were not understood.
	Findings     int     `json:"findings"`     // Findings that are new or went on.
	Seconds      float64 `json:"seconds"`      // Of the wall clock.
}

func (p *program) ingestCommand() *cobra.Command {
	var asJSON bool
	var format, codePage string
	c := &cobra.Command{
		Use:   "ingest [PATH...]",
		Short: "Read logs to their end, store and judge them",
		Long: "ingest reads what is new in files, folders (with all below them) or globs, also\n" +
			"compressed with gzip, stores it, runs the rules, and ends. A log is told by its\n" +
			"content: read again, renamed or compressed, it adds nothing. Without PATH it\n" +
			"reads the logs of the configuration.",
		Example: "  relaywatch ingest 'C:\\Windows\\System32\\LogFiles\\SMTPSVC1'\n" +
			"  relaywatch ingest 'logs/ex26*.log.gz' RECV20261105-1.LOG",
		RunE: func(c *cobra.Command, args []string) error {
			sources, err := p.sources(args, format, codePage)
			if err != nil {
				return err
			}
			return p.ingest(c.Context(), sources, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&format, "format", "auto", "`FORMAT` of PATH: auto, iis-w3c, exchange-receive, exchange-send")
	c.Flags().StringVar(&codePage, "code-page", "", "code page of text in PATH that is no UTF-8 (default "+ingest.DefaultCodePage+")")
	return c
}

// sources is what to read: paths of the command line, else of the configuration.
func (p *program) sources(paths []string, format, codePage string) ([]ingest.Source, error) {
	var sources []ingest.Source
	logs := p.config.Logs
	if len(paths) > 0 {
		logs = nil
		for _, path := range paths {
			logs = append(logs, LogConfig{Path: path, Format: format, CodePage: codePage})
		}
	}
	for i, l := range logs {
		f := ingest.Format(l.Format)
		switch f {
		case "", ingest.FormatAuto, ingest.FormatIISW3C, ingest.FormatExchangeReceive, ingest.FormatExchangeSend:
		default:
			return nil, usageError{fmt.Errorf("--format %q: use auto, iis-w3c, exchange-receive or exchange-send", l.Format)}
		}
		if err := ingest.CheckCodePage(l.CodePage); err != nil {
			return nil, usageError{fmt.Errorf("--code-page: %w", err)}
		}
		if l.Path == "" {
			return nil, usageError{fmt.Errorf("PATH %d is empty", i+1)}
		}
		sources = append(sources, ingest.Source{Path: l.Path, Format: f, CodePage: l.CodePage})
	}
	if len(sources) == 0 {
		return nil, usageError{errors.New("nothing to read: name a PATH, or set logs in the configuration")}
	}
	return sources, nil
}

func (p *program) ingest(ctx context.Context, sources []ingest.Source, asJSON bool) error {
	start := time.Now()
	ruleSet, err := loadRules(p.config.Rules.Path)
	if err != nil {
		return err
	}
	site, err := p.config.site()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	resume, err := db.Resume(ctx)
	if err != nil {
		return err
	}
	line, err := newPipeline(ctx, db, ruleSet, site)
	if err != nil {
		return err
	}
	bar := p.progressBar()
	reader := &ingest.Reader{Sources: sources, Resume: resume, Progress: bar.show, Problem: bar.problem}
	result, problems := line.run(ctx, reader)
	bar.clear()
	if errors.Is(problems, context.Canceled) {
		return errors.New("stopped; what was read is stored, and the next run goes on from there")
	}
	keep, err := p.config.keep()
	if err != nil {
		return err
	}
	var pruned store.Pruned
	if keep > 0 {
		if pruned, err = db.Prune(ctx, keep); err != nil {
			return err
		}
	}
	report := ingestReport{
		Files: result.Files, Rows: result.Rows,
		Transactions: line.transactions,
		Recipients:   line.recipients,
		Quarantined:  line.quarantined,
		Findings:     len(line.found),
		Seconds:      time.Since(start).Round(time.Millisecond).Seconds(),
	}
	if pruned.Transactions > 0 {
		p.log.Info().Msgf("removed %s transactions from before %s: store.keep is %s",
			thousands(pruned.Transactions), short(pruned.Before), p.config.Store.Keep)
	}
	return p.reportIngest(ctx, db, report, result, problems, asJSON)
}

// reportIngest prints what was read, and returns the problems that it named.
func (p *program) reportIngest(ctx context.Context, db *store.DB, r ingestReport, result ingest.Result, problems error, asJSON bool) error {
	if asJSON {
		if err := printJSON(p.out, r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(p.out, "read %s rows of %d logs in %.1f s: %s transactions, %s recipients, %s rows quarantined\n",
			thousands(r.Rows), r.Files, r.Seconds, thousands(r.Transactions), thousands(r.Recipients), thousands(r.Quarantined))
		if result.Same > 0 {
			fmt.Fprintf(p.out, "%d files held nothing new\n", result.Same)
		}
		if err := p.sayNext(ctx, db); err != nil {
			return err
		}
	}
	var known interface{ Unwrap() []error }
	if errors.As(problems, &known) {
		return errSaid // bar.problem said each of them.
	}
	return problems
}

// sayNext says how many suspects there are, and what hides others.
func (p *program) sayNext(ctx context.Context, db *store.DB) error {
	suspects, err := db.Suspects(ctx, store.Filter{})
	if err != nil {
		return err
	}
	open := 0
	for _, s := range suspects {
		if s.State == "open" {
			open++
		}
	}
	fmt.Fprintf(p.out, "%d suspects, %d of them still active; the store is %s\n", len(suspects), open, visible(p.config.Store.Path))
	return p.sayBlind(ctx, db)
}

// bar is the progress bar of a long read, where there is a terminal.
type bar struct {
	p   *program
	bar *progressbar.ProgressBar // nil without a terminal.
}

func (p *program) progressBar() *bar { return &bar{p: p} }

func (b *bar) show(at ingest.Progress) {
	if !isTerminal(b.p.err) || at.Total == 0 {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(at.Total,
			progressbar.OptionSetWriter(b.p.err),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(),
		)
	}
	b.bar.Describe(fmt.Sprintf("%s rows, %s rows/s", thousands(at.Rows), thousands(int64(float64(at.Rows)/max(b.bar.State().SecondsSince, 0.001)))))
	_ = b.bar.Set64(min(at.Bytes, at.Total)) // It only draws.
}

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // It only draws.
	}
}

// problem says why a log was not read.
func (b *bar) problem(path string, err error) {
	b.clear()
	var refused *ingest.RefusedError
	var unknown *ingest.UnknownFormatError
	switch {
	case errors.As(err, &refused), errors.As(err, &unknown):
		b.p.log.Error().Msg(visible(path + " " + err.Error()))
	case errors.Is(err, fs.ErrNotExist):
		b.p.log.Error().Msg(visible(path + " is not there: check the path, and quote a glob"))
	case errors.Is(err, fs.ErrPermission):
		b.p.log.Error().Msg(visible(path + " can't be read: give this account the right to read it"))
	default:
		b.p.log.Error().Msg(visible(path + ": " + err.Error()))
	}
}
