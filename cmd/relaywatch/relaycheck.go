package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/mail"
	"relaywatch/relaycheck"
	"relaywatch/store"
)

// relaycheckSpec says what to check.
type relaycheckSpec struct {
	since, until mail.Time
	format       string
	probe        string // Host to test, with its port; "" tests none.
	domain       string // Where the recipients of the test are.
}

// checkedFor is how long before the newest row things are looked at: what was mended
// since shall not be told for ever.
const checkedFor = 30 * 24 * time.Hour

func (p *program) relaycheckCommand() *cobra.Command {
	var spec relaycheckSpec
	var since, until string
	c := &cobra.Command{
		Use:   "relaycheck",
		Short: "The health report of the relay: what is open, who uses it, and how to mend it",
		Long: "relaycheck tells from the logs what is wrong with the relay though nobody sends spam\n" +
			"through it yet: mail that it relays for strangers, hosts and connectors that relay\n" +
			"without a login, logins that anybody can read, guessing of passwords, mail from the\n" +
			"internet around the gateways, and what the logs do not tell. Each check says what was\n" +
			"read, what was found, and how to mend it. It looks at the last 30 days of the logs.\n\n" +
			"With --probe it asks one mail server itself, by the 16 address forms of classic relay\n" +
			"tests, up to RCPT and never DATA: nothing is sent to anybody. Try it from inside, and\n" +
			"from outside.",
		Example: "  relaywatch relaycheck\n  relaywatch relaycheck --probe mail.corp.example",
		Args:    only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if spec.format != "text" && spec.format != "json" {
				return usageError{fmt.Errorf("--format %q: use text or json", spec.format)}
			}
			var err error
			if spec.since, err = parseTime("--since", since); err != nil {
				return err
			}
			if spec.until, err = parseTime("--until", until); err != nil {
				return err
			}
			if spec.until != 0 && spec.until <= spec.since {
				return usageError{errors.New("--until is not after --since")}
			}
			return p.relaycheck(c.Context(), spec)
		},
	}
	c.Flags().StringVar(&spec.format, "format", "text", "`FORMAT`: text or json")
	c.Flags().StringVar(&since, "since", "", "look at rows from `TIME` on (default: 30 days before the newest)")
	c.Flags().StringVar(&until, "until", "", "look at rows before `TIME`")
	c.Flags().StringVar(&spec.probe, "probe", "", "test this mail server, too: `HOST[:PORT]`, one of yours")
	c.Flags().StringVar(&spec.domain, "probe-domain", probeDomain, "`DOMAIN` outside that the recipients of the test are in")
	return c
}

func (p *program) relaycheck(ctx context.Context, spec relaycheckSpec) error {
	report, facts, err := p.checked(ctx, spec)
	if err != nil {
		return err
	}
	if spec.probe != "" {
		result, err := p.probe(ctx, spec.probe, spec.domain)
		if err != nil {
			return err
		}
		report.Add(result)
	}
	if spec.format == "json" {
		return printJSON(p.out, newRelayReport(report))
	}
	return printReport(&page{w: p.out, width: terminalWidth(p.out)}, report, facts)
}

// checked is the report from the logs, and what it rests on. Who only probes needs no
// store: then both are empty.
func (p *program) checked(ctx context.Context, spec relaycheckSpec) (*relaycheck.Report, *relaycheck.Facts, error) {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if errors.Is(err, store.ErrNoStore) && spec.probe != "" {
		return &relaycheck.Report{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	facts, err := p.facts(ctx, db, spec.since, spec.until)
	if err != nil {
		return nil, nil, err
	}
	report := relaycheck.Run(facts)
	return &report, facts, nil
}
