package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// series is the logs that a server writes to a place of the configuration: those of
// every day or hour are one.
type series struct {
	Server string // "" if the logs do not tell.
	Source string // The path of the configuration.
	Format ingest.Format
}

// String names a series for people, as MAIL01 (C:\Windows\System32\LogFiles\SMTPSVC1\ex*.log).
func (s series) String() string {
	name := s.Server
	if s.Format != ingest.FormatIISW3C {
		name = strings.TrimSpace(name + " " + string(s.Format))
	}
	if name == "" {
		return s.Source
	}
	return name + " (" + s.Source + ")"
}

// hearing is what the agent knows of when servers write, from the mail that is stored
// and from what comes in.
type hearing struct {
	sources  []ingest.Source
	calendar ingest.Calendar

	mu      sync.Mutex // Guards what follows.
	logs    map[mail.LogID]series
	servers map[series]*heard
}

// heard is one series.
type heard struct {
	rhythm ingest.Rhythm
	last   mail.Time // Of its last row.
	path   string    // Of the log with that row.
}

// newHearing knows the logs that were read so far.
func newHearing(sources []ingest.Source, hours detect.Hours, logs []ingest.Log) *hearing {
	h := &hearing{
		sources: sources, calendar: ingest.Calendar{Zone: hours.Zone, Holidays: hours.Holidays},
		logs: map[mail.LogID]series{}, servers: map[series]*heard{},
	}
	for i := range logs {
		h.place(&logs[i])
	}
	return h
}

// place notes to which series a log belongs, and its last row. Logs of no source are
// left out: the configuration may have changed. The caller holds h.mu, or is alone.
func (h *hearing) place(l *ingest.Log) {
	i := slices.IndexFunc(h.sources, func(s ingest.Source) bool { return covers(s.Path, l.Path) })
	if i < 0 || l.LastTime == 0 {
		return
	}
	s := series{l.Server, h.sources[i].Path, l.Format}
	h.logs[l.ID] = s
	if h.servers[s] == nil {
		h.servers[s] = &heard{}
	}
	if one := h.servers[s]; l.LastTime >= one.last {
		one.last, one.path = l.LastTime, l.Path
	}
}

// learn takes in what is stored of the last weeks.
func (h *hearing) learn(ctx context.Context, db *store.DB, now time.Time) error {
	return db.Minutes(ctx, mail.Of(now.Add(-ingest.RhythmMemory)), h.saw)
}

func (h *hearing) saw(log mail.LogID, at mail.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.logs[log]; ok {
		h.servers[s].rhythm.Saw(at)
	}
}

// note takes in a batch that is stored, and returns whose logs moved.
func (h *hearing) note(b *ingest.Batch) (came []series) {
	h.mu.Lock()
	for i := range b.Logs {
		h.place(&b.Logs[i])
		if s, ok := h.logs[b.Logs[i].ID]; ok {
			came = append(came, s)
		}
	}
	h.mu.Unlock()
	for i := range b.Transactions {
		h.saw(b.Transactions[i].Pos.Log, b.Transactions[i].At)
	}
	return came
}

// serverHealth is one series for people and programs.
type serverHealth struct {
	Server   string    `json:"server"`
	Source   string    `json:"logs"`
	Format   string    `json:"format"`
	Since    time.Time `json:"last_heard"`
	Silent   bool      `json:"silent"` // For longer than is usual for it.
	Usual    int64     `json:"usual_seconds,omitempty"`
	Learning bool      `json:"learning"`            // It is not known yet what is usual for it.
	Known    time.Time `json:"known_from,omitzero"` // When it will be.
}

func (s serverHealth) series() series { return series{s.Server, s.Source, ingest.Format(s.Format)} }

// print says how long the server has been silent, and how long it usually is.
func (s serverHealth) print(now time.Time) string {
	text := fmt.Sprintf("%s has been silent since %s UTC, %s", s.series(), s.Since.UTC().Format("2006-01-02 15:04"), lasting(now.Sub(s.Since)))
	if s.Usual > 0 {
		text += "; at this time of the week it is usually silent for at most " + lasting(time.Duration(s.Usual)*time.Second)
	}
	return text
}

// judge tells of every series how long it has been silent. files are those that are
// followed: by the clock of this machine, since that of the server may be wrong. A
// source without any file has nothing that could grow.
func (h *hearing) judge(files []ingest.Followed, now time.Time) []serverHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	grown := map[string]mail.Time{}
	there := map[string]bool{}
	for _, f := range files {
		grown[f.Path] = mail.Of(now.Add(-now.Sub(f.Grown))) // How long ago, as the clock may have been set since.
		for _, s := range h.sources {
			there[s.Path] = there[s.Path] || covers(s.Path, f.Path)
		}
	}
	var all []serverHealth
	for s, one := range h.servers {
		if !there[s.Source] {
			continue
		}
		nameless := h.servers[series{"", s.Source, s.Format}] // Its logs may be of any of them.
		since := max(one.last, grown[one.path])
		if nameless != nil {
			since = max(since, nameless.last, grown[nameless.path])
		}
		at := mail.Of(now)
		silence := one.rhythm.Silence(min(since, at), at, h.calendar)
		state := serverHealth{
			Server: s.Server, Source: s.Source, Format: string(s.Format), Since: silence.Since.Std(),
			Silent: silence.Unusual, Usual: int64(silence.Usual.Seconds()), Learning: silence.Learning(),
		}
		if state.Learning && silence.Known > 0 {
			state.Known = silence.Known.Std()
		}
		all = append(all, state)
	}
	slices.SortFunc(all, func(a, b serverHealth) int { return strings.Compare(a.series().String(), b.series().String()) })
	return all
}

// lasting writes a duration as people say it: 11 min, 3 h 20 min, 2 d 4 h.
func lasting(d time.Duration) string {
	minutes := int64(d / time.Minute)
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 48*60:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", minutes/60, minutes%60), " 0 min")
	}
	return strings.TrimSuffix(fmt.Sprintf("%d d %d h", minutes/60/24, minutes/60%24), " 0 h")
}
