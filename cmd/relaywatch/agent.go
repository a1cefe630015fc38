package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

func (p *program) agentCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "agent",
		Short: "Follow the logs of the configuration for ever, store and judge them",
		Long: "agent reads what is new in the logs of the configuration, follows them as they grow,\n" +
			"stores and judges every row within a second, prunes, and reports its own health.\n" +
			"It ends on Ctrl-C, SIGTERM or when the service is stopped.",
		Args: only(0, "no argument, or one of install, uninstall, start, stop"),
		RunE: func(c *cobra.Command, _ []string) error {
			if check {
				return p.checkAgent()
			}
			return p.runService(c.Context())
		},
	}
	c.Flags().BoolVar(&check, "check", false, "check the configuration and the rules, and end")
	c.AddCommand(p.serviceCommands()...)
	return c
}

// checkAgent says whether the agent could start. The configuration itself is
// checked before any command.
func (p *program) checkAgent() error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	sources, err := p.sources(nil, "", "")
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "the configuration is valid: %d logs or folders to follow, %d rules, store %s\n",
		len(sources), len(ruleSet), visible(p.config.Store.Path))
	return nil
}

// agent follows logs until it is told to stop. What goes wrong with the store is
// said once, retried ever more slowly, and heals when its cause ends: rows wait in
// the logs meanwhile.
type agent struct {
	p       *program
	started time.Time

	mu       sync.Mutex // Guards what follows; the health page reads it.
	trouble  map[string]trouble
	follower *ingest.Follower
	last     lastSeen
}

// trouble is something that is wrong now.
type trouble struct {
	Text  string
	Since time.Time
}

// lastSeen is what the agent did last.
type lastSeen struct {
	Batch   time.Time // Clock time of the last batch stored.
	Row     mail.Time // Event time of its front.
	Finding mail.Time // Event time of the newest finding.
	Rows    int64     // Stored since the start.
	Found   int64     // Findings since the start.
}

// Waits between tries, and how often the agent looks after things that need no
// haste.
const (
	firstRetry  = 500 * time.Millisecond
	lastRetry   = 30 * time.Second
	reloadEvery = 5 * time.Second
	pruneEvery  = time.Hour
	judgeDelay  = 10 * time.Second // Between final judgements; provisional ones come with every batch.
)

// errReload ends one stretch of following because the configuration changed.
var errReload = errors.New("the configuration changed")

// run is the agent. It returns when ctx is done, with everything stored.
func (a *agent) run(ctx context.Context) error {
	lock := flock.New(a.p.config.Store.Path + ".lock")
	held, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s.lock: %w", a.p.config.Store.Path, err)
	}
	if !held {
		return fmt.Errorf("another relaywatch agent already writes to %s: stop it first, or name another file with --db", a.p.config.Store.Path)
	}
	defer func() { _ = lock.Unlock() }()
	a.p.log.Info().Str("version", version()).Str("store", a.p.config.Store.Path).Msg("agent started")
	wait := firstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := a.follow(ctx)
		switch {
		case errors.Is(err, errReload):
			wait = firstRetry
			continue
		case err == nil:
			continue
		}
		a.say("store", err)
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		if !sleep(ctx, wait) {
			break
		}
		wait = min(2*wait, lastRetry)
	}
	a.p.log.Info().Msg("agent stopped")
	return nil
}

// follow opens the store and follows the logs until ctx is done, the store fails,
// or the configuration changes.
func (a *agent) follow(ctx context.Context) error {
	p := a.p
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	site, err := p.config.site()
	if err != nil {
		return err
	}
	sources, err := p.sources(nil, "", "")
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
	if why := line.whySpoilt(); why != nil {
		a.tell(zerolog.WarnLevel, "judgement", why)
	}
	if err := line.catchUp(ctx); err != nil {
		return err
	}
	a.heal("judgement")
	a.heal("store")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch, err := newConfigWatch(p.configFile, p.config.Rules.Path)
	if err != nil {
		return err
	}
	l := &live{agent: a, db: db, line: line, watch: watch, cancel: cancel}
	f := &ingest.Follower{
		Sources: sources, Resume: resume, BatchRows: p.batchRows, Poll: ingest.PollMode(p.config.Agent.Poll), Interval: p.config.Agent.interval(),
		Problem: a.logProblem,
	}
	a.mu.Lock()
	a.follower = f
	a.mu.Unlock()
	looks := make(chan struct{})
	go func() {
		defer close(looks)
		l.look(ctx)
	}()
	err = f.Run(ctx, l.sink)
	cause := context.Cause(ctx)
	cancel(nil)
	<-looks // The store is closed after this.
	if errors.Is(cause, errReload) {
		return errReload
	}
	if err != nil {
		return err
	}
	j := line.take()
	ctx = context.WithoutCancel(ctx)
	if err := db.WriteJudgement(ctx, j); err != nil {
		return err
	}
	return l.preview(ctx, true)
}

// live is one stretch of following with one configuration.
type live struct {
	agent  *agent
	db     *store.DB
	line   *pipeline
	watch  *configWatch
	cancel context.CancelCauseFunc
	judged time.Time // Clock time of the last final judgement.
	shown  bool      // The store holds provisional findings.
}

