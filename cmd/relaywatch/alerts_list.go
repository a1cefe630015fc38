package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/alert"
	"relaywatch/store"
)

func (p *program) alertsListCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "The alerts of the last 30 days, and what became of each",
		Args:  only(0, "no argument"),
		RunE:  func(c *cobra.Command, _ []string) error { return p.listAlerts(c.Context(), format) },
	}
	formatFlag(c, &format)
	return c
}

func (p *program) listAlerts(ctx context.Context, format string) error {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Alerts(ctx)
	if err != nil {
		return err
	}
	r := &rows{
		columns: []string{"id", "made_at", "way", "event", "grew", "submitter", "severity", "state", "tries", "done_at", "error"},
		prose:   "error", spare: []string{"tries", "done_at", "grew"},
		empty: "no alerts: the agent makes them where alerts.webhook.url or alerts.syslog.address is set in the configuration",
	}
	for i := range all {
		a := &all[i]
		var s alert.Suspect
		if err := json.Unmarshal(a.Suspect, &s); err != nil {
			return fmt.Errorf("alert %s in the store: %w", alertID(a), err)
		}
		r.cells = append(r.cells, []any{
			alertID(a), a.Made.String(), a.Way, a.Event, strings.Join(a.Grew, ","), s.Submitter, string(s.Severity), alertState(a), count(a.Tries), a.Done.String(), a.Error,
		})
	}
	return r.print(p.out, format)
}

// alertState says what became of an alert.
func alertState(a *store.Alert) string {
	switch {
	case a.Taken:
		return "taken"
	case a.Done != 0:
		return "given up"
	}
	return "waits"
}
