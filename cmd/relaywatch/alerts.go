package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"relaywatch/alert"
)

func (p *program) alertsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Alerts to machines, as a SIEM: what was sent, and whether it arrives",
		Long: "The agent tells a webhook and a syslog server of each episode that opens, has grown or\n" +
			"is withdrawn: see alerts in the configuration. `relaywatch status` sums up what waits.",
		Args: subcommand,
		Run:  func(*cobra.Command, []string) {},
	}
	c.AddCommand(p.alertsListCommand(), &cobra.Command{
		Use:   "test",
		Short: "Send a harmless alert each configured way, and show what is answered",
		Args:  only(0, "no argument"),
		RunE:  func(c *cobra.Command, _ []string) error { return p.testAlerts(c.Context()) },
	})
	return c
}

// testAlerts sends a harmless alert each way. What it is made of is shown, so that who
// writes a parser has an example.
func (p *program) testAlerts(ctx context.Context) error {
	ways := p.config.Alerts.ways()
	if len(ways) == 0 {
		return usageError{errors.New("no machine is to get alerts: set alerts.webhook.url or alerts.syslog.address in the configuration")}
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	failed := false
	for _, way := range ways {
		if err := p.testAlert(ctx, way, alert.Test(host, p.clock())); err != nil {
			p.complain(err.Error())
			failed = true
		}
	}
	if failed {
		return errSaid
	}
	return nil
}

func (p *program) testAlert(ctx context.Context, way string, a *alert.Message) error {
	other, err := p.config.sender(way)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "* %s\n", visible(other.String()))
	show := func(line string) { fmt.Fprintln(p.out, visible(line)) }
	switch other := other.(type) {
	case *alert.Webhook:
		other.Dialogue = show
	case *alert.Syslog:
		other.Dialogue = show
	}
	answer, err := other.Send(ctx, a)
	if err == nil {
		fmt.Fprintf(p.out, "< %s\n", visible(answer))
	}
	return err
}
