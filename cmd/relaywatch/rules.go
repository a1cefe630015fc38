package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/detect"
)

func (p *program) rulesCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:                        "rules",
		Short:                      "The rules in force: list, check, test, replay, calibrate",
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		Run:                        func(*cobra.Command, []string) {}, // Args lets nothing through.
	}
	c.PersistentFlags().StringVar(&dir, "rules", "", "`FOLDER` of rules (default: rules.path of the configuration, else the built-in ones)")
	load := func() ([]*detect.Rule, error) {
		if dir == "" {
			dir = p.config.Rules.Path
		}
		return rulesIn(dir)
	}
	c.AddCommand(p.rulesListCommand(load), p.rulesCheckCommand(load), p.rulesTestCommand(load), p.rulesReplayCommand(&dir), p.rulesCalibrateCommand(&dir, load))
	return c
}

func (p *program) rulesListCommand(load func() ([]*detect.Rule, error)) *cobra.Command {
	var format string
	var signals bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Print the rules, or the signals that rules can name",
		Args:  only(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			if signals {
				r := &rows{columns: []string{"signal", "unit", "about"}, prose: "about"}
				for _, s := range detect.Signals() {
					r.cells = append(r.cells, []any{s.Name, s.Unit, s.About})
				}
				return r.print(p.out, format)
			}
			ruleSet, err := load()
			if err != nil {
				return err
			}
			r := &rows{
				columns: []string{"rule", "level", "weight", "window", "submitters", "from", "techniques", "about"},
				prose:   "about", spare: []string{"from", "submitters", "techniques"},
			}
			for _, rule := range ruleSet {
				r.cells = append(r.cells, []any{
					rule.Name, string(rule.Level), rule.Weight, span(rule.Window),
					strings.Join(rule.Submitters, " "), rule.From, strings.Join(rule.Techniques, " "), rule.About,
				})
			}
			return r.print(p.out, format)
		},
	}
	formatFlag(c, &format)
	c.Flags().BoolVar(&signals, "signals", false, "print the signals that the condition of a rule can name")
	return c
}

func (p *program) rulesCheckCommand(load func() ([]*detect.Rule, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check rule files; every mistake is named as file:line:column",
		Args:  only(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			ruleSet, err := load()
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%d rules are valid\n", len(ruleSet))
			return nil
		},
	}
}

func (p *program) rulesTestCommand(load func() ([]*detect.Rule, error)) *cobra.Command {
	var verbose bool
	c := &cobra.Command{
		Use:   "test",
		Short: "Run the tests inside the rules",
		Args:  only(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			ruleSet, err := load()
			if err != nil {
				return err
			}
			failed := 0
			results := detect.RunTests(ruleSet)
			for _, r := range results {
				switch {
				case r.Err != nil:
					failed++
					fmt.Fprintf(p.out, "FAIL %s: %s: %s\n", visible(r.Rule), visible(r.Case), visibleLines(r.Err.Error()))
				case verbose:
					fmt.Fprintf(p.out, "ok   %s: %s\n", visible(r.Rule), visible(r.Case))
				}
			}
			fmt.Fprintf(p.out, "%d rules, %d tests, %d failed\n", len(ruleSet), len(results), failed)
			if failed > 0 {
				return errSaid
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "print tests that passed, too")
	return c
}
