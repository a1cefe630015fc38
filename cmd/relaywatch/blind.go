package main

import (
	"context"
	"fmt"
	"strings"

	"relaywatch/ingest"
	"relaywatch/store"
)

// iisBoxes is where IIS lets columns be ticked.
const iisBoxes = "in IIS Manager, properties of the SMTP virtual server, General, Logging Properties, Advanced, tick "

// blindness is what a missing column costs.
var blindness = []struct {
	columns   []string // As a log's documentation names them.
	detection string
	box       string // Its name in IIS; "" for a column of Exchange.
}{
	{[]string{"cs-uri-query"}, "every rule but off-hours and login-attack, as no sender and no recipient is known", "URI Query (cs-uri-query)"},
	{[]string{"sc-status"}, "refused-recipients and login-attack; refused recipients count as accepted", "Protocol Status (sc-status)"},
	{[]string{"c-ip"}, "every rule, as nobody can be accused", "Client IP Address (c-ip)"},
	{[]string{"cs-method"}, "every rule, as rows have no command", "Method (cs-method)"},
	{[]string{"cs-username"}, "telling parallel sessions of one host apart by HELO name", "User Name (cs-username)"},
	{[]string{"date"}, "the day of a row, where a log goes on after midnight", "Date (date)"},
	{[]string{"time"}, "every rule with a window, and off-hours", "Time (time)"},
	{[]string{"s-computername"}, "which server wrote a row", "Server Name (s-computername)"},
	{[]string{"cs-bytes"}, "the size of messages", "Bytes Received (cs-bytes)"},
	{[]string{"data", "event", "session-id", "remote-endpoint", "date-time", "context"}, "every rule", ""},
}

// blind tells what the stored logs can't show.
func blind(s store.Status) []blindReport {
	list := []blindReport{}
	for _, b := range blindness {
		for _, column := range b.columns {
			if n, example := lacking(s.Logs, column); n > 0 {
				remedy := "read the log as Exchange wrote it, with all its columns"
				if b.box != "" {
					remedy = iisBoxes + b.box
				}
				list = append(list, blindReport{
					Detection: b.detection,
					Reason:    fmt.Sprintf("no %s in %d of %d logs, as %s", column, n, len(s.Logs), example),
					Remedy:    remedy,
				})
			}
		}
	}
	if keepsDomainsOnly(s.Path) {
		list = append(list, blindReport{
			"external-list, internal-phish, recipient-fanout and the bursts, for which all recipients of a domain are one",
			"privacy.recipients is domain", "set it to hash for a new store: by such names everything is found that is found by addresses",
		})
	}
	if len(s.OwnDomains) == 0 && len(s.Logs) > 0 {
		remedy := "set network.own_domains in the configuration, and run ingest again: all stored mail is then judged anew"
		if len(s.Suggested) > 0 {
			var names []string
			for _, d := range s.Suggested {
				names = append(names, d.Name)
			}
			remedy += "; outside clients deliver to " + strings.Join(names, ", ")
		}
		list = append(list, blindReport{"open-relay, external-only, and what is outside", "network.own_domains is not set", remedy})
	}
	return list
}

func lacking(logs []ingest.Log, column string) (n int, example string) {
	for _, l := range logs {
		for _, m := range l.Missing {
			if strings.EqualFold(m, column) {
				n++
				example = l.Path
			}
		}
	}
	return n, example
}

func printBlind(w *page, list []blindReport) {
	said := false
	for _, b := range list {
		box, isBox := strings.CutPrefix(b.Remedy, iisBoxes)
		switch {
		case !isBox:
			w.line(2, "blind: %s (%s): %s", visible(b.Detection), visible(b.Reason), visible(b.Remedy))
			continue
		case !said:
			w.line(2, "blind: logs lack columns; %s", strings.TrimSuffix(iisBoxes, " ")+":")
			said = true
		}
		w.line(4, "  %s, for %s (%s)", box, b.Detection, visible(b.Reason))
	}
}

// sayBlind prints what the stored logs can't show.
func (p *program) sayBlind(ctx context.Context, db *store.DB) error {
	s, err := db.Status(ctx)
	if err != nil {
		return err
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	printBlind(w, blind(s))
	return w.err
}
