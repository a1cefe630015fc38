package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"relaywatch/digest"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// silenced are the submitters whom the allow-list left alone, each with the rules and
// the first reason.
func (m *dayMaker) silenced(ctx context.Context) ([]digest.Silenced, error) {
	list, err := m.db.Silenced(ctx, m.since, m.until)
	if err != nil {
		return nil, err
	}
	out := []digest.Silenced{}
	for _, s := range list {
		n := len(out) - 1
		if n < 0 || out[n].Submitter != s.Submitter {
			out = append(out, digest.Silenced{Submitter: s.Submitter, Reason: s.Reason})
			n++
		}
		if !slices.Contains(out[n].Rules, s.Rule) {
			out[n].Rules = append(out[n].Rules, s.Rule)
		}
	}
	return out, nil
}

// watched are those on watch whose newest recipient that counts is of the time of the
// mail.
func (m *dayMaker) watched(ctx context.Context) ([]digest.Watched, error) {
	list, err := m.db.Watched(ctx, mail.Submitter{})
	if err != nil {
		return nil, err
	}
	out := []digest.Watched{}
	for _, w := range list {
		if w.At >= m.since && w.At < m.until {
			out = append(out, digest.Watched{Submitter: w.Submitter, Rule: w.Rule, Nats: w.Score, Alert: w.Alert})
		}
	}
	return out, nil
}

// ending are the entries of the allow-list that end soon, the first to end first. With
// the summary of the week the mail tells of those that silence nothing, too.
func (m *dayMaker) ending(ctx context.Context, d *digest.Day) error {
	items, err := m.p.allowItems(ctx, m.db, m.rules)
	if err != nil {
		return err
	}
	d.Ending = []digest.Ending{}
	now := m.until.Std()
	for k := range items {
		i := &items[k]
		switch {
		case i.removed != 0 || i.wrong != "":
		case i.ends.After(now) && i.ends.Before(now.Add(endsSoon)):
			d.Ending = append(d.Ending, digest.Ending{Submitter: i.Submitter, Reason: i.Reason, Until: i.ends})
		case i.unused && d.Week != nil:
			d.Health.Notes = append(d.Health.Notes, fmt.Sprintf("Allow-list entry %s (%s) silenced nothing in 90 days: is it needed? %s", i.name(), i.Submitter, i.Reason))
		}
	}
	slices.SortStableFunc(d.Ending, func(a, b digest.Ending) int { return a.Until.Compare(b.Until) })
	return nil
}

// week sums up the seven days before the mail of a date; nil if it is not due then.
func (m *dayMaker) week(ctx context.Context, date digest.Date) ([]digest.WeekDay, error) {
	if m.p.config.Digest.Weekly != weekdays[date.Weekday()] {
		return nil, nil
	}
	clock, err := m.p.config.clock()
	if err != nil {
		return nil, err
	}
	suspects, err := m.db.Suspects(ctx, store.Filter{Until: m.until})
	if err != nil {
		return nil, err
	}
	var week []digest.WeekDay
	for back := 7; back > 0; back-- {
		start := clock.Due(date.Add(-back))
		since, until := mail.Of(start), mail.Of(clock.Due(date.Add(1-back)))
		day := digest.WeekDay{Start: start}
		if day.Messages, day.Recipients, err = m.db.Sent(ctx, since, until); err != nil {
			return nil, err
		}
		for _, s := range suspects {
			if s.State != "false-alarm" && s.FirstFlagged >= since && s.FirstFlagged < until {
				day.Suspects++
				day.Reached += s.Recipients
			}
		}
		week = append(week, day)
	}
	return week, nil
}

// nameServers gives each log the name of its host, as the servers of Exchange write
// their names with and without a domain. A log that tells none, as it holds no
// session, is of the server whose other logs lie in its folder.
func nameServers(logs []ingest.Log) {
	folders := map[string]string{}
	for i := range logs {
		logs[i].Server = hostName(logs[i].Server)
		if logs[i].Server != "" {
			folders[filepath.Dir(logs[i].Path)] = logs[i].Server
		}
	}
	for i := range logs {
		if logs[i].Server == "" {
			logs[i].Server = folders[filepath.Dir(logs[i].Path)]
		}
	}
}

// hostName is the name of a host without its domain, in upper case.
func hostName(server string) string {
	if _, err := netip.ParseAddr(server); err != nil {
		server, _, _ = strings.Cut(server, ".")
	}
	return strings.ToUpper(server)
}

// serverNames are the servers that the mail tells of: those with rows in its time,
// else all that were heard of lately; those with the most rows first.
func (m *dayMaker) serverNames() []string {
	for _, since := range []mail.Time{m.since, m.until.Add(-maxPeriod), 0} {
		rows := map[string]int64{}
		for _, l := range m.status.Logs {
			if l.Server != "" && l.LastTime >= since && l.FirstTime < m.until {
				rows[l.Server] += l.Rows
			}
		}
		if len(rows) == 0 {
			continue
		}
		names := []string{}
		for name := range rows {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(-cmp.Compare(rows[a], rows[b]), cmp.Compare(a, b)) })
		return names
	}
	return []string{}
}
