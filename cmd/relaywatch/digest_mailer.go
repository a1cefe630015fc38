package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

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
