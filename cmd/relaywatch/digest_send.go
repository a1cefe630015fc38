package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// errBusy is returned where somebody else is sending: the agent, or `digest --send`.
var errBusy = errors.New("another relaywatch is sending mail just now")

// send tries the mails that wait and whose time has come. The error is that of the
// last that failed.
func (m *mailer) send(ctx context.Context) error {
	waiting, err := m.db.WaitingDigests(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, d := range waiting {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if mail.Of(m.now) < d.Next && d.Next <= mail.Of(m.now.Add(lastMailRetry)) { // Unless the clock was set back since.
			if failed == nil && d.Error != "" {
				failed = errors.New(d.Error)
			}
			continue
		}
		if err := m.try(ctx, d.Kind, d.Key); err != nil {
			failed = err
		}
	}
	return failed
}

// try sends a mail once, to those whom it waits for. Only one program does at a time.
func (m *mailer) try(ctx context.Context, kind, key string) error {
	lock := lockOf(m.p.config.Store.Path, mailLock)
	held, err := lock.take(lock.TryLock)
	if err != nil {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	if !held {
		return errBusy
	}
	defer lock.release()
	d, err := m.db.Digest(ctx, kind, key)
	if err != nil || d == nil || d.Done != 0 {
		return err
	}
	if m.now.Sub(d.Made.Std()) > giveUpAfter {
		d.Done = mail.Of(m.now)
		return errors.Join(fmt.Errorf("the mail of %s was given up after %s", key, tries(d.Tries)), m.db.TriedDigest(ctx, *d))
	}
	// Nobody who was taken out of the configuration meanwhile.
	to := slices.DeleteFunc(slices.Clone(d.Waiting), func(address string) bool { return !slices.Contains(m.p.config.Digest.To, address) })
	relay, err := m.p.config.relay()
	if err == nil && len(to) > 0 {
		unknown := "the program ended while it sent the mail: whether the server has it is not known, so it is sent again"
		if err := m.db.TryDigest(ctx, d.ID, mail.Of(m.now), unknown); err != nil {
			return err
		}
		to, err = m.hand(ctx, relay, d, to)
	}
	d.Waiting, d.Error = to, ""
	switch {
	case len(to) == 0:
		d.Done = mail.Of(m.now)
		m.log.Info().Int("tries", d.Tries+1).Msg("the server has taken the mail")
		m.log.Debug().Str("subject", visible(d.Subject)).Msg("its subject") // That of an urgent mail names who is accused.
	case err != nil:
		d.Error = err.Error()
		d.Next = mail.Of(m.now.Add(doubled(firstMailRetry, d.Tries, lastMailRetry)))
	}
	return errors.Join(err, insist(ctx, func(ctx context.Context) error { return m.db.TriedDigest(ctx, *d) }))
}

// hand gives a mail to the server, and returns for whom it did not take it.
func (m *mailer) hand(ctx context.Context, relay *digest.Relay, d *store.Digest, to []string) ([]string, error) {
	sending, done := outlive(ctx, sendGrace)
	defer done()
	msg := &digest.Message{ID: d.MessageID, From: m.p.config.Digest.From, Subject: d.Subject, Data: d.Message}
	taken, err := relay.Send(sending, msg, to)
	return slices.DeleteFunc(to, func(address string) bool { return slices.Contains(taken, address) }), err
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return words.Thousands(n) + " tries"
}
