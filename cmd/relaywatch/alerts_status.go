package main

import (
	"context"
	"fmt"
	"strings"

	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// sentAlerts counts what one way did since the agent's start.
type sentAlerts struct {
	Way     string `json:"way"`
	Taken   int64  `json:"taken"`
	Failed  int64  `json:"failed_tries"`
	GivenUp int64  `json:"given_up"`
	Waiting int64  `json:"waiting"` // After the last try.
}

// alerted counts what became of a try.
func (a *agent) alerted(way string, tried *store.Alert, waiting int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := 0
	for i < len(a.sent) && a.sent[i].Way != way {
		i++
	}
	if i == len(a.sent) {
		a.sent = append(a.sent, sentAlerts{Way: way})
	}
	s := &a.sent[i]
	s.Waiting = waiting
	switch {
	case tried.Taken:
		s.Taken++
	case tried.Done != 0:
		s.Failed++
		s.GivenUp++
	default:
		s.Failed++
	}
}

// alertReport is what `status` tells of a way.
type alertReport struct {
	Way       string `json:"way"`
	To        string `json:"to"` // Without secrets.
	Waiting   int64  `json:"waiting"`
	Oldest    string `json:"oldest_waiting"` // When it was made; "" if none waits.
	Next      string `json:"next_try"`       // Of the first of those that wait; "" is at once, or never.
	Error     string `json:"error"`          // Why the oldest could not be sent.
	LastTaken string `json:"last_taken"`     // "" if none was yet.
	GivenUp   int64  `json:"given_up"`       // In the last seven days.
	LastError string `json:"given_up_error"` // Of the last of those.
}

// alertReports are those of the ways that are configured.
func (p *program) alertReports(ctx context.Context, db *store.DB) ([]alertReport, error) {
	known, err := db.AlertWays(ctx, mail.Of(p.clock().Add(-givenUpFor)))
	if err != nil {
		return nil, err
	}
	list := []alertReport{}
	for _, way := range p.config.Alerts.ways() {
		r := alertReport{Way: way, To: p.alertTarget(way)}
		for _, w := range known {
			if w.Way == way {
				r = alertReport{way, r.To, w.Waiting, w.Oldest.String(), w.Next.String(), w.Error, w.LastTaken.String(), w.GivenUp, w.LastError}
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// alertTarget names the other side of a way.
func (p *program) alertTarget(way string) string {
	if other, err := p.config.sender(way); err == nil {
		return strings.TrimPrefix(other.String(), way+" ")
	}
	if way == wayWebhook {
		return "a server"
	}
	return p.config.Alerts.Syslog.Address
}

func (r *alertReport) print(w *page) {
	parts := []string{fmt.Sprintf("%s %s", r.Way, visible(r.To))}
	if r.LastTaken != "" {
		parts = append(parts, "the last was taken "+minute(r.LastTaken)+" UTC")
	} else {
		parts = append(parts, "none was taken yet")
	}
	if r.Waiting > 0 {
		text := fmt.Sprintf("%s since %s UTC", waits(r.Waiting), minute(r.Oldest))
		if r.Error != "" {
			text += ": " + visible(r.Error)
		}
		parts = append(parts, text)
	}
	if r.GivenUp > 0 {
		parts = append(parts, fmt.Sprintf("%s given up in the last %s, the last one as %s", words.Thousands(r.GivenUp), span(givenUpFor), visible(r.LastError)))
	}
	w.line(hang, "alerts     %s", strings.Join(parts, "; "))
}

func waits(n int64) string {
	if n == 1 {
		return "1 waits"
	}
	return words.Thousands(n) + " wait"
}

// checkAlerts looks at the files that alerts need, and says where they go.
func (p *program) checkAlerts() (string, error) {
	var list []string
	for _, way := range p.config.Alerts.ways() {
		other, err := p.config.sender(way)
		if err != nil {
			return "", usageError{err}
		}
		list = append(list, other.String())
	}
	if len(list) == 0 {
		return "no alerts to machines", nil
	}
	return fmt.Sprintf("alerts from %s on to %s", p.config.Alerts.MinSeverity, strings.Join(list, " and ")), nil
}
