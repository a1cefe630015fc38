package relaycheck

import (
	"fmt"
	"slices"
	"strings"

	"relaywatch/words"
)

// Names of articles.
const (
	linkAnonymousRelay = "Microsoft Learn: Allow anonymous relay on Exchange servers"
	linkRelayTest      = "Exchange Best Practices Analyzer: SMTP server failed open relay test"
	linkDevices        = "Microsoft Learn: Receive messages from a server, service, or device that doesn't use Exchange"
	linkIISRelay       = "Microsoft Learn, Windows Server 2003: Configuring SMTP Virtual Server Relay Restrictions"
)

// openRelay: as a relay test would, but by what was really accepted. Judged at RCPT.
func openRelay(f *Facts) Result {
	if len(f.OwnDomains) == 0 {
		return noOwnDomains(f.read())
	}
	open := func(s *Source) int {
		if s.Place != Outside || s.Authenticated {
			return 0
		}
		return s.External
	}
	clients := tallies(f.Sources, client, open)
	r := Result{Severity: Passed, Read: f.read(), Found: "no client outside had mail for the outside accepted without a login"}
	if len(clients) == 0 {
		return r
	}
	r.Severity = Error
	r.Found = fmt.Sprintf("%s outside had mail for %s outside accepted without a login, last at %s UTC", words.Plural(len(clients), "client"),
		words.Plural(sum(clients), "recipient"), short(latest(clients)))
	r.Details = details(perClient(clients))
	if len(f.Relayed) > 0 {
		r.Details = append(r.Details, "most of it for "+domains(f.Relayed))
	}
	r.Fix = f.fix(f.Sources, func(s *Source) bool { return open(s) > 0 },
		[]string{
			"See which connector lets strangers relay, and narrow its addresses to known devices:",
			`  Get-ReceiveConnector | Get-ADPermission -User "NT AUTHORITY\ANONYMOUS LOGON" | Where-Object {$_.ExtendedRights -like "*Accept-Any-Recipient*"} | Format-Table Identity`,
			"  Set-ReceiveConnector CONNECTOR -RemoteIPRanges ADDRESSES",
		},
		[]string{"IIS (6.0) Manager, properties of the SMTP virtual server, Access, Relay: choose Only the list below, with known addresses in it."})
	r.Fix = append(r.Fix, "If one of these domains is yours, add it to network.own_domains and run ingest: it is no relaying then.")
	r.Links = []string{linkRelayTest, linkAnonymousRelay, linkIISRelay}
	return r
}

// perClient has a line for each client.
func perClient(clients []tally) []string {
	var lines []string
	for _, t := range clients {
		lines = append(lines, fmt.Sprintf("%s: %s through %s, %s to %s UTC", t.name, words.Plural(t.count, "recipient"), list(t.servers, 3), short(t.first), short(t.last)))
	}
	return lines
}

func domains(all []Domain) string {
	var names []string
	for _, d := range all {
		names = append(names, fmt.Sprintf("%s (%s)", d.Name, words.Thousands(d.Recipients)))
	}
	return list(names, 5)
}

// relayConnectors: who may relay without a login, used or not.
func relayConnectors(f *Facts) Result {
	relays := func(s *Source) int {
		if s.Authenticated || !s.RelayRight {
			return 0
		}
		return s.Transactions
	}
	connectors := tallies(f.Sources, (*Source).through, relays)
	exchange := 0
	for _, s := range f.Servers {
		if s.Exchange {
			exchange++
		}
	}
	r := Result{Severity: Passed, Read: "the permissions of sessions in the logs of " + words.Plural(exchange, "Exchange server"), Found: "no session without a login was given the right to relay"}
	switch {
	case exchange == 0:
		r.Severity, r.Found = NotJudged, "only logs of Exchange tell which sessions may relay"
		return r
	case len(connectors) == 0:
		return r
	}
	r.Severity = Information
	var open []string
	for _, c := range connectors {
		clients := tallies(f.Sources, client, func(s *Source) int {
			if s.through() != c.name {
				return 0
			}
			return relays(s)
		})
		where := ""
		if c.places[Outside] {
			open = append(open, c.name)
			where = ", also from outside"
		}
		r.Details = append(r.Details, fmt.Sprintf("%s: used by %s%s: %s; last %s UTC", c.name, words.Plural(len(clients), "client"), where, list(names(clients), 5), short(c.last)))
	}
	r.Details = details(r.Details)
	r.Found = fmt.Sprintf("%s give sessions without a login the right to relay to anybody", words.Plural(len(connectors), "connector"))
	if len(connectors) == 1 {
		r.Found = "1 connector gives sessions without a login the right to relay to anybody"
	}
	r.Fix = []string{
		"Keep its addresses to the devices that need it; addresses are no login: who takes over one of these hosts relays.",
		"  Get-ReceiveConnector CONNECTOR | Format-List RemoteIPRanges,PermissionGroups",
	}
	if len(open) > 0 {
		r.Severity = Error
		r.Found += "; " + list(open, 3) + " to clients outside, too"
	}
	r.Links = []string{linkAnonymousRelay, linkDevices}
	return r
}

func names(all []tally) []string {
	var list []string
	for _, t := range all {
		list = append(list, t.name)
	}
	return list
}

// manyRelay is how many hosts that relay without a login are more than somebody looks
// after: devices and programs are counted on hands, workstations are not.
const manyRelay = 20

// anonymousRelay: which hosts inside send to the outside without a login.
func anonymousRelay(f *Facts) Result {
	if len(f.OwnDomains) == 0 {
		return noOwnDomains(f.read())
	}
	relays := func(s *Source) int {
		if s.Place != Inside || s.Authenticated {
			return 0
		}
		return s.External
	}
	clients := tallies(f.Sources, client, relays)
	r := Result{Severity: Passed, Read: f.read(), Found: "no host inside sent to the outside without a login"}
	if len(clients) == 0 {
		return r
	}
	r.Severity = Information
	r.Found = fmt.Sprintf("%s inside sent to %s outside without a login", words.Plural(len(clients), "host"), words.Plural(sum(clients), "recipient"))
	r.Details = details(perClient(clients))
	addresses := names(clients)
	slices.Sort(addresses)
	r.Fix = f.fix(f.Sources, func(s *Source) bool { return relays(s) > 0 },
		[]string{
			"Let only these relay, and give those that can log in an account of their own:",
			"  Set-ReceiveConnector CONNECTOR -RemoteIPRanges " + ranges(addresses),
		},
		[]string{"IIS (6.0) Manager, properties of the SMTP virtual server, Access, Relay, Only the list below: " + ranges(addresses)})
	if len(clients) > manyRelay {
		r.Severity = Warning
		r.Found += ": so many that a whole network seems to have the right"
		r.Fix = append(r.Fix, "Workstations need no relay: let their mail programs log in on port 587, or use MAPI. `relaywatch senders --outside` lists who is who.")
	}
	r.Links = []string{linkAnonymousRelay, linkIISRelay}
	return r
}

// ranges is a list of addresses for a command, if it is short enough for one.
func ranges(addresses []string) string {
	if len(addresses) > manyRelay {
		return "ADDRESSES"
	}
	return strings.Join(addresses, ",")
}
