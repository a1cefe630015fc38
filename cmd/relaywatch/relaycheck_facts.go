package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/relaycheck"
	"relaywatch/store"
)

// facts gathers what the store knows of the relay.
func (p *program) facts(ctx context.Context, db *store.DB, since, until mail.Time) (*relaycheck.Facts, error) {
	site, err := p.config.site()
	if err != nil {
		return nil, err
	}
	status, err := db.Status(ctx)
	if err != nil {
		return nil, err
	}
	if until == 0 {
		until = status.Newest + 1
	}
	if since == 0 {
		since = max(status.Oldest, until.Add(-checkedFor))
	}
	f := &relaycheck.Facts{Since: since, Until: until, OwnDomains: status.OwnDomains}
	for _, g := range site.Gateways {
		f.Gateways = append(f.Gateways, g.String())
	}
	sources, err := db.Ways(ctx, since, until)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		f.Transactions += s.Transactions
		f.Sources = append(f.Sources, relaycheck.Source{
			Server: hostName(s.Server), Connector: s.Connector, ClientIP: s.ClientIP, Place: checkPlace(site, s.ClientIP), User: s.User,
			Authenticated: s.Authenticated, RelayRight: s.RelayRight, TLS: s.TLS, Transactions: s.Transactions, Recipients: s.Recipients,
			External: s.External, Own: s.Own, Unknown: s.Unknown, First: s.First, Last: s.Last,
		})
	}
	p.logFacts(f, status)
	if err := loginFacts(ctx, db, site, f); err != nil {
		return nil, err
	}
	return f, foundFacts(ctx, db, site, f)
}

// checkPlace is where a client stands.
func checkPlace(site detect.Site, client string) relaycheck.Place {
	switch placeOf(site, mail.Submitter{Kind: mail.KindIP, Value: client}) {
	case placeGateway:
		return relaycheck.Gateway
	case placeHost:
		return relaycheck.Inside
	}
	return relaycheck.Outside
}

// logFacts tells which servers wrote logs, and what these lack.
func (p *program) logFacts(f *relaycheck.Facts, status store.Status) {
	nameServers(status.Logs)
	inTime := status
	inTime.Logs = slices.DeleteFunc(status.Logs, func(l ingest.Log) bool { return l.LastTime < f.Since || l.FirstTime >= f.Until || l.LastTime == 0 })
	servers := map[string]*relaycheck.Server{}
	server := func(name string) *relaycheck.Server {
		if servers[name] == nil {
			servers[name] = &relaycheck.Server{Name: name}
		}
		return servers[name]
	}
	for _, l := range inTime.Logs {
		f.Logs++
		f.Rows += int(l.Rows)
		f.Quarantined += int(l.Quarantined)
		s := server(l.Server)
		s.Exchange = s.Exchange || l.Format != ingest.FormatIISW3C
		s.Sends = s.Sends || l.Format == ingest.FormatExchangeSend
	}
	for _, s := range f.Sources {
		to := server(s.Server)
		if s.Connector != "" && !slices.Contains(to.Connectors, s.Connector) {
			to.Connectors = append(to.Connectors, s.Connector)
		}
	}
	for _, s := range servers {
		slices.Sort(s.Connectors)
		f.Servers = append(f.Servers, *s)
	}
	slices.SortFunc(f.Servers, func(a, b relaycheck.Server) int { return cmp.Compare(a.Name, b.Name) })
	for _, b := range blind(inTime) {
		f.Blind = append(f.Blind, relaycheck.Blind{Detection: b.Detection, Reason: b.Reason, Remedy: b.Remedy, All: strings.HasPrefix(b.Detection, "every rule")})
	}
}

func loginFacts(ctx context.Context, db *store.DB, site detect.Site, f *relaycheck.Facts) error {
	logins, err := db.LoginCounts(ctx, f.Since, f.Until)
	for _, l := range logins {
		f.Logins = append(f.Logins, relaycheck.Logins{
			Server: hostName(l.Server), ClientIP: l.ClientIP, Place: checkPlace(site, l.ClientIP), User: l.User, TLS: l.TLS, OK: l.OK, Count: l.Count, Last: l.Last,
		})
	}
	return err
}

// maxRelayed is how many domains are told that strangers relayed to.
const maxRelayed = 5

// foundFacts tells what rules found, and what the server bounced.
func foundFacts(ctx context.Context, db *store.DB, site detect.Site, f *relaycheck.Facts) error {
	relayed, err := db.Relayed(ctx, f.Since, f.Until)
	if err != nil {
		return err
	}
	domains := map[string]int{}
	for _, r := range relayed {
		if checkPlace(site, r.ClientIP) == relaycheck.Outside {
			domains[r.Domain] += r.Recipients
		}
	}
	for name, n := range domains {
		f.Relayed = append(f.Relayed, relaycheck.Domain{Name: name, Recipients: n})
	}
	slices.SortFunc(f.Relayed, func(a, b relaycheck.Domain) int {
		return cmp.Or(cmp.Compare(b.Recipients, a.Recipients), cmp.Compare(a.Name, b.Name))
	})
	f.Relayed = f.Relayed[:min(len(f.Relayed), maxRelayed)]
	for _, of := range []struct {
		rule string
		into *[]relaycheck.Told
	}{{"null-sender-storm", &f.Storms}, {"login-attack", &f.Guessed}} {
		found, err := db.Sentences(ctx, of.rule, f.Since, f.Until)
		if err != nil {
			return err
		}
		for _, s := range found {
			*of.into = append(*of.into, relaycheck.Told{Sentence: s.Text, At: s.Flagged})
		}
	}
	b, err := db.Bounces(ctx, f.Since, f.Until)
	f.Bounces = relaycheck.Bounces(b)
	return err
}
