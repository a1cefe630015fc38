package relaycheck

import (
	"fmt"
	"strings"

	"relaywatch/words"
)

const (
	linkGateway   = "Microsoft Learn: Set-ReceiveConnector, parameter RemoteIPRanges"
	linkRecipient = "Microsoft Learn: Recipient filtering on Edge Transport servers"
	linkIISFilter = "Microsoft Support: article 823866, recipient filtering in Exchange 2003"
	linkReverse   = "Microsoft Support: article 294757, non-delivery reports in Exchange 2000 and 2003"
)

// inbound is mail of a stranger for us.
func inbound(s *Source) int {
	if s.Place != Outside || s.Authenticated {
		return 0
	}
	return s.Own
}

// aroundGateways: who pays a filter wants the internet's mail from nowhere else.
func aroundGateways(f *Facts) Result {
	if len(f.OwnDomains) == 0 {
		return noOwnDomains(f.read())
	}
	clients := tallies(f.Sources, client, inbound)
	used := 0
	for i := range f.Sources {
		if s := &f.Sources[i]; s.Place == Gateway {
			used += s.Recipients
		}
	}
	r := Result{Severity: Passed, Read: f.read(), Found: "no client outside delivered mail to own domains itself"}
	switch {
	case len(clients) == 0 && len(f.Gateways) > 0:
		r.Found += fmt.Sprintf("; the gateways brought %s", words.Plural(used, "recipient"))
		return r
	case len(clients) == 0:
		return r
	case len(f.Gateways) == 0:
		r.Severity = Information
		r.Found = fmt.Sprintf("%s outside delivered to %s of own domains, and no gateway is configured", words.Plural(len(clients), "client"), words.Plural(sum(clients), "recipient"))
		r.Fix = []string{"If a filter or another server brings in the internet's mail, set network.gateways; this check then tells what comes around it."}
		r.Details = details(perClient(clients))
		return r
	}
	r.Severity = Warning
	r.Found = fmt.Sprintf("%s outside delivered to %s of own domains around the gateways (%s), which brought %s: port 25 is open to the internet", words.Plural(len(clients), "client"),
		words.Plural(sum(clients), "recipient"), list(f.Gateways, 3), words.Thousands(used))
	r.Details = details(perClient(clients))
	r.Fix = f.fix(f.Sources, func(s *Source) bool { return inbound(s) > 0 },
		[]string{"Let the connector take mail from the gateways only:", "  Set-ReceiveConnector CONNECTOR -RemoteIPRanges " + strings.Join(f.Gateways, ",")},
		[]string{"IIS (6.0) Manager, properties of the SMTP virtual server, Access, Connection: Only the list below: " + strings.Join(f.Gateways, ",")})
	r.Fix = append(r.Fix, "Better still, let the firewall pass port 25 from the gateways only. If one of these clients is a gateway, add it to network.gateways.")
	r.Links = []string{linkGateway}
	return r
}

const (
	// enoughRecipients is of how many recipients from strangers one would be refused: spam
	// tries names, and people mistype.
	enoughRecipients = 500
	// manyBounces is how many bounces a month are more than those of mistyped addresses.
	manyBounces = 200
)

// unknownRecipients: a server that takes mail for people whom there are not bounces it
// later, to senders that are forged.
func unknownRecipients(f *Facts) Result {
	if len(f.OwnDomains) == 0 {
		return noOwnDomains(f.read())
	}
	accepted, refused := 0, 0
	for i := range f.Sources {
		if s := &f.Sources[i]; s.Place != Inside && !s.Authenticated {
			accepted += s.Own
			refused += s.Unknown
		}
	}
	r := Result{
		Severity: Passed,
		Read:     fmt.Sprintf("%s of own domains from outside, %s refused for good; %s sent", words.Plural(accepted+refused, "recipient"), words.Thousands(refused), words.Plural(f.Bounces.Sent, "bounce")),
		Found:    "recipients whom there are not are refused",
		Links:    []string{linkRecipient, linkIISFilter},
	}
	fix := []string{
		"Let the filter in front know the recipients, and refuse others while the sender is still there.",
		"Where the internet comes to an Edge Transport server (a Mailbox server would refuse messages as a whole; Exchange 2003 has recipient filtering in the global settings):",
		"  Set-RecipientFilterConfig -RecipientValidationEnabled $true",
	}
	switch {
	case f.Bounces.Inside > 0:
		r.Severity, r.Fix = Warning, fix
		r.Found = fmt.Sprintf("%s of own domains were accepted, and refused for good by the next server", words.Plural(f.Bounces.Inside, "recipient"))
	case refused > 0:
		r.Links = nil
	case accepted < enoughRecipients:
		r.Severity, r.Links = NotJudged, nil
		r.Found = fmt.Sprintf("fewer than %d recipients from outside are too few to tell", enoughRecipients)
	default:
		r.Severity, r.Fix = Information, fix
		r.Found = "not one recipient was refused: the server seems to take mail for anybody"
		if f.Bounces.Sent >= manyBounces {
			r.Severity = Warning
			r.Found += ", and bounces it"
		}
	}
	return r
}

// nullSenderStorm: bounces of strangers' mail, and hosts that send like it.
func nullSenderStorm(f *Facts) Result {
	r := Result{
		Severity: Passed, Read: fmt.Sprintf("%s; %s that the servers sent", f.read(), words.Plural(f.Bounces.Sent, "bounce")),
		Found: "no host sent bounces to many, and few were sent",
	}
	switch {
	case len(f.Storms) > 0:
		r.Severity = Warning
		r.Found = words.Plural(len(f.Storms), "time") + " a client sent mail that cannot bounce to many people"
		r.Details = told(f.Storms)
	case f.Bounces.Sent >= manyBounces && f.Bounces.Refused*2 > f.Bounces.Sent:
		r.Severity = Warning
		r.Found = fmt.Sprintf("of %s that the servers sent, %s were refused: they go to senders that were forged", words.Plural(f.Bounces.Sent, "bounce"), words.Thousands(f.Bounces.Refused))
	default:
		return r
	}
	r.Fix = []string{
		"A sender of the null reverse-path in a full queue is a reverse non-delivery attack: refuse recipients whom there are not (see unknown-recipients).",
		"A host inside that does so is no mail server: see `relaywatch explain` of it, and block it.",
	}
	r.Links = []string{linkReverse}
	return r
}
