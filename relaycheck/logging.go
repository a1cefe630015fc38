package relaycheck

import (
	"fmt"

	"relaywatch/words"
)

const (
	linkProtocolLog = "Microsoft Learn: Configure protocol logging in Exchange Server"
	linkIISLog      = "Microsoft Learn, Windows Server 2003: Monitoring Message Transactions"
)

// manyRejects is one of how many rows may be not understood before that is said.
const manyRejects = 100

// thinLogging: what no rule and no check can see.
func thinLogging(f *Facts) Result {
	r := Result{Severity: Passed, Read: fmt.Sprintf("%s of %s with %s", words.Plural(f.Logs, "log"), words.Plural(len(f.Servers), "server"), words.Plural(f.Rows, "row")), Found: "the logs tell what detection needs"}
	if f.Logs == 0 {
		r.Severity, r.Found = NotJudged, "no log has a row in this time"
		return r
	}
	worsen := func(s Severity) {
		if r.Severity == Passed || s == Error || s == Warning && r.Severity == Information {
			r.Severity = s
		}
	}
	for _, b := range f.Blind {
		if b.All {
			worsen(Error)
		}
		worsen(Warning)
		r.Details = append(r.Details, fmt.Sprintf("blind: %s (%s)", b.Detection, b.Reason))
		r.Fix = append(r.Fix, b.Remedy)
	}
	if f.Quarantined*manyRejects > f.Rows {
		worsen(Warning)
		r.Details = append(r.Details, fmt.Sprintf("%s of %s were not understood: v_quarantine has them", words.Thousands(f.Quarantined), words.Plural(f.Rows, "row")))
	}
	exchange := false
	for _, s := range f.Servers {
		if !s.Exchange {
			continue
		}
		exchange = true
		if len(s.Connectors) == 1 {
			worsen(Information)
			r.Details = append(r.Details, fmt.Sprintf("%s: only %s writes a log; by default the connectors that clients and devices use are silent", s.Name, s.Connectors[0]))
			r.Fix = append(r.Fix, "Switch on logging for every connector:", "  Get-ReceiveConnector -Server "+s.Name+" | Set-ReceiveConnector -ProtocolLoggingLevel Verbose")
		}
		if !s.Sends {
			worsen(Information)
			r.Details = append(r.Details, s.Name+": no log of its own deliveries (SmtpSend) is read, so it is not known what became of mail")
			r.Fix = append(r.Fix, "  Get-SendConnector | Set-SendConnector -ProtocolLoggingLevel Verbose")
		}
	}
	if r.Severity == Passed {
		return r
	}
	r.Found = words.Plural(len(r.Details), "thing") + " can't be seen"
	r.Details = details(r.Details)
	if exchange {
		r.Links = append(r.Links, linkProtocolLog)
	}
	if len(f.Blind) > 0 {
		r.Links = append(r.Links, linkIISLog)
	}
	return r
}
