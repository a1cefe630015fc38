package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// print writes a dossier for people: who and how much, why, when, to whom, under
// which names, the rows, and what to do.
func (d *dossier) print(w io.Writer) error {
	s := d.Suspect
	fmt.Fprintf(w, "%s  %s, score %g, %s\n", visible(s.Submitter.String()), s.Severity, s.Score, s.State)
	fmt.Fprintf(w, "%s\n\n", visible(s.Summary))
	fmt.Fprintf(w, "  since    %s UTC, still so at %s; accused after %s recipients\n",
		short(s.Start), short(s.LastFlagged), thousands(int64(d.Before)))
	fmt.Fprintf(w, "  left     %s recipients accepted, %v outside, in %s transactions\n",
		thousands(int64(s.Recipients)), optional(s.External), thousands(int64(s.Transactions)))
	d.printNames(w)
	fmt.Fprintf(w, "\nWHY\n")
	for _, f := range d.Findings {
		fmt.Fprintf(w, "  %s UTC  %s (%s, %g points)\n", short(f.FlaggedAt), f.Rule, f.Level, f.Weight)
		fmt.Fprintf(w, "    %s\n", visible(f.Sentence))
		for _, m := range f.Evidence.Signals {
			threshold := ""
			if m.Threshold != nil {
				threshold = fmt.Sprintf("  (threshold %g)", *m.Threshold)
			}
			fmt.Fprintf(w, "      %-24s %g%s\n", m.Signal, round3(m.Value), threshold)
		}
	}
	d.printTimeline(w)
	d.printRecipients(w)
	d.printProof(w)
	if len(d.Remedies) > 0 {
		fmt.Fprintf(w, "\nWHAT TO DO\n")
		for _, r := range d.Remedies {
			fmt.Fprintf(w, "  %s: %s\n", r.Rule, strings.ReplaceAll(strings.TrimSpace(visibleLines(r.Text)), "\n", "\n    "))
		}
	}
	return nil
}

func (d *dossier) printNames(w io.Writer) {
	for _, list := range []struct {
		name string
		uses []store.Use
	}{
		{"client", d.Uses.Clients},
		{"HELO", d.Uses.HELOs},
		{"as", d.Uses.ReversePaths},
		{"server", d.Uses.Servers},
	} {
		var texts []string
		for _, u := range list.uses {
			text := u.Text
			if text == "" && list.name == "as" {
				text = "<>"
			}
			if text != "" {
				texts = append(texts, fmt.Sprintf("%s (%s)", visible(ingest.Cut(text, 60)), thousands(int64(u.Recipients))))
			}
		}
		if len(texts) > 0 {
			fmt.Fprintf(w, "  %-8s %s\n", list.name, strings.Join(texts[:min(len(texts), 4)], ", ")+more(len(texts), 4))
		}
	}
	ok, failed := 0, 0
	for _, l := range d.Logins {
		if l.OK {
			ok++
		} else {
			failed++
		}
	}
	if ok+failed > 0 {
		last := d.Logins[0]
		fmt.Fprintf(w, "  logins   of the last %d: %d ok, %d failed; last %s UTC from %s\n", ok+failed, ok, failed, short(last.At), visible(last.ClientIP))
	}
}

func more(n, shown int) string {
	if n > shown {
		return ", …"
	}
	return ""
}

// barWidth is the length of the bar of the busiest hour.
const barWidth = 40

// maxHours is how many hours a timeline shows; the busiest are what matters.
const maxHours = 48

func (d *dossier) printTimeline(w io.Writer) {
	fmt.Fprintf(w, "\nRECIPIENTS AN HOUR (UTC)\n")
	most := 1
	for _, h := range d.Timeline {
		most = max(most, h.Recipients)
	}
	for i, h := range d.Timeline {
		if i == maxHours {
			fmt.Fprintf(w, "  … %d hours more: v_hourly has them\n", len(d.Timeline)-maxHours)
			break
		}
		refused := ""
		if h.Refused > 0 {
			refused = fmt.Sprintf(", %s refused", thousands(int64(h.Refused)))
		}
		bar := strings.Repeat("█", (h.Recipients*barWidth+most-1)/most)
		fmt.Fprintf(w, "  %s  %-*s %s%s\n", short(h.Hour), barWidth, bar, thousands(int64(h.Recipients)), refused)
	}
}

func (d *dossier) printRecipients(w io.Writer) {
	fmt.Fprintf(w, "\nTO WHOM\n")
	var domains []string
	for _, dom := range d.Domains {
		where := ""
		if dom.External != nil && !*dom.External {
			where = ", ours"
		}
		domains = append(domains, fmt.Sprintf("%s (%s%s)", visible(ingest.Cut(dom.Name, 60)), thousands(int64(dom.Recipients)), where))
	}
	fmt.Fprintf(w, "  domains  %s%s\n", strings.Join(domains, ", "), more(d.Suspect.Recipients, sum(d.Domains)))
	for _, r := range d.Recipients {
		to := string(r.Path)
		if !r.Path.Known() {
			to = "(not in the log)"
		}
		fmt.Fprintf(w, "  %s  %d  %s\n", r.At, r.Reply, visible(ingest.Cut(to, 80)))
	}
	if n := d.Suspect.Recipients - len(d.Recipients); n > 0 {
		fmt.Fprintf(w, "  … and %s more: v_recipients has them\n", thousands(int64(n)))
	}
}

func sum(domains []store.Domain) int {
	n := 0
	for _, d := range domains {
		n += d.Recipients
	}
	return n
}

// maxProof is how many rows of a finding are shown unless all are asked for: enough
// to see what it is about.
const maxProof = 5

func (d *dossier) printProof(w io.Writer) {
	fmt.Fprintf(w, "\nLOG ROWS\n")
	shown := map[mail.LogPos]bool{}
	path := ""
	for _, f := range d.Findings {
		n, left := 0, 0
		for _, p := range f.Proof {
			switch {
			case shown[p.Pos]:
				continue
			case n == maxProof && !d.AllRows:
				left++
				continue
			}
			n++
			shown[p.Pos] = true
			if p.Path != path {
				path = p.Path
				fmt.Fprintf(w, "  %s\n", visible(path))
			}
			if p.Text == "" {
				fmt.Fprintf(w, "    offset %d (the log is no longer there)\n", p.Pos.Offset)
				continue
			}
			fmt.Fprintf(w, "    %d: %s\n", p.Line, visible(ingest.Cut(p.Text, 200)))
		}
		if left > 0 {
			fmt.Fprintf(w, "    … %d more of %s; --rows shows all\n", left, f.Rule)
		}
	}
}

// explainReport is what `explain --format json` prints.
type explainReport struct {
	Suspect    store.Suspect     `json:"suspect"`
	Before     int               `json:"recipients_before_flagged"`
	Findings   []findingReport   `json:"findings"`
	Timeline   []hourReport      `json:"timeline"`
	Domains    []domainReport    `json:"domains"`
	Recipients []recipientReport `json:"recipients"`
	Names      namesReport       `json:"names"`
	Logins     []loginReport     `json:"logins"`
	Remedies   []remedyReport    `json:"remedies"`
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
	Rows        []proofReport   `json:"rows"`
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
