package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// Where a submitter stands.
const (
	placeAccount = "account"
	placeHost    = "host" // Inside.
	placeGateway = "gateway"
	placeOutside = "outside"
)

// placeOf tells where a submitter stands.
func placeOf(site detect.Site, who mail.Submitter) string {
	if who.Kind != mail.KindIP {
		return placeAccount
	}
	addr, err := netip.ParseAddr(who.Value)
	if err != nil {
		return placeOutside // The log wrote no address.
	}
	addr = addr.Unmap().WithZone("")
	switch {
	case slices.Contains(site.Gateways, addr):
		return placeGateway
	case addr.IsLoopback(), slices.ContainsFunc(site.Internal, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return placeHost
	}
	return placeOutside
}

// sendersSpec chooses senders.
type sendersSpec struct {
	since, until mail.Time
	all          bool // Clients outside, too.
	outside      bool // Only those that mailed somebody outside.
	format       string
}

func (p *program) sendersCommand() *cobra.Command {
	var spec sendersSpec
	var since, until string
	c := &cobra.Command{
		Use:   "senders",
		Short: "The inventory of who uses this relay, as whom, how much, and when last",
		Long: "senders lists the accounts and the hosts inside that sent something: as which sender,\n" +
			"with a login or without, how much of it to the outside, on how many days, when last,\n" +
			"and through which server and connector. That is whom to ask, and whom to move, before\n" +
			"a server is shut off or a connector is closed. Clients outside are those that deliver\n" +
			"to us; --all lists them, too.",
		Example: "  relaywatch senders --outside --since 2026-10-01\n  relaywatch senders --format csv > senders.csv",
		Args:    only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if spec.since, err = parseTime("--since", since); err != nil {
				return err
			}
			if spec.until, err = parseTime("--until", until); err != nil {
				return err
			}
			if spec.until == 0 {
				spec.until = math.MaxInt64
			}
			return p.senders(c.Context(), spec)
		},
	}
	formatFlag(c, &spec.format)
	c.Flags().StringVar(&since, "since", "", "only what was sent from `TIME` on (2026-11-05, 2026-11-05T02:00:00Z)")
	c.Flags().StringVar(&until, "until", "", "only what was sent before `TIME`")
	c.Flags().BoolVar(&spec.all, "all", false, "list clients outside, too")
	c.Flags().BoolVar(&spec.outside, "outside", false, "list only those that mailed somebody outside")
	return c
}

// sendersTop is how many names of each kind are read; a table shows fewer.
const sendersTop = 5

func (p *program) senders(ctx context.Context, spec sendersSpec) error {
	site, err := p.config.site()
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	list, err := db.Senders(ctx, spec.since, spec.until, sendersTop)
	if err != nil {
		return err
	}
	hidden := 0
	list = slices.DeleteFunc(list, func(s store.Sender) bool {
		if spec.outside && (s.External == nil || *s.External == 0) {
			return true
		}
		outside := !spec.all && placeOf(site, s.Submitter) == placeOutside
		if outside {
			hidden++
		}
		return outside
	})
	if spec.format != "table" {
		return senderRecords(site, list).print(p.out, spec.format)
	}
	if err := senderRows(site, list).print(p.out, spec.format); err != nil {
		return err
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	if hidden > 0 {
		w.line(2, "and %s outside that delivered to us: --all lists them", words.Plural(hidden, "client"))
	}
	if spec.outside && len(site.OwnDomains) == 0 {
		w.line(2, "what is outside is not known: set network.own_domains in the configuration, and run ingest")
	}
	return w.err
}

// senderRows is for people.
func senderRows(site detect.Site, list []store.Sender) *rows {
	r := &rows{
		columns: []string{"sender", "is", "login", "messages", "recipients", "outside", "days", "last (UTC)", "through", "helo", "as"},
		prose:   "as", spare: []string{"helo", "days", "through", "messages"},
		empty: "nobody sent anything in the mail that is stored",
	}
	for i := range list {
		s := &list[i]
		r.cells = append(r.cells, []any{
			s.Submitter.String(), placeOf(site, s.Submitter), someOf(s.Authenticated, s.Transactions), count(s.Transactions), count(s.Recipients),
			optional(s.External, "?"), s.Days, short(s.Last), top(s.Servers, 1), top(s.HELOs, 1), top(s.ReversePaths, 2),
		})
	}
	return r
}

// someOf is yes, no or some.
func someOf(n, all int) string {
	switch n {
	case 0:
		return "no"
	case all:
		return "yes"
	}
	return "some"
}

// top are the first n names, and whether there are more.
func top(uses []store.Use, n int) string {
	var names []string
	for _, u := range uses[:min(n, len(uses))] {
		name := ingest.Cut(u.Text, 60)
		if name == "" {
			name = "<>"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ") + more(len(uses), n)
}

// senderRecords is for programs.
func senderRecords(site detect.Site, list []store.Sender) *rows {
	r := &rows{columns: []string{
		"sender", "is", "transactions", "recipients", "external", "authenticated", "relay_right", "plain", "encrypted", "days",
		"first_time", "last_time", "reverse_paths", "helos", "client_ips", "servers",
	}}
	names := func(uses []store.Use) string {
		var texts []string
		for _, u := range uses {
			texts = append(texts, fmt.Sprintf("%s (%d)", u.Text, u.Transactions))
		}
		return strings.Join(texts, ", ")
	}
	for i := range list {
		s := &list[i]
		r.cells = append(r.cells, []any{
			s.Submitter.String(), placeOf(site, s.Submitter), s.Transactions, s.Recipients, optional(s.External, nil), s.Authenticated, s.RelayRight,
			s.Plain, s.Encrypted, s.Days, s.First.String(), s.Last.String(), names(s.ReversePaths), names(s.HELOs), names(s.Clients), names(s.Servers),
		})
	}
	return r
}
