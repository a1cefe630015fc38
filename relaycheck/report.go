package relaycheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"relaywatch/mail"
	"relaywatch/words"
)

// Severity of a Result.
type Severity string

const (
	Error       Severity = "error"       // Wants a change at once.
	Warning     Severity = "warning"     // May want a change.
	Information Severity = "information" // Is good to know.
	Passed      Severity = "passed"      // Nothing was found.
	NotJudged   Severity = "not judged"  // The logs do not tell.
)

// severities are in the order of a report.
var severities = []Severity{Error, Warning, Information, NotJudged, Passed}

// Result is what one check found.
type Result struct {
	Check    string   `json:"check"` // Its key.
	Severity Severity `json:"severity"`
	Title    string   `json:"title"` // What the check is about.
	Read     string   `json:"read"`  // What was looked at.
	Found    string   `json:"found"` // One sentence; of NotJudged, why.
	Details  []string `json:"details"`
	Fix      []string `json:"fix"`   // Steps; commands are lines of their own that begin with two blanks.
	Links    []string `json:"links"` // Names of articles to look for.
}

// Report is the results of all checks, the worst first.
type Report struct {
	Since   mail.Time // Of what was looked at; event time.
	Until   mail.Time
	Results []Result
}

// check is one check. It returns its result without Check and Title.
type check struct {
	name  string
	title string
	run   func(*Facts) Result
}

// checks are all, in the order in which they are told where they are equally bad.
var checks = []check{
	{"open-relay", "mail from outside to outside without a login", openRelay},
	{"relay-connectors", "connectors that let sessions relay", relayConnectors},
	{"anonymous-relay", "hosts inside that relay without a login", anonymousRelay},
	{"plain-login", "logins that were not encrypted", plainLogin},
	{"password-guessing", "guessing of passwords", passwordGuessing},
	{"risky-accounts", "accounts that should not send mail", riskyAccounts},
	{"around-gateways", "mail from the internet around the gateways", aroundGateways},
	{"unknown-recipients", "mail for people whom there are not", unknownRecipients},
	{"null-sender-storm", "bounces to many", nullSenderStorm},
	{"thin-logging", "what the logs do not tell", thinLogging},
}

// Run runs all checks.
func Run(f *Facts) Report {
	report := Report{Since: f.Since, Until: f.Until}
	for _, c := range checks {
		r := c.run(f)
		r.Check, r.Title = c.name, c.title
		report.Add(r)
	}
	return report
}

// Add adds a result where it belongs.
func (r *Report) Add(result Result) {
	for _, list := range []*[]string{&result.Details, &result.Fix, &result.Links} {
		if *list == nil {
			*list = []string{}
		}
	}
	r.Results = append(r.Results, result)
	slices.SortStableFunc(r.Results, func(a, b Result) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
}

// Count is how many results have a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, result := range r.Results {
		if result.Severity == s {
			n++
		}
	}
	return n
}

// maxDetails is how many of a kind a result names; the views have them all.
const maxDetails = 10

// details are the first lines of a list, and how many more there are.
func details(lines []string) []string {
	if n := len(lines) - maxDetails; n > 0 {
		return append(lines[:maxDetails:maxDetails], fmt.Sprintf("and %s more", words.Thousands(n)))
	}
	return lines
}

// short is a time for people: to the minute, in UTC.
func short(t mail.Time) string { return t.Std().Format("2006-01-02 15:04") }

// list joins names and cuts a long list.
func list(names []string, most int) string {
	if n := len(names) - most; n > 0 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %s more", words.Thousands(n))
	}
	return strings.Join(names, ", ")
}
