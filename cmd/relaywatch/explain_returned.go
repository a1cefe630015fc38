package main

import (
	"fmt"
	"strings"

	"relaywatch/ingest"
	"relaywatch/store"
	"relaywatch/words"
)

// maxAnswer is how much of a remote server's text explain prints.
const maxAnswer = 120

// printReturned tells what became of the mail, where the log has the server's own
// deliveries. The texts are of remote servers: whatever they like.
func (d *dossier) printReturned(p *page) {
	c := &d.Returned
	text := returnedText(c)
	if text == "" {
		return
	}
	p.line(0, "")
	p.line(0, "WHAT CAME BACK")
	p.line(4, "  %s", text)
	for _, r := range c.Sample {
		p.line(29, "  %s  %s  %s: %s", r.RepliedAt, replyText(r.Reply), visible(ingest.Cut(string(r.Recipient), 80)), answerText(&r))
	}
	if n := c.Refused + c.Deferred - len(c.Sample); n > 0 {
		p.line(4, "  … and %s more: v_deliveries has them", words.Thousands(n))
	}
}

// returnedText sums up what became of the mail; "" if no delivery is in the logs.
func returnedText(c *store.CameBack) string {
	all := c.Refused + c.Delivered + c.Deferred
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("of %s whose delivery is in the logs: %s refused there for good, %s deferred, %s delivered",
		words.Plural(all, "recipient"), words.Thousands(c.Refused), words.Thousands(c.Deferred), words.Thousands(c.Delivered))
}

// answerText is what a remote server said, and how often it answered.
func answerText(r *store.Returned) string {
	text := r.Text
	if text == "" {
		text = "(no text)"
	}
	text = visible(ingest.Cut(strings.TrimSpace(text), maxAnswer))
	if r.Tries > 1 {
		text += fmt.Sprintf(" (%d answers)", r.Tries)
	}
	return text
}

// returnedReport is what became of the mail, in JSON.
type returnedReport struct {
	Refused    int            `json:"refused"` // Recipients.
	Deferred   int            `json:"deferred"`
	Delivered  int            `json:"delivered"`
	Deliveries []answerReport `json:"deliveries"` // The first that were refused, then those deferred.
}

type answerReport struct {
	Time        string  `json:"time"` // Of the reply.
	Outcome     string  `json:"outcome"`
	Recipient   *string `json:"recipient"`
	ReversePath *string `json:"reverse_path"`
	RemoteIP    string  `json:"remote_ip"`
	Reply       int     `json:"reply"`
	Text        string  `json:"text"`
	Answers     int     `json:"answers"`
	Log         string  `json:"log"`
	Offset      int64   `json:"log_offset"`
}

func newReturnedReport(c store.CameBack) returnedReport {
	r := returnedReport{Refused: c.Refused, Deferred: c.Deferred, Delivered: c.Delivered, Deliveries: []answerReport{}}
	for _, a := range c.Sample {
		r.Deliveries = append(r.Deliveries, answerReport{
			a.RepliedAt.String(), a.Outcome.String(), known(a.Recipient), known(a.ReversePath), a.RemoteIP, a.Reply, a.Text, a.Tries,
			a.Pos.Log.String(), a.Pos.Offset,
		})
	}
	return r
}

// cameBack is the fact that a rule weighs of a delivery.
func cameBack(refused bool, share float32) string {
	if refused {
		return fmt.Sprintf("came back (%s)", percent(share))
	}
	return fmt.Sprintf("was delivered (%s)", percent(1-share))
}
