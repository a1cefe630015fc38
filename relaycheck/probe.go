package relaycheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"relaywatch/words"
)

// Probe tests one mail server with the address forms of relay tests: it says MAIL and
// RCPT, and RSET after each, never DATA. Nothing is delivered.
type Probe struct {
	Address netip.AddrPort // Of the server.
	Host    string         // As the user named it; stands for the server where its greeting has no name.
	Domain  string         // Outside, where the recipients are; not one of the server's own.
	HELO    string         // Name of this host.
	Inside  bool           // This host is one that the server may trust for its address.

	Timeout time.Duration // For the answer to one command; servers make those wait who are refused.
	Limit   time.Duration // For all of it.
}

const (
	// maxConnections is how often the probe connects: servers hang up on those who are
	// refused again and again.
	maxConnections = 8
	// maxTries is how often a form is tried on which the server hangs up.
	maxTries = 2
)

// outcome is what became of a form.
type outcome struct {
	number   int // From 1 on.
	form     form
	from, to string
	gone     bool // The server hung up each time instead of an answer.
	answered bool // The server answered RCPT.
	accepted bool
	reply    string // To RCPT, or to the command before that was refused.
}

func (o *outcome) String() string {
	return fmt.Sprintf("%2d  MAIL FROM:<%s> RCPT TO:<%s>: %s", o.number, o.from, o.to, o.reply)
}

var (
	// errLogin ends a probe: the server wants a login before anything else.
	errLogin = errors.New("the server wants a login first")
	// errTLS ends a probe: the server talks to nobody in the open.
	errTLS = errors.New("the server wants TLS first")
	// errGone ends a conversation.
	errGone = errors.New("the server hung up")
)

// Run tests the server. The error says that it can't be reached, or does not speak
// SMTP; what is known when the time is over, or when the server talks no more, is a
// Result.
func (p *Probe) Run(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	c, err := p.connect(ctx)
	if err != nil {
		return Result{}, err
	}
	connections := 1
	defer func() {
		if c != nil {
			c.quit()
		}
	}()
	var outcomes []outcome
	for i := range forms {
		o := outcome{number: i + 1, form: forms[i], reply: errGone.Error()}
		for range maxTries {
			if c == nil {
				if connections++; connections > maxConnections {
					return p.judge(outcomes, fmt.Sprintf("the server hung up %d times", maxConnections)), nil
				}
				if c, err = p.connect(ctx); err != nil {
					return p.ended(ctx, outcomes, fmt.Sprintf("the server takes no more connections: %v", err))
				}
			}
			if err = c.try(&o); !errors.Is(err, errGone) {
				break
			}
			c.close()
			c = nil
			if ctx.Err() != nil {
				return p.ended(ctx, outcomes, "")
			}
		}
		outcomes = append(outcomes, o)
		if errors.Is(err, errLogin) || errors.Is(err, errTLS) {
			return p.judge(outcomes, err.Error()), nil
		}
	}
	return p.judge(outcomes, ""), nil
}

// ended is what is known when no more can be asked.
func (p *Probe) ended(ctx context.Context, outcomes []outcome, why string) (Result, error) {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		why = fmt.Sprintf("it took longer than %s", p.Limit)
	case err != nil:
		return Result{}, err
	}
	return p.judge(outcomes, why), nil
}

// judge makes a result of what became of the forms. stopped says why others were not
// tried; "" if all were.
func (p *Probe) judge(outcomes []outcome, stopped string) Result {
	r := Result{
		Check: "probe", Title: "what " + p.Host + " answers to the address forms of relay tests",
		Read: fmt.Sprintf("%d of %d forms, up to RCPT, at %s", len(outcomes), len(forms), p.Address),
	}
	var n counts
	for i := range outcomes {
		o := &outcomes[i]
		r.Details = append(r.Details, o.String())
		switch {
		case o.accepted && o.form.proves:
			n.proven++
		case o.accepted:
			n.doubtful++
		}
		if o.answered {
			n.answered++
		}
		if o.gone {
			n.gone++
		}
	}
	r.Severity, r.Found = p.verdict(n, stopped)
	if stopped != "" && stopped != errLogin.Error() {
		r.Found += "; then the probe ended, as " + stopped
		if r.Severity == Passed {
			r.Severity = NotJudged
		}
	}
	if r.Severity == Error || r.Severity == Warning {
		r.Fix = []string{
			"Exchange: narrow the connector that gives the right to relay, or take that right away (see open-relay and relay-connectors).",
			"IIS (6.0) Manager, properties of the SMTP virtual server, Access, Relay: Only the list below, with known addresses in it.",
			"A server that only takes such an address at RCPT and refuses or drops the mail later is no relay: send yourself one by hand to know.",
		}
		r.Links = []string{linkRelayTest, linkAnonymousRelay, linkIISRelay}
	}
	return r
}

// counts are how many forms came how far.
type counts struct {
	answered, gone   int // As in outcome.
	proven, doubtful int // Accepted, by form.proves.
}

// verdict says how bad it is, and in which words, before what was not tried.
func (p *Probe) verdict(n counts, stopped string) (Severity, string) {
	switch {
	case n.proven > 0 && p.Inside:
		return Warning, fmt.Sprintf("%s for %s accepted without a login, from here, which is inside: any host like this one may relay; whether the internet may is told by a probe from outside", words.Plural(n.proven, "recipient"), p.Domain)
	case n.proven > 0:
		return Error, fmt.Sprintf("%s for %s accepted without a login: the server is an open relay", words.Plural(n.proven, "recipient"), p.Domain)
	case n.doubtful > 0:
		return Warning, fmt.Sprintf("no plain recipient was accepted, but %s in forms that a server may rewrite: it relays if it does, and takes mail for mailboxes that there are not if it does not", words.Plural(n.doubtful, "recipient"))
	case n.answered == 0 && stopped == errLogin.Error():
		return Passed, "nothing is accepted without a login"
	case n.answered == 0:
		return NotJudged, "no form came as far as RCPT"
	case n.gone > 0:
		return Passed, fmt.Sprintf("no recipient outside was accepted, but the server hung up on %s instead of an answer", words.Plural(n.gone, "form"))
	}
	return Passed, "every recipient outside was refused"
}
