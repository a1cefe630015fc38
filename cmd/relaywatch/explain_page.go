package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"strings"

	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

//go:embed explain.tmpl
var explainTemplate string

//go:embed explain.css
var explainStyle string

var explainHTML = template.Must(template.New("explain").Parse(explainTemplate))

// explainPage is what the template shows. Its texts are visible and cut, and are
// escaped by html/template; only Style is taken as it is.
type explainPage struct {
	Title, Policy, Class   string
	Who, Verdict, Standing string
	Style                  template.CSS
	Facts                  []namedText
	Remedies               []namedText
	ToDecide               string
	Hourly, Daily          chartView
	Findings               []findingView
	Watched                []findingView // What is near an alarm, and is none.
	Domains                []domainView
	MoreDomains            string
	Recipients             []recipientView
	MoreRecipients         string
	Returned               string // "" if no delivery is in the logs.
	Answers                []answerView
	MoreAnswers            string
	Names                  []namesView
	Logins                 []loginView
	Alike                  []alikeView
	Others                 []string
	Proof                  []proofView
	Foot                   string
}

type (
	namedText     struct{ Name, Text string }
	recipientView struct{ At, Reply, Path, Seen string }
	answerView    struct{ At, Reply, Path, Text string }
	loginView     struct{ At, Outcome, User, From string }
	alikeView     struct{ Who, Common string }
	domainView    struct {
		Name, N string
		Percent int // Of the most frequent.
	}
)

type namesView struct {
	Name string
	Uses []struct{ Name, Transactions, Recipients string }
}

// How much of a text from a log a page shows.
const (
	pageName    = 120
	pageAddress = 254 // RFC 5321 allows no longer path.
	pageRow     = 500
)

// policy lets the page load nothing and run nothing: its own style is named by its
// hash (CSP level 2).
func policy(style string) string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}

// html is the dossier as a page that stands alone. asOf is the newest row of the
// store, by which the page is dated: what it says changes only with the store.
func (d *dossier) html(asOf mail.Time) ([]byte, error) {
	s := &d.Suspect
	style := strings.ReplaceAll(explainStyle, "\r\n", "\n") // As a browser reads it.
	v := explainPage{
		Title: "relaywatch: " + safe(s.Submitter.String(), pageName), Policy: policy(style), Style: template.CSS(style),
		Who: safe(s.Submitter.String(), pageAddress), Remedies: d.remedyViews(), ToDecide: visible(d.toDecide()),
		Hourly: d.hourlyChart(), Daily: d.dailyChart(), Findings: d.findingViews(), Watched: d.watchedViews(),
		Names: d.namesViews(), Logins: d.loginViews(), Proof: d.proofViews(),
		Foot: fmt.Sprintf("Made by relaywatch %s of the mail stored up to %s UTC. It holds personal data: addresses of recipients, and rows of logs.", version(), short(asOf)),
	}
	d.verdict(&v)
	d.toWhom(&v)
	d.cameBack(&v)
	for _, o := range d.Alike[:min(len(d.Alike), maxAlike)] {
		v.Alike = append(v.Alike, alikeView{safe(o.line(), pageAddress+100), "in common: " + visible(o.commonText())})
	}
	for _, o := range d.Others {
		v.Others = append(v.Others, episodeText(&o))
	}
	var b bytes.Buffer
	if err := explainHTML.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return b.Bytes(), nil
}

