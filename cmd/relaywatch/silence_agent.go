package main

import (
	"context"
	"slices"
	"time"

	"relaywatch/ingest"
)

// judgeSilence is how often the agent asks whether servers are silent. No silence of
// less than half an hour is told.
const judgeSilence = time.Minute

// listen tells of servers that are silent for longer than is usual for them, and of
// those that are heard again.
func (l *live) listen(ctx context.Context) {
	tick := time.NewTicker(reloadEvery) // Until all logs were looked at once.
	defer tick.Stop()
	for learned := false; ; {
		if !learned {
			err := l.hearing.learn(ctx, l.db, time.Now())
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				l.agent.say("silence", err)
			default:
				learned = true
				l.agent.heal("silence")
			}
		}
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if learned && l.looked.Load() {
				tick.Reset(judgeSilence)
				l.agent.judgeSilence(l.hearing, now)
			}
		}
	}
}

// heard notes what came in, and judges at once whether a silence is over.
func (l *live) heard(b *ingest.Batch) {
	came := l.hearing.note(b)
	if l.agent.anySilent(came) {
		l.agent.judgeSilence(l.hearing, time.Now())
	}
}

func (a *agent) anySilent(came []series) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.servers, func(s serverHealth) bool { return s.Silent && slices.Contains(came, s.series()) })
}

// judgeSilence judges, unless rows wait in the logs since the store does not take them,
// and leaves out sources that can't be read: that is told already.
func (a *agent) judgeSilence(h *hearing, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, stuck := a.trouble["store"]; stuck || a.follower == nil {
		return
	}
	former := map[series]serverHealth{}
	for _, s := range a.servers {
		former[s.series()] = s
	}
	a.servers = nil
	for _, s := range h.judge(a.follower.Logs(), now) {
		was, known := former[s.series()]
		if _, away := a.trouble["log "+s.Source]; away {
			if known {
				a.servers = append(a.servers, was)
			}
			continue
		}
		a.servers = append(a.servers, s)
		switch {
		case s.Silent && !was.Silent:
			a.p.log.Warn().Str("what", "silence").Msg(visibleLines(s.print(now)))
			a.reportSoon()
		case was.Silent && s.Since.After(was.Since):
			a.p.log.Info().Str("what", "silence").Msgf("%s is heard again, after %s", visible(s.series().String()), lasting(s.Since.Sub(was.Since)))
			a.reportSoon()
		}
	}
}
