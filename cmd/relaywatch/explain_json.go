package main

import (
	"encoding/json"

	"relaywatch/mail"
	"relaywatch/store"
)

// newExplainReport turns a dossier into JSON's shape: no list is null.
func newExplainReport(d dossier) explainReport {
	r := explainReport{
		Before:   d.Before,
		Findings: []findingReport{}, Timeline: []hourReport{}, Domains: []domainReport{},
		Recipients: []recipientReport{}, Logins: []loginReport{}, Remedies: []remedyReport{},
		Names: namesReport{usesReport(d.Uses.Clients), usesReport(d.Uses.HELOs), usesReport(d.Uses.ReversePaths), usesReport(d.Uses.Servers)},
	}
	if d.Suspect.Submitter != (mail.Submitter{}) {
		r.Suspect = &d.Suspect
	}
	for _, f := range d.Findings {
		signals, err := json.Marshal(f.Evidence.Signals)
		if err != nil {
			signals = []byte("[]") // Numbers that JSON has no form for; no rule measures any.
		}
		rows := []proofReport{}
		for _, p := range f.Proof {
			rows = append(rows, proofReport{p.Pos.Log.String(), p.Pos.Offset, p.Path, p.Line, p.Text})
		}
		r.Findings = append(r.Findings, findingReport{
			f.Rule, string(f.Level), f.Weight, f.WindowStart.String(), f.WindowEnd.String(), f.FlaggedAt.String(), f.Sentence, signals, rows,
		})
	}
	for _, h := range d.Timeline {
		r.Timeline = append(r.Timeline, hourReport{h.Hour.String(), h.Transactions, h.Recipients, h.External, h.Refused})
	}
	for _, dom := range d.Domains {
		r.Domains = append(r.Domains, domainReport{dom.Name, dom.Recipients, dom.External})
	}
	for _, s := range d.Recipients {
		r.Recipients = append(r.Recipients, newRecipientReport(s))
	}
	for _, l := range d.Logins {
		outcome := "failed"
		if l.OK {
			outcome = "ok"
		}
		r.Logins = append(r.Logins, loginReport{l.At.String(), l.ClientIP, l.User, outcome})
	}
	for _, m := range d.Remedies {
		r.Remedies = append(r.Remedies, remedyReport{m.Rule, m.Text})
	}
	return r
}

func newRecipientReport(s store.Sent) recipientReport {
	r := recipientReport{Time: s.At.String(), ClientIP: s.ClientIP, Log: s.Pos.Log.String(), Offset: s.Pos.Offset}
	r.Recipient, r.ReversePath = known(s.Path), known(s.ReversePath)
	if s.Reply != 0 {
		r.Reply = &s.Reply
	}
	return r
}

// known is a path as JSON: null where the log does not tell it.
func known(p mail.Path) *string {
	if !p.Known() {
		return nil
	}
	s := string(p)
	return &s
}

func usesReport(uses []store.Use) []useReport {
	list := []useReport{}
	for _, u := range uses {
		list = append(list, useReport(u))
	}
	return list
}
