package store

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// alertsOf are the alerts of a way, as "0 opened high []".
func alertsOf(t *testing.T, db *DB, way string) []string {
	t.Helper()
	all, err := db.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, a := range all {
		var s struct {
			Submitter, Severity string
		}
		if err := json.Unmarshal(a.Suspect, &s); err != nil {
			t.Fatal(err)
		}
		if a.Way == way {
			list = append(list, fmt.Sprintf("%d %s %s %s %v", a.Step, a.Event, s.Submitter, s.Severity, a.Grew))
		}
	}
	return list
}

func wantTold(t *testing.T, db *DB, when string, want ...string) {
	t.Helper()
	if got := alertsOf(t, db, "webhook"); !slices.Equal(got, want) {
		t.Errorf("%s: got %q; want %q", when, got, want)
	}
}

// telling tells of all that is medium or worse, at a time.
func telling(now *mail.Time) Telling {
	return Telling{Ways: []string{"webhook", "syslog"}, Least: detect.Medium, Now: func() mail.Time { return *now }}
}

func tellOn(t *testing.T, db *DB, now *mail.Time) {
	t.Helper()
	if err := db.Tell(t.Context(), telling(now)); err != nil {
		t.Fatal(err)
	}
}

func TestAnnounce(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	e := episode(t0, t0+60)
	e.Severity = detect.Low
	judge(t, db, detect.Judgement{Provisional: true, Episodes: []detect.Episode{e}})
	wantTold(t, db, "below the least severity")

	e.Severity = detect.High
	judge(t, db, detect.Judgement{Provisional: true, Episodes: []detect.Episode{e}})
	wantTold(t, db, "opened", "0 opened ip:10.1.4.7 high []")
	judge(t, db, detect.Judgement{Provisional: true, Episodes: []detect.Episode{e}})
	judge(t, db, detect.Judgement{Until: t0 + 70, Episodes: []detect.Episode{e}})
	e.LastFlagged, e.Recipients = t0+90, 399
	judge(t, db, detect.Judgement{Provisional: true, Episodes: []detect.Episode{e}})
	wantTold(t, db, "it goes on", "0 opened ip:10.1.4.7 high []")

	e.Severity, e.Recipients, e.Rules = detect.Critical, 400, []string{"recipient-fanout", "sameness"}
	judge(t, db, detect.Judgement{Until: t0 + 90, Episodes: []detect.Episode{e}})
	want := []string{"0 opened ip:10.1.4.7 high []", "1 grown ip:10.1.4.7 critical [severity rules recipients]"}
	wantTold(t, db, "it grew", want...)
	if got := alertsOf(t, db, "syslog"); !slices.Equal(got, want) {
		t.Errorf("the other way: got %q; want the same", got)
	}
	all, err := db.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := all[0], all[3]; !a.Provisional || b.Provisional || a.Episode != b.Episode || len(a.Episode) != 24 || a.Made != now || a.Way != "webhook" || b.Way != "syslog" {
		t.Errorf("got %+v and %+v", a, b)
	}

	// Judged anew it begins at another row, and is the same all the same.
	e.FirstFlagged, e.Start = t0-300, t0-300
	judge(t, db, detect.Judgement{Reset: true, Until: t0 + 3000, Episodes: []detect.Episode{e}})
	wantTold(t, db, "it began earlier", want...)

	// What people decided is told no more.
	if err := db.Decide(t.Context(), Decision{Submitter: worm, FirstFlagged: e.FirstFlagged, LastFlagged: e.LastFlagged, State: "false-alarm"}); err != nil {
		t.Fatal(err)
	}
	e.Recipients = 4000
	judge(t, db, detect.Judgement{Until: t0 + 3000, Episodes: []detect.Episode{e}})
	wantTold(t, db, "a false alarm", want...)
}

// The id is made of what the episode is, so that a store made anew makes the same.
func TestAnnounceSameInEveryStore(t *testing.T) {
	var episodes []string
	for range 2 {
		db, now := newStore(t), t0+100
		tellOn(t, db, &now)
		judge(t, db, detect.Judgement{Until: t0 + 70, Episodes: []detect.Episode{episode(t0, t0+60)}})
		now += 50
		a, err := db.NextAlert(t.Context(), "webhook", now)
		if err != nil || a == nil {
			t.Fatalf("got %v, %v; want an alert", a, err)
		}
		episodes = append(episodes, a.Episode)
	}
	if episodes[0] != episodes[1] {
		t.Errorf("got %q; want the same", episodes)
	}
}

