package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// urgent makes one mail of all episodes that have just come to the severity that the
// configuration names.
func (m *mailer) urgent(ctx context.Context) error {
	least := detect.Severity(m.p.config.Digest.Urgent)
	if least == "" {
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
		if s.InWork() && s.Severity.AtLeast(least) && !m.toldAtLeast(made, s, least) {
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
func (m *mailer) toldAtLeast(made []store.Digest, s store.Suspect, least detect.Severity) bool {
	return slices.ContainsFunc(made, func(d store.Digest) bool {
		d.Told = slices.DeleteFunc(slices.Clone(d.Told), func(t store.Told) bool { return !detect.Severity(t.Severity).AtLeast(least) })
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
