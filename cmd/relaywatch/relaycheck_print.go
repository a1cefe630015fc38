package main

import (
	"strings"

	"relaywatch/ingest"
	"relaywatch/relaycheck"
	"relaywatch/words"
)

// relayReport is what `relaycheck --format json` prints.
type relayReport struct {
	Since   string              `json:"since"`
	Until   string              `json:"until"`
	Results []relaycheck.Result `json:"results"`
}

func newRelayReport(r *relaycheck.Report) relayReport {
	out := relayReport{Results: r.Results}
	if r.Until != 0 {
		out.Since, out.Until = r.Since.String(), (r.Until - 1).String()
	}
	return out
}

// maxCheckLine is how much of a line is shown: what strangers wrote may be long.
const maxCheckLine = 600

// printReport prints a report for people: what wants a change in full, the rest in a
// line each.
func printReport(w *page, r *relaycheck.Report, f *relaycheck.Facts) error {
	if f != nil {
		w.line(2, "%s from %s to %s UTC, %s of %s", words.Plural(f.Logs, "log"), short(r.Since), short(r.Until-1),
			words.Plural(f.Transactions, "transaction"), words.Plural(len(f.Servers), "server"))
	}
	w.line(2, "%s, %s, %d to know; %d found nothing, %d could not be judged", words.Plural(int64(r.Count(relaycheck.Error)), "error"),
		words.Plural(int64(r.Count(relaycheck.Warning)), "warning"), r.Count(relaycheck.Information), r.Count(relaycheck.Passed), r.Count(relaycheck.NotJudged))
	for i := range r.Results {
		if result := &r.Results[i]; !brief(result) {
			printResult(w, result)
		}
	}
	for _, rest := range []struct {
		severity relaycheck.Severity
		head     string
	}{{relaycheck.NotJudged, "NOT JUDGED"}, {relaycheck.Passed, "NOTHING FOUND"}} {
		head := rest.head
		for i := range r.Results {
			result := &r.Results[i]
			if result.Severity != rest.severity || !brief(result) {
				continue
			}
			if head != "" {
				w.line(0, "")
				w.line(0, "%s", head)
				head = ""
			}
			w.line(4, "  %s: %s (read: %s)", result.Check, shown(result.Found), shown(result.Read))
		}
	}
	return w.err
}

// brief is true for a result of which a line is enough. Of a probe people want to see
// every answer.
func brief(r *relaycheck.Result) bool {
	return (r.Severity == relaycheck.Passed || r.Severity == relaycheck.NotJudged) && r.Check != "probe"
}

func printResult(w *page, r *relaycheck.Result) {
	w.line(0, "")
	w.line(0, "%s  %s: %s", strings.ToUpper(string(r.Severity)), r.Check, r.Title)
	w.line(9, "  read   %s", shown(r.Read))
	w.line(9, "  found  %s", shown(r.Found))
	for _, d := range r.Details {
		w.line(13, "           %s", shown(d))
	}
	for i, step := range r.Fix {
		name := ""
		if i == 0 {
			name = "fix"
		}
		w.line(11, "  %-5s  %s", name, shown(step))
	}
	for i, link := range r.Links {
		name := ""
		if i == 0 {
			name = "see"
		}
		w.line(9, "  %-5s  %s", name, link)
	}
}

// shown is a text that may hold what strangers wrote.
func shown(s string) string { return visible(ingest.Cut(s, maxCheckLine)) }
