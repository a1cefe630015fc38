package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

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
	sources, err := p.followed()
	if err != nil {
		return err
	}
	mails, err := p.checkMail()
	if err != nil {
		return err
	}
	alerts, err := p.checkAlerts()
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "the configuration is valid: %d logs or folders to follow, %d rules, store %s; %s; %s\n",
		len(sources), len(ruleSet), visible(p.config.Store.Path), mails, visible(alerts))
	return nil
}

// agent follows logs until it is told to stop. What goes wrong with the store is
// said once, retried ever more slowly, and heals when its cause ends: rows wait in
// the logs meanwhile.
type agent struct {
	p       *program
	store   string // Its path.
	started time.Time
	watch   *configWatch
	opened  bool          // The file at store was a store once.
	refused bool          // See unlessRefused.
	news    chan struct{} // Holds one if the report is to be written soon.
	keeper  keeper

	mu       sync.Mutex // Guards what follows; the health page reads it.
	trouble  map[string]trouble
	ended    map[string]ended // Lately.
	follower *ingest.Follower
	last     lastSeen
	servers  []serverHealth // As they were judged last.
	sent     []sentAlerts   // By way.
}

func newAgent(p *program) *agent {
	keeper := p.keeper
	if keeper == nil {
		keeper = nobodyKeeps{}
	}
	return &agent{
		p: p, keeper: keeper, store: p.config.Store.Path, started: time.Now(), trouble: map[string]trouble{}, ended: map[string]ended{}, news: make(chan struct{}, 1),
		watch: newConfigWatch(watchPaths(p.configFile, p.config.Rules.Path, os.Getenv)...),
	}
}

// Waits between tries, and how often the agent looks after things that need no
// haste.
const (
	firstRetry  = 500 * time.Millisecond
	lastRetry   = 30 * time.Second
	reloadEvery = 5 * time.Second
	pruneEvery  = time.Hour
)

// errReload ends one stretch of following because the configuration changed.
var errReload = errors.New("the configuration changed")

// run is the agent. It returns when ctx is done, with everything stored.
func (a *agent) run(ctx context.Context) error {
	release, held, err := a.takeAgent(ctx)
	switch {
	case !held && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case !held:
		return fmt.Errorf("another relaywatch agent already writes to %s, or relaywatch forget or recipients changes it: stop it first, or wait for it, or name another file with --db", a.store)
	}
	defer release()
	reported := make(chan struct{})
	reporting, stopReports := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(reported)
		a.keepReporting(reporting)
	}()
	a.unlessRefused(lowerPriority())
	a.p.log.Info().Str("version", version()).Str("store", a.store).Msg("agent started")
	a.followForEver(ctx)
	a.p.log.Info().Msg("agent stopped")
	stopReports()
	<-reported
	return nil
}

// followForEver follows until ctx is done. After an error it waits, and begins anew.
func (a *agent) followForEver(ctx context.Context) {
	wait := firstRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := a.follow(ctx)
		if errors.Is(err, errReload) || err == nil || ctx.Err() != nil { // At a stop, what was under way is left to the next start.
			wait = firstRetry
			continue
		}
		a.say("store", err)
		if err := a.renew(ctx, err); err != nil {
			a.say("store", err)
		}
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		if !sleep(ctx, wait) {
			return
		}
		a.keeper.alive()
		wait = min(2*wait, lastRetry)
		a.reloadIfChanged()
	}
}

// follow opens the store and follows the logs until ctx is done, the store fails,
// or the configuration changes.
func (a *agent) follow(ctx context.Context) error {
	p := a.p
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	if err := p.config.makeKey(); err != nil {
		return err
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	sources, err := p.followed()
	if err != nil {
		return err
	}
	db, err := a.openStore(ctx)
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
	if err := a.tellMachines(ctx, db); err != nil {
		return err
	}
	if why := line.whySpoilt(); why != nil {
		a.warn("judgement", why)
	}
	full := cmp.Or(p.batchRows, batchRows)
	y := yielding{agent: a, full: int64(full), cores: p.config.Agent.MaxCPU} // The configuration may be replaced beside it.
	l := &live{agent: a, db: db, line: line, hearing: newHearing(sources, site.Hours, resume.Logs), shown: true, yielding: y, read: map[mail.LogID]int64{}}
	return l.run(ctx, &ingest.Follower{
		Sources: sources, Resume: resume, BatchRows: full, Hide: site.Hide, Poll: ingest.PollMode(p.config.Agent.Poll), Interval: p.config.Agent.interval(),
		Problem: a.logProblem, Ahead: l.sinkAhead,
	})
}

// openStore opens the store, and says if it is a new one.
func (a *agent) openStore(ctx context.Context) (*store.DB, error) {
	old, statErr := os.Stat(a.store)
	db, err := store.Open(ctx, a.store)
	if err != nil {
		return nil, err
	}
	if statErr != nil || old.Size() == 0 {
		a.p.log.Info().Msg("the store is new: the logs are read from their beginning")
	}
	if err := db.SetPatience(ctx, patience); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a.opened = true
	return db, nil
}

// works tells whoever keeps the agent that it follows the logs.
func (a *agent) works() {
	a.keeper.ready()
	a.keeper.alive()
}

// reloadIfChanged takes on a changed configuration, and tells whether it did. A
// version that is not valid is refused.
func (a *agent) reloadIfChanged() bool {
	if !a.watch.changed() {
		return false
	}
	if err := a.reload(); err != nil {
		a.say("configuration", fmt.Errorf("the changed configuration is refused, the former one stays in force: %w", err))
		return false
	}
	a.heal("configuration")
	a.p.log.Info().Msg("the configuration changed: it is in force now")
	return true
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
	if c.Store.Path != a.store {
		return fmt.Errorf("store.path changed from %s to %s: restart the agent for that", a.store, c.Store.Path)
	}
	if _, err := c.judgingSite(); err != nil {
		return err
	}
	if _, err := rulesIn(c.Rules.Path); err != nil {
		return err
	}
	if c.Rules.Path != a.p.config.Rules.Path {
		a.watch = newConfigWatch(watchPaths(a.p.configFile, c.Rules.Path, os.Getenv)...)
	}
	a.p.config = c
	return nil
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
