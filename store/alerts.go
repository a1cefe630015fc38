package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"relaywatch/mail"
)

// Alert is one alert to a machine, and what became of it.
type Alert struct {
	seq int64

	Way         string
	Episode     string   // The same for all alerts of an episode.
	Step        int      // 0 for the first of an episode; with Episode the key.
	Event       string   // detect.Opened, Grown or Withdrawn.
	Grew        []string // Of a grown one.
	Provisional bool
	Made        mail.Time // This and what follows is the clock's.
	Suspect     []byte    // As it was then: JSON, as `suspects --format json` has it.

	Tries int       // That were answered, and not taken: others go before it.
	Next  mail.Time // Not to be tried before; 0: at once.
	Done  mail.Time // Taken or given up; 0 while it waits.
	Taken bool
	Error string // Of the last try.
}

// maxWait is the longest that an alert waits for its next try: one that seems to wait
// longer waits for a clock that was wrong.
const maxWait = 25 * time.Hour

const (
	selectAlerts = `SELECT id, way, episode, step, event, grew, provisional, made_at, suspect, tries, coalesce(next_at, 0), coalesce(done_at, 0), taken, error FROM alerts`
	alertDue     = selectAlerts + ` WHERE way = ?1 AND done_at IS NULL AND (next_at IS NULL OR next_at <= ?2 OR next_at > ?3) ORDER BY tries, id LIMIT 1`
	alertsAll    = selectAlerts + ` ORDER BY id`
	updateAlert  = `UPDATE alerts SET tries = ?, next_at = ?, done_at = ?, taken = ?, error = ? WHERE id = ?`
)

func scanAlert(scan scanner) (Alert, error) {
	var a Alert
	var grew string
	err := scan(&a.seq, &a.Way, &a.Episode, &a.Step, &a.Event, &grew, &a.Provisional, &a.Made, &a.Suspect, &a.Tries, &a.Next, &a.Done, &a.Taken, &a.Error)
	if grew != "" {
		a.Grew = strings.Split(grew, ",")
	}
	return a, err
}

// NextAlert is the alert of a way that is to be tried next, the oldest of those that
// were answered least often; nil if none may be tried.
func (db *DB) NextAlert(ctx context.Context, way string, now mail.Time) (*Alert, error) {
	var due *Alert
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			a, err := scanAlert(scan)
			due = &a
			return err
		}, alertDue, way, int64(now), int64(now.Add(maxWait)))
	})
	return due, err
}

// Alerts are all that are remembered, the oldest first.
func (db *DB) Alerts(ctx context.Context) ([]Alert, error) {
	var list []Alert
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			a, err := scanAlert(scan)
			list = append(list, a)
			return err
		}, alertsAll)
	})
	return list, err
}

// TriedAlert notes what became of a try: Tries, Next, Done, Taken and Error.
func (db *DB) TriedAlert(ctx context.Context, a *Alert) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		_, err := tx.ExecContext(ctx, updateAlert, a.Tries, orNull(a.Next), orNull(a.Done), a.Taken, a.Error, a.seq)
		return err
	})
}

// AlertWay is how a way stands.
type AlertWay struct {
	Way       string
	Waiting   int64
	Oldest    mail.Time // When the oldest that waits was made; 0: none waits.
	Next      mail.Time // When the first of those that wait may be tried; 0: at once, or none waits.
	Error     string    // Of the oldest that waits and was tried; "" if none failed.
	LastTaken mail.Time // 0: none was yet.
	GivenUp   int64     // Since the time that was asked for.
	LastError string    // Of the last that was given up then.
}

const selectAlertWays = `SELECT way, count(*) FILTER (WHERE done_at IS NULL), coalesce(min(made_at) FILTER (WHERE done_at IS NULL), 0),
	coalesce(min(coalesce(next_at, 0)) FILTER (WHERE done_at IS NULL), 0),
	coalesce((SELECT e.error FROM alerts e WHERE e.way = a.way AND e.done_at IS NULL AND e.error <> '' ORDER BY e.id LIMIT 1), ''),
	coalesce(max(done_at) FILTER (WHERE taken = 1), 0), count(*) FILTER (WHERE done_at >= ?1 AND taken = 0),
	coalesce((SELECT e.error FROM alerts e WHERE e.way = a.way AND e.done_at >= ?1 AND e.taken = 0 ORDER BY e.id DESC LIMIT 1), '')
	FROM alerts a GROUP BY way ORDER BY way`

// AlertWays are the ways that ever had an alert to send. What was given up is counted
// since a time.
func (db *DB) AlertWays(ctx context.Context, since mail.Time) ([]AlertWay, error) {
	var list []AlertWay
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var w AlertWay
			err := scan(&w.Way, &w.Waiting, &w.Oldest, &w.Next, &w.Error, &w.LastTaken, &w.GivenUp, &w.LastError)
			list = append(list, w)
			return err
		}, selectAlertWays, int64(since))
	})
	return list, err
}