// A year of old episodes raises no alarm, neither while it is judged nor at the start of
// who tells; what goes on is told at once.
func TestAnnounceBacklog(t *testing.T) {
	db, now := newStore(t), t0
	var year []detect.Episode
	for day := range 365 {
		e := episode(t0.Add(-time.Duration(day)*25*time.Hour), t0.Add(-time.Duration(day)*25*time.Hour)+60)
		e.Submitter.Value = fmt.Sprintf("10.1.%d.%d", day/100, day%100)
		year = append(year, e)
	}
	judge(t, db, detect.Judgement{Until: t0 + 70, Episodes: year}) // Without an agent.
	tellOn(t, db, &now)
	want := []string{"0 opened ip:10.1.0.0 high []"}
	wantTold(t, db, "the agent starts", want...)
	judge(t, db, detect.Judgement{Reset: true, Until: t0 + 700, Episodes: year})
	tellOn(t, db, &now)
	wantTold(t, db, "judged anew, and started again", want...)

	fresh, now := newStore(t), t0
	tellOn(t, fresh, &now)
	judge(t, fresh, detect.Judgement{Until: t0 + 70, Episodes: year})
	wantTold(t, fresh, "judged while the agent runs", want...)

	// What is open by the time of old logs is not fresh by the clock.
	stale, now := newStore(t), t0.Add(30*24*time.Hour)
	judge(t, stale, detect.Judgement{Until: t0 + 70, Episodes: year[:1]})
	tellOn(t, stale, &now)
	judge(t, stale, detect.Judgement{Until: t0 + 80, Episodes: year[:1]})
	wantTold(t, stale, "a month later")
}

// An episode that went on for days is the same also where it is judged anew, and begins
// where it had come to.
func TestAnnounceGoesOn(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	e := episode(t0, t0+60)
	for range 5 {
		judge(t, db, detect.Judgement{Until: e.LastFlagged, Episodes: []detect.Episode{e}})
		now, e.LastFlagged = now.Add(20*time.Hour), e.LastFlagged.Add(20*time.Hour)
	}
	e.FirstFlagged = e.LastFlagged.Add(-30 * time.Hour)
	judge(t, db, detect.Judgement{Reset: true, Until: e.LastFlagged, Episodes: []detect.Episode{e}})
	wantTold(t, db, "judged anew", "0 opened ip:10.1.4.7 high []")
}

// An episode that was told before its rows were judged for good, and then was none, is
// taken back, once; if it comes again it is told again.
func TestAnnounceWithdrawn(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	e := episode(t0, t0+60)
	judge(t, db, detect.Judgement{Provisional: true, Episodes: []detect.Episode{e}})
	opened := "0 opened ip:10.1.4.7 high []"
	judge(t, db, detect.Judgement{Until: t0 - 60})
	wantTold(t, db, "judged up to before it", opened)
	judge(t, db, detect.Judgement{Until: t0 + 60 + 599})
	wantTold(t, db, "within the grace", opened)
	judge(t, db, detect.Judgement{Until: t0 + 60 + 600})
	withdrawn := "1 withdrawn ip:10.1.4.7 high []"
	wantTold(t, db, "settled", opened, withdrawn)
	judge(t, db, detect.Judgement{Until: t0 + 5000})
	wantTold(t, db, "once", opened, withdrawn)
	judge(t, db, detect.Judgement{Until: t0 + 5000, Episodes: []detect.Episode{e}})
	again := "2 opened ip:10.1.4.7 high []"
	wantTold(t, db, "it was one after all", opened, withdrawn, again)
	e.Recipients = 2000
	judge(t, db, detect.Judgement{Until: t0 + 5000, Episodes: []detect.Episode{e}})
	wantTold(t, db, "it grew", opened, withdrawn, again, "3 grown ip:10.1.4.7 high [recipients]")
}

// A clock that was a year ahead at a start costs no judgement afterwards, and sends
// nothing twice that still waits.
func TestAnnounceClockWasWrong(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	j := detect.Judgement{Until: t0 + 70, Episodes: []detect.Episode{episode(t0, t0+60)}}
	judge(t, db, j)
	now = t0.Add(365 * 24 * time.Hour)
	tellOn(t, db, &now)
	now = t0 + 200
	tellOn(t, db, &now)
	judge(t, db, j)
	wantTold(t, db, "the clock is right again", "0 opened ip:10.1.4.7 high []")
}

