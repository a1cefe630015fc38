package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/rules"
	"relaywatch/samples/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	seeds, rules, without, behaviour string
	attacks                          []string
	compare                          []string
	ablation, balanced, servers      bool
	markdown, json, verbose          bool
	people, days, workers            int
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	f.StringVar(&o.seeds, "seeds", "table", "table, tuning, or as 1-20")
	f.StringVar(&o.rules, "rules", "", "`FOLDER` of rules; empty is the built-in ones")
	f.StringVar(&o.without, "without", "", "leave this `RULE` out")
	f.Func("compare", "also with the rules of this `FOLDER`; may be given again", func(folder string) error {
		o.compare = append(o.compare, folder)
		return nil
	})
	f.Func("attacks", "only attacks of these `NAMES`, with commas between, and each in every attacked world", func(names string) error {
		o.attacks = strings.Split(names, ",")
		return checkAttacks(o.attacks)
	})
	f.StringVar(&o.behaviour, "behaviour", "", "`FILE` of who really mailed whom, to replay")
	f.BoolVar(&o.balanced, "balanced", false, "workstations come through a load balancer: the infected one is to be named, by its HELO name, and not the balancer")
	f.BoolVar(&o.servers, "balanced-servers", false, "as --balanced, and servers and devices come through it, too")
	f.BoolVar(&o.ablation, "ablation", false, "also without each rule in turn")
	f.BoolVar(&o.markdown, "markdown", false, "tables as Markdown")
	f.BoolVar(&o.json, "json", false, "all that was measured as one JSON object")
	f.BoolVar(&o.verbose, "verbose", false, "also a line for each attack and each false alarm")
	f.IntVar(&o.people, "people", standard.people, "people in a world")
	f.IntVar(&o.days, "days", standard.days, "days of a world; attacks begin in the last 14")
	f.IntVar(&o.workers, "workers", runtime.NumCPU(), "worlds at a time")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q: there are only flags (see -help)", f.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ruleSet, version, err := loadRules(o.rules, o.without)
	if err != nil {
		return err
	}
	p := standard
	if p.seeds, err = parseSeeds(o.seeds); err != nil {
		return err
	}
	p.people, p.days, p.attacks = o.people, o.days, o.attacks
	p.balanced, p.servers = o.balanced, o.servers
	if o.behaviour != "" {
		if p.behaviour, err = traffic.ReadBehaviour(o.behaviour); err != nil {
			return err
		}
	}
	e := evaluation{plan: p, rules: ruleSet, workers: max(1, o.workers)}
	if o.ablation {
		e.variants = without(ruleSet)
	}
	for _, folder := range o.compare {
		others, _, err := loadRules(folder, "")
		if err != nil {
			return err
		}
		e.variants = append(e.variants, variant{folder, others})
	}
	m, err := e.run(ctx)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, p, version, m)
	}
	to := &printer{to: out, markdown: o.markdown}
	to.line("Seeds %s, rules %s. %d worlds of %d people and %d days, with %d transactions and %d recipients; %d clean submitter-days.",
		p.seeds, version, m.Worlds, p.people, p.days, m.Transactions, m.Recipients, m.Days.all())
	if p.behaviour != nil {
		to.line("People write as those of %s did.", p.behaviour.Name)
	}
	to.line("Leak: recipients accepted until the second of the alarm, or all where the attack was not found. Time: from the first of them to the alarm.")
	to.report(m)
	if o.verbose {
		to.details(m)
	}
	return to.err
}

// loadRules reads the rules, and leaves one out if it is named. version tells which
// they are: their hash, and the revision of the program.
func loadRules(folder, without string) (loaded []*detect.Rule, version string, err error) {
	var files fs.FS = rules.Files
	version = "built-in"
	if folder != "" {
		files, version = os.DirFS(folder), folder
	}
	if loaded, err = detect.LoadRules(files); err != nil {
		return nil, "", err
	}
	hash := sha256.New()
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	version += " " + hex.EncodeToString(hash.Sum(nil)[:6]) + revision()
	if without == "" {
		return loaded, version, nil
	}
	rest := slices.DeleteFunc(slices.Clone(loaded), func(r *detect.Rule) bool { return r.Name == without })
	if len(rest) == len(loaded) {
		return nil, "", fmt.Errorf("no rule %q", without)
	}
	return rest, version + " without " + without, nil
}

// revision is that of the program, where it was built from a repository.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = ", revision " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}
	return commit + changed
}

func writeJSON(out io.Writer, p plan, version string, m *measured) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Seeds  string `json:"seeds"`
		Rules  string `json:"rules"`
		People int    `json:"people"`
		Days   int    `json:"days"`
		Goals  []goal `json:"goals"`
		*measured
	}{p.seeds.String(), version, p.people, p.days, m.goals(), m})
}