// sink stores a batch, judges it, and shows what was found. A store that can't
// take it now is asked again until it can, or until the file is another one.
func (l *live) sink(ctx context.Context, b *ingest.Batch) error {
	wait := firstRetry
	for {
		err := l.store(ctx, b)
		if err == nil {
			break
		}
		if !store.Temporary(err) {
			return err
		}
		l.agent.say("store", err)
		if !sleep(ctx, wait) {
			return nil // Not stored: the cursor did not move, the next start reads it again.
		}
		wait = min(2*wait, lastRetry)
	}
	l.agent.heal("store")
	return l.judge(ctx, b)
}

func (l *live) store(ctx context.Context, b *ingest.Batch) error {
	if err := l.db.SameFile(); err != nil {
		return err
	}
	return l.db.Write(context.WithoutCancel(ctx), b)
}

func (l *live) judge(ctx context.Context, b *ingest.Batch) error {
	ctx = context.WithoutCancel(ctx)
	now := time.Now()
	take := now.Sub(l.judged) >= judgeDelay
	j := l.line.judge(b, take)
	if l.line.anew { // Rows came that are older than what was judged for good.
		again, err := l.line.judgeAnew(ctx, b.Front)
		if err != nil {
			return err
		}
		j = &again
	}
	if j != nil {
		if err := l.db.WriteJudgement(ctx, *j); err != nil {
			return err
		}
		l.judged = now
	}
	if err := l.preview(ctx, j != nil); err != nil {
		return err
	}
	l.agent.seen(b, l.line)
	return nil
}

// preview shows what rests on rows that others may still precede. The store drops
// it with the next judgement, so it is stored again after one.
func (l *live) preview(ctx context.Context, dropped bool) error {
	j := l.line.engine.Preview()
	some := len(j.Findings)+len(j.Episodes) > 0
	if !some && (!l.shown || dropped) {
		l.shown = false
		return nil
	}
	l.shown = some
	l.line.count(j)
	return l.db.WriteJudgement(ctx, j)
}

// prune removes rows that are too old. It takes small steps, between which rows are
// stored.
func (l *live) prune(ctx context.Context) {
	keep, err := l.agent.p.config.keep()
	if err != nil || keep == 0 {
		return
	}
	pruned, err := l.db.Prune(ctx, keep)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.agent.say("prune", err)
	default:
		l.agent.heal("prune")
		if pruned.Transactions > 0 {
			l.agent.p.log.Info().Int64("transactions", pruned.Transactions).Str("before", pruned.Before.String()).Msg("old rows removed")
		}
	}
}

// report keeps the agent's health in the store, for `status`.
func (l *live) report(ctx context.Context) {
	b, err := json.Marshal(l.agent.health(time.Now()))
	if err == nil {
		err = l.db.WriteAgent(ctx, b)
	}
	if err != nil && ctx.Err() == nil {
		l.agent.say("report", err)
		return
	}
	l.agent.heal("report")
}

// look does what comes round: it reloads the configuration when it changes, prunes,
// and reports.
func (l *live) look(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	l.report(ctx)
	l.prune(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			l.prune(ctx)
		case <-tick.C:
			l.report(ctx)
			if !l.watch.changed() {
				continue
			}
			if err := l.agent.reload(); err != nil {
				l.agent.say("configuration", fmt.Errorf("the changed configuration is refused, the former one stays in force: %w", err))
				continue
			}
			l.agent.heal("configuration")
			l.agent.p.log.Info().Msg("the configuration changed: it is in force now")
			l.cancel(errReload)
			return
		}
	}
}

// reload reads the configuration and the rules again. A version that is not valid
// changes nothing.
func (a *agent) reload() error {
	c, err := loadConfig(a.p.configFile, os.Getenv)
	if err != nil {
		return err
	}
	if a.p.dbPath != "" {
		c.Store.Path = a.p.dbPath
	}
	if c.Store.Path != a.p.config.Store.Path {
		return fmt.Errorf("store.path changed from %s to %s: restart the agent for that", a.p.config.Store.Path, c.Store.Path)
	}
	if _, err := rulesIn(c.Rules.Path); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.p.config = c
	return nil
}

// say tells of trouble once, until it heals.
func (a *agent) say(what string, err error) { a.tell(zerolog.ErrorLevel, what, err) }

func (a *agent) tell(level zerolog.Level, what string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.trouble[what]; ok && t.Text == err.Error() {
		return
	}
	a.trouble[what] = trouble{err.Error(), time.Now()}
	a.p.log.WithLevel(level).Str("what", what).Msg(visibleLines(err.Error()))
}

// heal tells that trouble ended.
func (a *agent) heal(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.trouble[what]; ok {
		delete(a.trouble, what)
		a.p.log.Info().Str("what", what).Dur("after", time.Since(t.Since).Round(time.Second)).Msg("healed")
	}
}

// logProblem tells what is wrong with a log; nil is that it healed.
func (a *agent) logProblem(path string, err error) {
	if err == nil {
		a.heal("log " + path)
		return
	}
	a.say("log "+path, err)
}

func (a *agent) seen(b *ingest.Batch, line *pipeline) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last.Batch, a.last.Row = time.Now(), b.Front
	a.last.Rows += b.Rows
	a.last.Found = int64(len(line.found))
	for k := range line.found {
		a.last.Finding = max(a.last.Finding, k.at)
	}
}

// sleep waits, and returns false if ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
