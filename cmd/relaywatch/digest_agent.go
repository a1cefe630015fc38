package main

import (
	"context"
	"time"
)

// mailEvery is how often the agent looks whether a mail is due. It asks the clock,
// and sets no timer to a time of day: one would go wrong where the clock is set, or
// the host sleeps.
const mailEvery = 5 * time.Second

// reading is how long a mail waits for the logs to be read, after the start. A host
// that was off has much to read; what is still unread then is said in the mail.
const reading = 2 * time.Hour

// mailTrouble names what is wrong with the mail in the agent's health.
const mailTrouble = "daily mail"

// mails makes and sends mail until ctx is done. It begins when all logs were looked
// at: before that the mail would tell of nothing.
func (l *live) mails(ctx context.Context, p *program) {
	if !p.config.Digest.on() {
		return
	}
	every := p.mailEvery
	if every == 0 {
		every = mailEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	began := p.clock()
	for {
		now := p.clock()
		if l.looked.Load() || now.Sub(began) > reading {
			err := (&mailer{p: p, db: l.db, now: now, log: p.log}).step(ctx)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				l.agent.say(mailTrouble, err)
			default:
				l.agent.heal(mailTrouble)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// clock is the time now. Tests set another.
func (p *program) clock() time.Time {
	if p.now != nil {
		return p.now()
	}
	return time.Now()
}
