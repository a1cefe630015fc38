package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2 // Wrong use or configuration.
	exitSuspects = 3 // `suspects --fail-on` found some; they are printed.
)

// usageError is an error of whoever called: its exit code is exitUsage.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// program is one call of relaywatch.
type program struct {
	out io.Writer // Results.
	err io.Writer // Everything else.
	log zerolog.Logger

	events zerolog.LevelWriter // The system's event log, which takes the place of a console; nil if there is none.
	keeper keeper              // Of the agent; nil is nobody.

	configFile string
	dbPath     string
	logLevel   string
	config     *Config

	// Only tests set these.
	in         io.Reader        // Where questions are answered; nil is standard input.
	batchRows  int              // 0 is the constant of that name.
	checkEvery time.Duration    // 0 is the agent's default, here too:
	judgeDelay time.Duration    // See agent.judgeDelay.
	lookEvery  time.Duration    // 0 is reloadEvery.
	pruneAfter time.Duration    // See agent.pruneAfter.
	now        func() time.Time // The clock for mail; nil is the host's.
	mailEvery  time.Duration    // 0 is the constant of that name.
}

// run runs one command and returns its exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	return (&program{out: out, err: errOut}).run(ctx, args)
}

func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.Is(err, errSuspects):
		return exitSuspects
	case errors.As(err, &usage):
		p.complain(err.Error())
		return exitUsage
	case ctx.Err() != nil && !errors.Is(err, errStopped):
		err = errors.New("stopped")
	}
	p.complain(err.Error())
	return exitFailed
}

// complain says what is wrong on standard error, or in the system's event log.
func (p *program) complain(text string) {
	if p.events != nil {
		log := zerolog.New(p.events)
		log.Error().Msg(visibleLines(text))
		return
	}
	to := &page{w: p.err, width: terminalWidth(p.err)}
	for i, line := range strings.Split(visibleLines(text), "\n") {
		if i == 0 {
			line = "relaywatch: " + line
		}
		to.line(2, "%s", line)
	}
}

// errSaid is returned where the reason is already on standard error.
var errSaid = errors.New("failed")

// errSuspects is returned by suspects where some are as severe as --fail-on names.
var errSuspects = errors.New("suspects")

// errStopped is returned by ingest when it was interrupted.
var errStopped = errors.New("stopped; what was read is stored, and the next run goes on from there")

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "relaywatch",
		Short: "Finds the machines and accounts inside your network that send spam",
		Long: "relaywatch reads the SMTP logs that Exchange and IIS already write, keeps them in\n" +
			"SQLite, and names the hosts and accounts inside that send spam, with the log rows\n" +
			"that prove it.",
		Version:                    version(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       subcommand,
		Run:                        func(*cobra.Command, []string) {}, // Args lets nothing through.
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRunE:          func(*cobra.Command, []string) error { return p.prepare() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&p.configFile, "config", "", "configuration `FILE` (default: relaywatch.yaml here, if there is one)")
	flags.StringVar(&p.dbPath, "db", "", "SQLite `FILE` (default: store.path of the configuration)")
	flags.StringVar(&p.logLevel, "log-level", "info", "`L`evel of messages: debug, info, warn, error")
	root.AddCommand(p.ingestCommand(), p.suspectsCommand(), p.explainCommand(),
		p.queryCommand(), p.rulesCommand(), p.statusCommand(), p.backupCommand(), p.exportCommand(), p.agentCommand(), p.digestCommand(),
		p.triageCommand(), p.allowCommand(), p.schemaCommand(), p.sendersCommand(), p.relaycheckCommand(), p.alertsCommand(), p.forgetCommand(), p.recipientsCommand())
	return root
}

// prepare reads the configuration and makes the logger, before any command.
func (p *program) prepare() error {
	level, err := zerolog.ParseLevel(p.logLevel)
	if err != nil || p.logLevel == "" {
		return usageError{fmt.Errorf("--log-level %q: use debug, info, warn or error", p.logLevel)}
	}
	p.log = zerolog.New(zerolog.ConsoleWriter{Out: p.err, NoColor: !isTerminal(p.err), PartsExclude: []string{zerolog.TimestampFieldName}}).
		Level(level)
	p.config, err = loadConfig(p.configFile, os.Getenv)
	if p.config != nil {
		err = errors.Join(append(p.config.checkEnvironment(os.Environ()), err)...)
	}
	if err != nil {
		return usageError{err}
	}
	if p.dbPath != "" {
		p.config.Store.Path = p.dbPath
	}
	return nil
}

// subcommand is for a command that only has others: without an argument it shows
// its help.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return pflag.ErrHelp
	}
	hint := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	return usageError{fmt.Errorf("unknown command %q%s; see `%s --help`", args[0], hint, c.CommandPath())}
}

// only says how many arguments a command takes.
func only(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("`%s` takes %s; see `%s --help`", c.CommandPath(), what, c.CommandPath())}
		}
		return nil
	}
}
