package main

import (
	"encoding/json"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// explainReport is what `explain --format json` prints.
type explainReport struct {
	Suspect    *store.Suspect    `json:"suspect"` // null for who is not under suspicion.
	Before     int               `json:"recipients_before_flagged"`
	Watched    []watchedReport   `json:"watched"` // What watches the submitter now, while nobody accuses it.
	Findings   []findingReport   `json:"findings"`
	Timeline   []hourReport      `json:"timeline"`
	Domains    []domainReport    `json:"domains"`
	Recipients []recipientReport `json:"recipients"`
	Returned   returnedReport    `json:"returned"`
	Names      namesReport       `json:"names"`
	Logins     []loginReport     `json:"logins"`
	Remedies   []remedyReport    `json:"remedies"`
	Hours      *hoursReport      `json:"hours_of_day"` // null for who is not under suspicion.
	Alike      []alikeReport     `json:"others"`       // The most alike first.
}

type findingReport struct {
	Rule        string          `json:"rule"`
	Level       string          `json:"level"`
	Weight      float64         `json:"weight"`
	WindowStart string          `json:"window_start"`
	WindowEnd   string          `json:"window_end"`
	FlaggedAt   string          `json:"flagged_at"`
	Sentence    string          `json:"sentence"`
	Signals     json.RawMessage `json:"signals"`
	Baseline    float64         `json:"baseline,omitempty"` // How many times as much the allow-list has the rule ask for.
	Sum         *sumReport      `json:"sum,omitempty"`      // How a sum came to its score.
	Record      *detect.Record  `json:"record,omitempty"`   // How a comparison with own records did.
	Rows        []proofReport   `json:"rows"`
	Others      []proofReport   `json:"others,omitempty"` // Of a campaign: a row of each other submitter in it.
}

type proofReport struct {
	Log    string `json:"log"`
	Offset int64  `json:"log_offset"`
	Path   string `json:"path"`
	Line   int    `json:"line,omitempty"`
	Text   string `json:"text,omitempty"`
}

type hourReport struct {
	Hour         string `json:"hour"`
	Transactions int    `json:"transactions"`
	Recipients   int    `json:"recipients"`
	External     *int   `json:"external"`
	Refused      int    `json:"refused"`
}

type domainReport struct {
	Domain     string `json:"domain"`
	Recipients int    `json:"recipients"`
	External   *bool  `json:"external"`
}

type recipientReport struct {
	Time        string  `json:"time"`
	Recipient   *string `json:"recipient"`
	Reply       *int    `json:"reply"`
	ReversePath *string `json:"reverse_path"`
	ClientIP    string  `json:"client_ip"`
	Log         string  `json:"log"`
	Offset      int64   `json:"log_offset"`
	First       *string `json:"first_mailed"` // By anybody here; null where the log does not tell the recipient.
}

type namesReport struct {
	Clients      []useReport `json:"client_ips"`
	HELOs        []useReport `json:"helo"`
	ReversePaths []useReport `json:"reverse_paths"`
	Servers      []useReport `json:"servers"`
}

type useReport struct {
	Text         string `json:"text"`
	Transactions int    `json:"transactions"`
	Recipients   int    `json:"recipients"`
}

type loginReport struct {
	Time     string `json:"time"`
	ClientIP string `json:"client_ip"`
	User     string `json:"user"`
	Outcome  string `json:"outcome"`
}

type remedyReport struct {
	Rule   string `json:"rule"`
	Remedy string `json:"remedy"`
}

// newExplainReport turns a dossier into JSON's shape: no list is null.
func newExplainReport(d dossier) explainReport {
	r := explainReport{
		Before:   d.Before,
		Watched:  d.watchedReports(),
		Returned: newReturnedReport(d.Returned),
		Findings: []findingReport{}, Timeline: []hourReport{}, Domains: []domainReport{},
		Recipients: []recipientReport{}, Logins: []loginReport{}, Remedies: []remedyReport{},
		Hours: d.hoursReport(), Alike: d.alikeReport(),
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
		r.Findings = append(r.Findings, findingReport{
			f.Rule, string(f.Level), f.Weight, f.WindowStart.String(), f.WindowEnd.String(), f.FlaggedAt.String(), f.Sentence, signals,
			f.Evidence.Baseline, d.sumReport(f.Evidence.Sum), f.Evidence.Record, proofReports(f.Proof), proofReports(f.Others),
		})
	}
	for _, h := range d.Timeline {
		r.Timeline = append(r.Timeline, hourReport{h.Hour.String(), h.Transactions, h.Recipients, h.External, h.Refused})
	}
	for _, dom := range d.Domains {
		r.Domains = append(r.Domains, domainReport{dom.Name, dom.Recipients, dom.External})
	}
	for _, s := range d.Recipients {
		r.Recipients = append(r.Recipients, d.recipientReport(s))
	}
	for _, l := range d.Logins {
		r.Logins = append(r.Logins, loginReport{l.At.String(), l.ClientIP, l.User, outcomeOf(&l)})
	}
	for _, m := range d.Remedies {
		r.Remedies = append(r.Remedies, remedyReport{m.Rule, m.Text})
	}
	return r
}

func proofReports(rows []proof) []proofReport {
	list := []proofReport{}
	for _, p := range rows {
		list = append(list, proofReport{p.Pos.Log.String(), p.Pos.Offset, p.Path, p.Line, p.Text})
	}
	return list
}

func (d *dossier) recipientReport(s store.Sent) recipientReport {
	r := recipientReport{Time: s.At.String(), ClientIP: s.ClientIP, Log: s.Pos.Log.String(), Offset: s.Pos.Offset}
	r.Recipient, r.ReversePath = known(s.Path), known(s.ReversePath)
	if s.Reply != 0 {
		r.Reply = &s.Reply
	}
	if at, ok := d.FirstSeen[s.Path]; ok {
		first := at.String()
		r.First = &first
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
