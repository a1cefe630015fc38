package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
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
			err = p.ingest(c.Context(), sources, asJSON)
			if err != nil && c.Context().Err() != nil {
				return errStopped
			}
			return err
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

// allMissing says so if none of the sources is there: a mistyped path must not leave
// an empty store. A glob is left to the reader.
func (p *program) allMissing(sources []ingest.Source) bool {
	errs := make([]error, len(sources))
	for i, s := range sources {
		if _, errs[i] = os.Stat(s.Path); !errors.Is(errs[i], fs.ErrNotExist) || strings.ContainsAny(s.Path, "*?[{") {
			return false
		}
	}
	bar := p.progressBar()
	for i, s := range sources {
		bar.problem(s.Path, errs[i])
	}
	return true
}

func (p *program) ingest(ctx context.Context, sources []ingest.Source, asJSON bool) error {
	start := time.Now()
	largePages(heapInUse)
	defer keepGarbage(garbageRoom)()
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	if p.allMissing(sources) {
		if asJSON {
			if err := printJSON(p.out, ingestReport{}); err != nil {
				return err
			}
		}
		return errSaid
	}
	if err := p.config.makeKey(); err != nil {
		return err
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	release, err := p.takeReading(ctx)
	if err != nil {
		return err
	}
	defer release()
	line, result, problems := p.read(ctx, db, ruleSet, site, sources)
	if problems != nil && !errors.Is(problems, errSaid) {
		return problems
	}
	if err := p.pruneOld(ctx, db, mail.Time(start.Unix())); err != nil {
		return err
	}
	report := ingestReport{
		Files: result.Files, Rows: result.Rows,
		Transactions: line.transactions,
		Recipients:   line.recipients,
		Quarantined:  line.quarantined,
		Findings:     len(line.found),
		Seconds:      time.Since(start).Round(time.Millisecond).Seconds(),
	}
	if problems != nil && result.Files == 0 && result.Same == 0 && !asJSON {
		return problems // There is nothing else to tell.
	}
	if text := unfinishedText(result.Unfinished, start); text != "" {
		p.log.Warn().Msg(visible(text))
	}
	if err := p.reportIngest(ctx, db, report, result, asJSON); err != nil {
		return err
	}
	return problems
}

// read reads, judges and stores what is new. It returns errSaid where some log could not be
// read, after all others were.
func (p *program) read(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, site detect.Site, sources []ingest.Source) (*pipeline, ingest.Result, error) {
	resume, err := db.Resume(ctx)
	if err != nil {
		return nil, ingest.Result{}, err
	}
	line, err := newPipeline(ctx, db, ruleSet, site)
	if err != nil {
		return nil, ingest.Result{}, err
	}
	if why := line.whySpoilt(); why != nil {
		p.log.Warn().Msg(visible(why.Error()))
	}
	bar := p.progressBar()
	reader := &ingest.Reader{Sources: sources, Resume: resume, BatchRows: cmp.Or(p.batchRows, batchRows), Hide: site.Hide, Progress: bar.show, Problem: bar.problem}
	result, err := line.run(ctx, reader)
	bar.clear()
	if err != nil && bar.said(err) {
		err = errSaid
	}
	return line, result, err
}

// pruneOld removes what is kept for long enough, and says so.
func (p *program) pruneOld(ctx context.Context, db *store.DB, now mail.Time) error {
	keep, err := p.config.keep()
	if err != nil || keep == (store.Keep{}) {
		return err
	}
	pruned, err := db.Prune(ctx, keep, now)
	if err != nil {
		return err
	}
	if pruned.Transactions > 0 {
		p.log.Info().Msgf("removed %s transactions from before %s: they are kept for %s",
			words.Thousands(pruned.Transactions), short(pruned.Before), span(keep.Transactions))
	}
	if pruned.Forgotten > 0 {
		p.log.Info().Msgf("removed the addresses of %s: they are kept for %s", words.Plural(pruned.Forgotten, "recipient"), span(keep.Recipients))
	}
	return nil
}

// reportIngest prints what was read.
func (p *program) reportIngest(ctx context.Context, db *store.DB, r ingestReport, result ingest.Result, asJSON bool) error {
	if asJSON {
		return printJSON(p.out, r)
	}
	text := &page{w: p.out, width: terminalWidth(p.out)}
	text.line(2, "read %s of %s in %.1f s: %s, %s, %s quarantined",
		words.Plural(r.Rows, "row"), words.Plural(r.Files, "log"), r.Seconds, words.Plural(r.Transactions, "transaction"),
		words.Plural(r.Recipients, "recipient"), words.Plural(r.Quarantined, "row"))
	if result.Same > 0 {
		text.line(2, "%s held nothing new", words.Plural(result.Same, "file"))
	}
	if text.err != nil {
		return text.err
	}
	return p.sayNext(ctx, db)
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
	if _, err := fmt.Fprintf(p.out, "%s, %d of them still active; the store is %s\n",
		words.Plural(len(suspects), "suspect"), open, visible(p.config.Store.Path)); err != nil {
		return err
	}
	return p.sayBlind(ctx, db)
}
