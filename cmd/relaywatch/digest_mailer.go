package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
)

// mailer makes the mails that are due, and sends those that wait. What it knows is
// in the store: each mail once, noted before it is tried, so that after a kill the
// same mail is sent again with the same Message-ID, and no other.
//
// Between the server's answer and the note of it a kill leaves unknown whether the
// mail arrived. It is sent again then: a server that knows a Message-ID it has seen
// shows it once; one that does not shows it twice, and no sender can prevent that.
type mailer struct {
	p   *program
	db  *store.DB
	now time.Time
	log zerolog.Logger // Hears of mail that was taken.
}

const (
	firstMailRetry = time.Minute
	lastMailRetry  = time.Hour
	giveUpAfter    = 3 * 24 * time.Hour // After it a daily mail is of no use.
	urgentADay     = 5                  // Urgent mails; what else comes up is in the daily one.
	urgentFor      = 24 * time.Hour     // An episode that is older is no news.
	sendGrace      = 3 * time.Second    // Whoever stops the agent waits so long for the server's answer; see stopWithin.
)

// step makes what is due and sends what waits. The error is nil where somebody else
// is sending.
func (m *mailer) step(ctx context.Context) error {
	err := m.due(ctx)
	if sent := m.send(ctx); sent != nil && !errors.Is(sent, errBusy) {
		err = errors.Join(err, sent)
	}
	return err
}

// due makes the mails that are due. The first call only notes from which day on.
func (m *mailer) due(ctx context.Context) error {
	if err := m.daily(ctx); err != nil {
		return err
	}
	return m.urgent(ctx)
}

// daily makes the mail of the latest date, if it was not made. Dates that were missed
// before are in it.
func (m *mailer) daily(ctx context.Context) error {
	clock, err := m.p.config.clock()
	if err != nil {
		return err
	}
	date := clock.Latest(m.now)
	last, err := m.db.LastDigest(ctx, store.DigestDaily, date.String())
	if err != nil {
		return err
	}
	if last == nil {
		until := mail.Of(clock.Due(date))
		_, err := m.db.AddDigest(ctx, store.Digest{Kind: store.DigestDaily, Key: date.String(), Since: until, Until: until, Made: mail.Of(m.now), Done: mail.Of(m.now)})
		return err
	}
	if date.String() == last.Key {
		return nil
	}
	_, err = m.make(ctx, date, last)
	return err
}

// make makes the mail of a date and notes it. last is the one before, nil if there
// is none. It returns nil if somebody else was quicker.
func (m *mailer) make(ctx context.Context, date digest.Date, last *store.Digest) (*store.Digest, error) {
	spec, err := m.spec(date, last)
	if err != nil {
		return nil, err
	}
	d, told, err := m.p.day(ctx, m.db, spec)
	if err != nil {
		return nil, err
	}
	d.First = last == nil || last.MessageID == ""
	return m.note(ctx, store.DigestDaily, date.String(), d, told)
}

// spec is the time that the mail of a date covers: from the end of the one before.
func (m *mailer) spec(date digest.Date, last *store.Digest) (daySpec, error) {
	clock, err := m.p.config.clock()
	if err != nil {
		return daySpec{}, err
	}
	s := daySpec{date: date, since: clock.Due(date.Add(-1)), until: clock.Due(date), now: m.now}
	if last != nil && last.Until.Std().Before(s.until) && last.Key < date.String() {
		s.since = last.Until.Std()
	}
	if earliest := s.until.Add(-maxPeriod); s.since.Before(earliest) {
		s.since = earliest
	}
	return s, nil
}

// note composes a mail and keeps it before anybody tries to send it.
func (m *mailer) note(ctx context.Context, kind, key string, d *digest.Day, told []store.Told) (*store.Digest, error) {
	c := m.p.config.Digest
	msg, err := d.Compose(digest.Head{ID: m.messageID(kind, key), From: c.From, To: c.To, Date: m.now, JSON: c.AttachJSON})
	if err != nil {
		return nil, err
	}
	added, err := m.db.AddDigest(ctx, store.Digest{
		Kind: kind, Key: key, MessageID: msg.ID, Subject: msg.Subject, Since: mail.Of(d.From), Until: mail.Of(d.Until), Made: mail.Of(m.now),
		Message: msg.Data, Waiting: msg.To, Told: told, Quarantined: d.Health.Quarantined,
	})
	if err != nil || !added {
		return nil, err
	}
	return m.db.Digest(ctx, kind, key)
}