// verdict says in a sentence who is accused, or that nobody is.
func (d *dossier) verdict(v *explainPage) {
	s := &d.Suspect
	if s.Severity == "" {
		v.Class, v.Standing = "none", "Not under suspicion"
		v.Verdict = "is not under suspicion: no rule accuses it in the mail that is stored."
		if len(d.Watched) > 0 {
			v.Class, v.Standing = stateWatch, "On watch, not under suspicion"
			v.Verdict = "is near an alarm and accused of nothing: there is nothing to do."
		}
		v.Facts = []namedText{
			{"looked at", fmt.Sprintf("%s UTC to %s", short(s.Start), shortAfter(s.LastFlagged, s.Start))},
			{"sent", words.Plural(s.Recipients, "recipient")},
		}
		return
	}
	v.Class, v.Verdict = string(s.Severity), visible(s.Summary)
	v.Standing = fmt.Sprintf("%s, score %g, %s", s.Severity, s.Score, s.State)
	v.Facts = []namedText{
		{"since", d.sinceText()},
		{"left", d.leftText()},
		{"rules", strings.Join(s.Rules, ", ")},
	}
}

// remedyViews are what to do; what several rules advise is said once.
func (d *dossier) remedyViews() []namedText {
	var list []namedText
	for _, r := range d.Remedies {
		text := r.line()
		i := 0
		for i < len(list) && list[i].Text != text {
			i++
		}
		if i < len(list) {
			list[i].Name += ", " + r.Rule
			continue
		}
		list = append(list, namedText{r.Rule, text})
	}
	return list
}

func (d *dossier) toWhom(v *explainPage) {
	most := 1
	for _, dom := range d.Domains {
		most = max(most, dom.Recipients)
	}
	for _, dom := range d.Domains {
		name := domainText(&dom)
		if isOurs(&dom) {
			name += " (ours)"
		}
		v.Domains = append(v.Domains, domainView{safe(name, pageName), words.Thousands(dom.Recipients), int(math.Ceil(100 * float64(dom.Recipients) / float64(most)))})
	}
	if n := d.Suspect.Recipients - sum(d.Domains); len(d.Domains) > 0 && n > 0 {
		v.MoreDomains = words.Thousands(n) + " more recipients in other domains"
	}
	for _, r := range d.Recipients {
		v.Recipients = append(v.Recipients, recipientView{toSecond(r.At), strings.TrimSpace(replyText(r.Reply)), safe(pathText(r.Path), pageAddress), d.seenText(&r)})
	}
	if n := d.Suspect.Recipients - len(d.Recipients); n > 0 {
		v.MoreRecipients = "… and " + words.Thousands(n) + " more: v_recipients has them"
	}
}

func (d *dossier) cameBack(v *explainPage) {
	c := &d.Returned
	v.Returned = returnedText(c)
	for _, r := range c.Sample {
		v.Answers = append(v.Answers, answerView{toSecond(r.RepliedAt), strings.TrimSpace(replyText(r.Reply)), safe(string(r.Recipient), pageAddress), answerText(&r)})
	}
	if n := c.Refused + c.Deferred - len(c.Sample); n > 0 {
		v.MoreAnswers = "… and " + words.Thousands(n) + " more: v_deliveries has them"
	}
}

func toSecond(t mail.Time) string { return t.Std().Format("2006-01-02 15:04:05") }

func (d *dossier) namesViews() []namesView {
	const senders = "sender (reverse-path)"
	var list []namesView
	for _, n := range []struct {
		name string
		uses []store.Use
	}{{senders, d.Uses.ReversePaths}, {"client", d.Uses.Clients}, {"HELO name", d.Uses.HELOs}, {"server", d.Uses.Servers}} {
		view := namesView{Name: n.name}
		for _, u := range n.uses {
			name := useText(&u, n.name == senders)
			if name == "" {
				continue
			}
			view.Uses = append(view.Uses, struct{ Name, Transactions, Recipients string }{
				safe(name, pageAddress), words.Thousands(u.Transactions), words.Thousands(u.Recipients),
			})
		}
		if len(view.Uses) > 0 {
			list = append(list, view)
		}
	}
	return list
}

func (d *dossier) loginViews() []loginView {
	var list []loginView
	for _, l := range d.Logins {
		list = append(list, loginView{toSecond(l.At), outcomeOf(&l), safe(userText(&l), pageName), safe(l.ClientIP, pageName)})
	}
	return list
}
