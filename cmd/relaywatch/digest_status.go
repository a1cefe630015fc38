package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"relaywatch/digest"
	"relaywatch/store"
)

// mailReport is what `status` tells of the daily mail.
type mailReport struct {
	On      bool          `json:"on"`        // digest.to names somebody.
	Next    string        `json:"next"`      // When the next one is due, UTC; "" if none is.
	Date    string        `json:"last_date"` // Of the last one that was made; "" if none was.
	Subject string        `json:"last_subject"`
	Taken   string        `json:"last_taken"` // When the server took it for all; "" if it did not.
	Waiting []mailWaiting `json:"waiting"`
}

type mailWaiting struct {
	Kind    string   `json:"kind"` // daily or urgent.
	Subject string   `json:"subject"`
	For     []string `json:"for"`
	Since   string   `json:"since"`
	Tries   int      `json:"tries"`
	Next    string   `json:"next_try"`
	Error   string   `json:"error"`
}

func (p *program) mailReport(ctx context.Context, db *store.DB) (*mailReport, error) {
	r := &mailReport{On: p.config.Digest.on(), Waiting: []mailWaiting{}}
	clock, err := p.config.clock()
	if err != nil {
		return nil, err
	}
	date := clock.Latest(p.clock())
	last, err := db.LastDigest(ctx, store.DigestDaily, date.String())
	if err != nil {
		return nil, err
	}
	if last != nil && last.MessageID != "" {
		r.Date, r.Subject = last.Key, last.Subject
		if len(last.Waiting) == 0 {
			r.Taken = last.Done.String()
		}
	}
	waiting, err := db.WaitingDigests(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range waiting {
		r.Waiting = append(r.Waiting, mailWaiting{
			Kind: d.Kind, Subject: d.Subject, For: d.Waiting, Since: d.Made.String(), Tries: d.Tries, Next: d.Next.String(), Error: d.Error,
		})
	}
	if !r.On {
		return r, nil
	}
	if last == nil || date.String() <= last.Key {
		date = date.Add(1)
	}
	r.Next = clock.Due(date).UTC().Format("2006-01-02T15:04:05Z")
	return r, nil
}

func (r *mailReport) print(w *page) {
	var parts []string
	switch {
	case r.Date == "":
		parts = append(parts, "none was made yet")
	case r.Taken == "":
		parts = append(parts, fmt.Sprintf("that of %s is not taken: %s", r.Date, visible(r.Subject)))
	default:
		parts = append(parts, fmt.Sprintf("that of %s was taken %s UTC: %s", r.Date, minute(r.Taken), visible(r.Subject)))
	}
	if r.On {
		parts = append(parts, "next "+minute(r.Next)+" UTC")
	} else {
		parts = append(parts, "none is wanted, as digest.to is empty")
	}
	w.line(hang, "daily mail %s", strings.Join(parts, "; "))
	for _, m := range r.Waiting {
		next := "at once"
		if m.Next != "" {
			next = minute(m.Next) + " UTC"
		}
		why := ""
		if m.Error != "" {
			why = ": " + m.Error
		}
		w.line(hang, "mail waits %s, for %s since %s UTC, %s, next %s%s", visible(m.Subject), visible(strings.Join(m.For, " ")),
			minute(m.Since), tries(m.Tries), next, visible(why))
	}
}

// minute shortens a time of RFC 3339.
func minute(t string) string {
	if len(t) < 16 {
		return "-"
	}
	return t[:10] + " " + t[11:16]
}

// checkMail looks at the files that the mail needs, and says what is wanted.
func (p *program) checkMail() (string, error) {
	c := p.config.Digest
	if !c.on() {
		return "no daily mail, as digest.to is empty", nil
	}
	if _, err := p.config.relay(); err != nil {
		return "", usageError{err}
	}
	return fmt.Sprintf("a daily mail at %s %s to %s by %s", c.At, p.config.Hours.TimeZone, strings.Join(c.To, ", "), c.SMTP), nil
}

// String names the server and how it is reached.
func (s SMTPConfig) String() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) + " (" + tlsName(s.TLS) + ")"
}

func tlsName(mode string) string {
	switch mode {
	case digest.STARTTLS:
		return "STARTTLS"
	case digest.Implicit:
		return "TLS"
	}
	return "in the clear"
}