// messageID is made of what the mail is and of where this store is, so that a store
// that was lost, or put back from a copy, makes the same.
func (m *mailer) messageID(kind, key string) string {
	path, err := filepath.Abs(m.p.config.Store.Path)
	if err != nil {
		path = m.p.config.Store.Path
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return digest.MessageID(m.p.config.Digest.From, kind, key, host+"\x00"+path)
}

// urgent makes one mail of all episodes that have just come to the severity that the
// configuration names.
func (m *mailer) urgent(ctx context.Context) error {
	least := slices.Index(severities, m.p.config.Digest.Urgent)
	if least < 0 {
		return nil
	}
	suspects, err := m.db.Suspects(ctx, store.Filter{Since: mail.Of(m.now.Add(-urgentFor))})
	if err != nil || len(suspects) == 0 {
		return err
	}
	made, err := m.db.DigestsSince(ctx, mail.Of(m.now.Add(-maxPeriod)))
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(m.p.config.Hours.TimeZone)
	if err != nil {
		return err
	}
	var fresh []episode
	for _, s := range suspects {
		if (s.State == "open" || s.State == "confirmed") && slices.Index(severities, string(s.Severity)) >= least && !m.toldAtLeast(made, s, least) {
			fresh = append(fresh, episode{Suspect: s, state: s.State})
		}
	}
	today := 0
	for _, d := range made {
		if d.Kind == store.DigestUrgent && sameDay(d.Made.Std().In(zone), m.now.In(zone)) {
			today++
		}
	}
	if len(fresh) == 0 || today >= urgentADay {
		return nil
	}
	return m.noteUrgent(ctx, fresh, today+1 == urgentADay)
}

// toldAtLeast is true if a mail told of an episode with a severity that is urgent.
func (m *mailer) toldAtLeast(made []store.Digest, s store.Suspect, least int) bool {
	return slices.ContainsFunc(made, func(d store.Digest) bool {
		d.Told = slices.DeleteFunc(slices.Clone(d.Told), func(t store.Told) bool { return slices.Index(severities, t.Severity) < least })
		return tells(d, s)
	})
}

func sameDay(a, b time.Time) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }

func (m *mailer) noteUrgent(ctx context.Context, fresh []episode, last bool) error {
	clock, err := m.p.config.clock()
	if err != nil {
		return err
	}
	spec := daySpec{date: clock.Latest(m.now).Add(1), since: m.now.Add(-urgentFor), until: m.now, now: m.now}
	maker, err := m.p.newDayMaker(ctx, m.db, spec)
	if err != nil {
		return err
	}
	maker.earlier = nil
	d := maker.head(spec)
	d.Urgent, d.Last = true, last
	told, err := maker.fill(ctx, d, fresh)
	if err != nil {
		return err
	}
	if err := maker.look(ctx, d); err != nil {
		return err
	}
	key := fmt.Sprintf("%s %s", fresh[0].FirstFlagged, fresh[0].Submitter)
	if fresh[0].Severity != detect.Critical {
		key += " " + string(fresh[0].Severity) // It may become worse.
	}
	_, err = m.note(ctx, store.DigestUrgent, key, d, told)
	return err
}

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
	lock := flock.New(m.p.config.Store.Path + ".mail.lock")
	held, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s.mail.lock: %w", m.p.config.Store.Path, err)
	}
	if !held {
		return errBusy
	}
	defer func() { _ = lock.Unlock() }()
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
		m.log.Info().Str("subject", visible(d.Subject)).Int("tries", d.Tries+1).Msg("the server has taken the mail")
	case err != nil:
		d.Error = err.Error()
		d.Next = mail.Of(m.now.Add(backoff(d.Tries)))
	}
	return errors.Join(err, m.keep(ctx, *d))
}

// keep notes what came of a try. While the store can't take it the mail must not be
// tried again, so it asks until it can.
func (m *mailer) keep(ctx context.Context, d store.Digest) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := m.db.TriedDigest(context.WithoutCancel(ctx), d)
		if err == nil || !store.Temporary(err) || !sleep(ctx, wait) {
			return err
		}
	}
}

// hand gives a mail to the server, and returns for whom it did not take it.
func (m *mailer) hand(ctx context.Context, relay *digest.Relay, d *store.Digest, to []string) ([]string, error) {
	sending, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(sendGrace, func() { cancel(context.Cause(ctx)) })
	})()
	msg := &digest.Message{ID: d.MessageID, From: m.p.config.Digest.From, Subject: d.Subject, Data: d.Message}
	taken, err := relay.Send(sending, msg, to)
	return slices.DeleteFunc(to, func(address string) bool { return slices.Contains(taken, address) }), err
}

// backoff is how long to wait after a number of tries, the last one not counted.
func backoff(before int) time.Duration {
	wait := firstMailRetry
	for ; before > 0 && wait < lastMailRetry; before-- {
		wait *= 2
	}
	return min(wait, lastMailRetry)
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return thousands(int64(n)) + " tries"
}