// What machines were told is forgotten after a month, also while the agent runs on; what
// waits, and what still goes on, is not.
func TestAnnounceForgotten(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	e := episode(t0, t0+60)
	judge(t, db, detect.Judgement{Until: t0 + 70, Episodes: []detect.Episode{e}})
	a, err := db.NextAlert(t.Context(), "webhook", now)
	if err != nil || a == nil {
		t.Fatalf("got %v, %v; want an alert", a, err)
	}
	a.Done, a.Taken = now, true
	if err := db.TriedAlert(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	e.LastFlagged += 100
	now = e.LastFlagged
	judge(t, db, detect.Judgement{Until: t0 + 170, Episodes: []detect.Episode{e}})
	forget := func(at mail.Time) {
		t.Helper()
		if err := db.ForgetAlerts(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	forget(a.Done.Add(keepAlerts))
	wantTold(t, db, "after 30 days", "0 opened ip:10.1.4.7 high []")
	forget(a.Done.Add(keepAlerts) + 1)
	wantTold(t, db, "after longer")
	if got := alertsOf(t, db, "syslog"); len(got) != 1 {
		t.Errorf("got %q; want what waits still", got)
	}
	judge(t, db, detect.Judgement{Until: t0 + 171, Episodes: []detect.Episode{e}})
	wantTold(t, db, "it goes on")
}

// What was pruned, as it is old, was no mistake.
func TestAnnouncePruned(t *testing.T) {
	db, now := newStore(t), t0+100
	tellOn(t, db, &now)
	judge(t, db, detect.Judgement{Until: t0 + 5000, Episodes: []detect.Episode{episode(t0, t0+60)}})
	if _, err := db.deleteRows(t.Context(), updatePruned, int64(t0+61)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.deleteRows(t.Context(), deleteOldEpisodes, int64(t0+61), 10); err != nil {
		t.Fatal(err)
	}
	judge(t, db, detect.Judgement{Until: t0 + 6000})
	wantTold(t, db, "pruned", "0 opened ip:10.1.4.7 high []")
}

// The outbox hands out the oldest that is due, way by way, and remembers what became of
// it.
func TestAlertsOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relaywatch.db")
	db, now := open(t, path), t0+100
	tellOn(t, db, &now)
	first, second := episode(t0, t0+60), episode(t0, t0+60)
	second.Submitter.Value = "10.1.4.8"
	judge(t, db, detect.Judgement{Until: t0 + 70, Episodes: []detect.Episode{first, second}})
	next := func(way string, at mail.Time) *Alert {
		t.Helper()
		a, err := db.NextAlert(t.Context(), way, at)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	note := func(a *Alert) {
		t.Helper()
		if err := db.TriedAlert(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	a := next("webhook", now)
	a.Tries, a.Next, a.Error = 1, now+10, "no"
	note(a)
	c := next("webhook", now+10)
	if c == nil || c.Episode == a.Episode {
		t.Fatalf("got %+v; want the other: the first was refused, and may be again", c)
	}
	c.Done, c.Error = now+11, "refused"
	note(c)
	if b := next("webhook", now+9); b != nil {
		t.Errorf("got %+v; want none while the first waits", b)
	}
	if b := next("webhook", now-mail.Time(2*maxWait/time.Second)); b == nil || b.Episode != a.Episode {
		t.Errorf("got %+v; want the first: the clock was wrong", b)
	}
	b := next("webhook", now+10)
	if b == nil || b.Episode != a.Episode || b.Tries != 1 || b.Error != "no" {
		t.Fatalf("got %+v; want the first again", b)
	}
	b.Done, b.Taken, b.Error = now+10, true, ""
	note(b)
	if d := next("webhook", now+1000); d != nil {
		t.Errorf("got %+v; want none", d)
	}
	ways, err := db.AlertWays(t.Context(), now)
	if err != nil || len(ways) != 2 || ways[0] != (AlertWay{Way: "syslog", Waiting: 2, Oldest: now}) ||
		ways[1] != (AlertWay{Way: "webhook", LastTaken: now + 10, GivenUp: 1, LastError: "refused"}) {
		t.Errorf("got %+v, %v", ways, err)
	}

	// A way that is not in the configuration any more has nothing to wait for.
	if err := db.Tell(t.Context(), Telling{Ways: []string{"webhook"}, Now: func() mail.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	if d := next("syslog", now+1000); d != nil {
		t.Errorf("got %+v; want none", d)
	}
}
