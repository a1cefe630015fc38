package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"relaywatch/alert"
	"relaywatch/mail"
	"relaywatch/store"
)

const (
	alertEvery      = time.Second        // How often the agent looks whether alerts wait.
	firstAlertRetry = time.Second        // Of a way that can't be reached, or is busy: then twice as long each time,
	lastAlertRetry  = 5 * time.Minute    // up to this.
	firstRefused    = 10 * time.Second   // Of one alert that is refused: as above,
	lastRefused     = time.Hour          // up to this.
	refusedTries    = 24                 // Then it is given up, some 15 hours after the first.
	alertsOfUse     = 7 * 24 * time.Hour // After it an alert is given up, whatever the reason.
	alertGrace      = 2 * time.Second    // Whoever stops the agent waits so long for the other side's answer; see stopWithin.
	givenUpFor      = 7 * 24 * time.Hour // How long `status` tells of alerts that were given up.
)

// telling is what the store notes to be told.
func (p *program) telling() store.Telling {
	c := &p.config.Alerts
	return store.Telling{Ways: c.ways(), Least: c.least(), Now: func() mail.Time { return mail.Of(p.clock()) }}
}

// tellMachines has the store note what is to be told. Trouble with ways that the
// configuration names no more is over.
func (a *agent) tellMachines(ctx context.Context, db *store.DB) error {
	t := a.p.telling()
	if err := db.Tell(ctx, t); err != nil {
		return err
	}
	for _, way := range []string{wayWebhook, waySyslog} {
		if !slices.Contains(t.Ways, way) {
			a.heal(alertTrouble(way))
		}
	}
	return nil
}

// alertTrouble names what is wrong with a way in the agent's health.
func alertTrouble(way string) string { return "alerts by " + way }

// alerts sends what waits, each way by itself, until ctx is done. Judging goes on
// meanwhile: what is to be sent is in the store, and one at a time in memory.
func (l *live) alerts(ctx context.Context, p *program) {
	var ways sync.WaitGroup
	for _, way := range p.config.Alerts.ways() {
		ways.Go(func() {
			o := &outgoing{p: p, db: l.db, way: way, agent: l.agent}
			tick := time.NewTicker(cmp.Or(p.mailEvery, alertEvery))
			defer tick.Stop()
			for ctx.Err() == nil {
				o.step(ctx, p.clock)
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	ways.Wait()
}

// outgoing sends the alerts of one way. An alert is done with only when the other side
// has taken it, so that a kill at any moment means that it is sent again, with the same
// id.
type outgoing struct {
	p     *program
	db    *store.DB
	way   string
	agent *agent // Hears of trouble.

	failed int       // Times in a row that the other side could not be reached, or was busy.
	until  time.Time // It is left alone so long.
}

// step sends what waits until nothing does, or the other side is to be left alone.
func (o *outgoing) step(ctx context.Context, clock func() time.Time) {
	for ctx.Err() == nil {
		now := clock()
		if now.Before(o.until) && o.until.Sub(now) <= alertsOfUse { // Unless the clock was set back since.
			return
		}
		a, err := o.db.NextAlert(ctx, o.way, mail.Of(now))
		if err != nil || a == nil {
			return // What is wrong with the store is said where it is written.
		}
		err = o.try(ctx, a, now)
		if ctx.Err() != nil && err != nil {
			return // It was stopped: nobody is to blame.
		}
		o.after(a, err, clock())
		if err := insist(ctx, func(ctx context.Context) error { return o.db.TriedAlert(ctx, a) }); err != nil {
			o.until = clock().Add(lastAlertRetry) // What it does not know it would send again at once.
			return
		}
		o.tell(ctx, a)
	}
}

// try hands an alert to the other side. One that is too old is not tried.
func (o *outgoing) try(ctx context.Context, a *store.Alert, now time.Time) error {
	if now.Sub(a.Made.Std()) > alertsOfUse {
		return errTooOld
	}
	other, err := o.p.config.sender(o.way)
	if err != nil {
		return err
	}
	message, err := alertOf(a)
	if err != nil {
		return err
	}
	sending, done := outlive(ctx, alertGrace)
	defer done()
	_, err = other.Send(sending, message)
	return err
}

var errTooOld = fmt.Errorf("it could not be sent for %s", span(alertsOfUse))

// after notes in an alert what became of a try, and when the next one is.
func (o *outgoing) after(a *store.Alert, err error, now time.Time) {
	var refused *alert.Refused
	var busy *alert.Busy
	switch {
	case err == nil:
		o.failed, o.until = 0, time.Time{}
		a.Done, a.Taken, a.Error = mail.Of(now), true, ""
		return
	case errors.Is(err, errTooOld):
		a.Done = mail.Of(now)
		a.Error = cmp.Or(a.Error, err.Error())
		return
	}
	a.Error = err.Error()
	switch {
	case errors.As(err, &refused):
		a.Tries++
		o.failed, o.until = 0, time.Time{} // It can be reached: others may be welcome.
		if a.Tries >= refusedTries {
			a.Done = mail.Of(now)
			return
		}
		a.Next = mail.Of(now.Add(doubled(firstRefused, a.Tries-1, lastRefused)))
		return
	case errors.As(err, &busy): // It may be this alert that it can't digest: others go first now.
		a.Tries++
		a.Next = mail.Of(now.Add(max(busy.After, doubled(firstAlertRetry, a.Tries-1, lastAlertRetry))))
		o.until = now.Add(busy.After)
	}
	if wait := now.Add(doubled(firstAlertRetry, o.failed, lastAlertRetry)); wait.After(o.until) {
		o.until = wait
	}
	o.failed++
}

// tell counts what became of a try, and says once what can't be sent, as long as it
// can't.
func (o *outgoing) tell(ctx context.Context, a *store.Alert) {
	var now store.AlertWay
	ways, err := o.db.AlertWays(ctx, 0)
	if err != nil {
		return // It is said where the store is written.
	}
	for _, w := range ways {
		if w.Way == o.way {
			now = w
		}
	}
	o.agent.alerted(o.way, a, now.Waiting)
	trouble := alertTrouble(o.way)
	if a.Done != 0 && !a.Taken {
		o.p.log.Error().Str("what", trouble).Str("id", alertID(a)).Msg(visible("an alert is given up: " + a.Error))
	}
	if now.Error != "" { // Of this one, or of others that are refused.
		o.agent.say(trouble, errors.New(now.Error))
		return
	}
	o.agent.heal(trouble)
}

// alertID is what tells doubles.
func alertID(a *store.Alert) string { return fmt.Sprintf("%s-%d", a.Episode, a.Step) }

// alertOf is an alert of the store as it is sent.
func alertOf(a *store.Alert) (*alert.Message, error) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	m := &alert.Message{
		ID: alertID(a), Event: a.Event, Episode: a.Episode, Step: a.Step, Grew: append([]string{}, a.Grew...), Provisional: a.Provisional,
		Made: a.Made.Std(), Host: host,
	}
	if err := json.Unmarshal(a.Suspect, &m.Suspect); err != nil {
		return nil, fmt.Errorf("alert %s in the store: %w", m.ID, err)
	}
	return m, nil
}
