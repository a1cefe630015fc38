package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Telling says which episodes machines are told of.
type Telling struct {
	Ways  []string         // Names; each gets every alert.
	Least detect.Severity  // Episodes that are less severe are not told.
	Now   func() mail.Time // The clock.
}

// freshFor is how old the last row of an episode may be, by the clock, for machines to be
// told of it: a store that is filled with old logs raises no alarm.
const freshFor = 24 * time.Hour

// keepAlerts is how long is remembered what machines were told; an episode that is
// taken back later than within withdrawFor is of no interest to them any more.
const (
	keepAlerts  = 30 * 24 * time.Hour
	withdrawFor = 7 * 24 * time.Hour
)

const (
	deleteOldAlerts  = `DELETE FROM alerts WHERE done_at < ?`
	deleteOldAlerted = `DELETE FROM alerted WHERE told_at < ?1 AND last_flagged < ?1`
	giveUpWay        = `UPDATE alerts SET done_at = ?, error = 'this way is not in the configuration any more' WHERE done_at IS NULL AND way NOT IN (SELECT value FROM json_each(?))`
)

// Tell has machines told of episodes from now on: every WriteJudgement notes what is to
// be sent in its own commit, so that there is no episode that is stored and forgotten.
// What is going on already and was not told is noted at once. What waits for ways that
// there are no more is given up. Nothing is noted for a Telling without ways.
func (db *DB) Tell(ctx context.Context, t Telling) error {
	ways, err := json.Marshal(append([]string{}, t.Ways...))
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.telling = t
	now := t.Now()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		if _, err := tx.ExecContext(ctx, giveUpWay, int64(now), string(ways)); err != nil {
			return err
		}
		if err := forgetAlerts(ctx, tx, now); err != nil {
			return err
		}
		return db.announce(ctx, tx, mail.Submitter{}, now)
	})
}

// ForgetAlerts removes what machines were told longer ago than is remembered.
func (db *DB) ForgetAlerts(ctx context.Context, now mail.Time) error {
	return db.step(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error { return forgetAlerts(ctx, tx, now) })
}

func forgetAlerts(ctx context.Context, tx *sql.Tx, now mail.Time) error {
	for _, statement := range []string{deleteOldAlerts, deleteOldAlerted} {
		if _, err := tx.ExecContext(ctx, statement, int64(now.Add(-keepAlerts))); err != nil {
			return err
		}
	}
	return nil
}

// announceAll notes what a judgement gives machines to be told.
func (db *DB) announceAll(ctx context.Context, tx *sql.Tx, j *detect.Judgement) error {
	if len(db.telling.Ways) == 0 {
		return nil
	}
	now := db.telling.Now()
	seen := map[mail.Submitter]bool{}
	for i := range j.Episodes {
		e := &j.Episodes[i]
		if e.LastFlagged < now.Add(-freshFor) || !e.Severity.AtLeast(db.telling.Least) || seen[e.Submitter] {
			continue
		}
		told, err := goesOn(ctx, tx, e)
		if err != nil {
			return err
		}
		if told {
			continue
		}
		seen[e.Submitter] = true
		if err := db.announce(ctx, tx, e.Submitter, now); err != nil {
			return fmt.Errorf("alert about %s: %w", e.Submitter, err)
		}
	}
	if j.Provisional {
		return nil
	}
	return db.withdraw(ctx, tx, j.Until, now)
}

// goesOn is true for an episode that was told and has not grown. It spares asking for
// all that makes a suspect, with every batch while an attack is on.
func goesOn(ctx context.Context, tx *sql.Tx, e *detect.Episode) (bool, error) {
	a, err := alertedAbout(ctx, tx, e.Submitter, e.FirstFlagged, e.LastFlagged)
	if err != nil || a.id == 0 || a.withdrawn || len(a.Grew(e.Severity, e.Rules, e.Recipients)) > 0 {
		return false, err
	}
	return true, a.sawLast(ctx, tx, e.LastFlagged)
}

// announce notes what is new of the episodes of a submitter, or of all for the zero
// one.
func (db *DB) announce(ctx context.Context, tx *sql.Tx, who mail.Submitter, now mail.Time) error {
	if len(db.telling.Ways) == 0 {
		return nil
	}
	fresh, err := suspects(ctx, tx, Filter{Since: now.Add(-freshFor), Submitter: who})
	if err != nil {
		return err
	}
	for i := range fresh {
		s := &fresh[i]
		if !s.InWork() || !s.Severity.AtLeast(db.telling.Least) {
			continue
		}
		a, err := alertedAbout(ctx, tx, s.Submitter, s.FirstFlagged, s.LastFlagged)
		if err != nil {
			return err
		}
		if err := db.tell(ctx, tx, a, s, now); err != nil {
			return err
		}
	}
	return nil
}

// alerted is a row of the table of that name.
type alerted struct {
	detect.Told
	id        int64 // 0: nobody was told yet.
	step      int
	withdrawn bool
}

const selectAlerted = `SELECT id, kind, value, first_flagged, last_flagged, severity, rules, recipients, step, withdrawn FROM alerted`

func scanAlerted(scan scanner) (alerted, error) {
	var a alerted
	var rules string
	err := scan(&a.id, &a.Submitter.Kind, &a.Submitter.Value, &a.FirstFlagged, &a.LastFlagged, &a.Severity, &rules, &a.Recipients, &a.step, &a.withdrawn)
	if rules != "" {
		a.Rules = strings.Split(rules, ",")
	}
	return a, err
}

// alertedAbout is what was told of an episode.
func alertedAbout(ctx context.Context, tx *sql.Tx, who mail.Submitter, first, last mail.Time) (alerted, error) {
	found := alerted{Told: detect.Told{Submitter: who, FirstFlagged: first}, step: -1}
	err := each(ctx, tx, func(scan scanner) error {
		a, err := scanAlerted(scan)
		if err == nil && a.About(who, first, last) {
			found = a
		}
		return err
	}, selectAlerted+` WHERE kind = ? AND value = ? ORDER BY first_flagged`, who.Kind, who.Value)
	return found, err
}

// tell notes an alert about an episode if it is new or has grown.
func (db *DB) tell(ctx context.Context, tx *sql.Tx, a alerted, s *Suspect, now mail.Time) error {
	event, grew := detect.Opened, []string(nil)
	if a.id != 0 && !a.withdrawn {
		event, grew = detect.Grown, a.Grew(s.Severity, s.Rules, s.Recipients)
		if len(grew) == 0 {
			return a.sawLast(ctx, tx, s.LastFlagged)
		}
	}
	a.LastFlagged, a.withdrawn = max(a.LastFlagged, s.LastFlagged), false
	a.Tell(s.Severity, s.Rules, s.Recipients)
	provisional, err := isProvisional(ctx, tx, s)
	if err != nil {
		return err
	}
	return db.noteAlert(ctx, tx, &a, Alert{Event: event, Grew: grew, Provisional: provisional, Made: now}, *s)
}

const (
	updateSawLast     = `UPDATE alerted SET last_flagged = ? WHERE id = ?`
	selectProvisional = `SELECT EXISTS (SELECT 1 FROM episodes e JOIN submitters s ON s.id = e.submitter_id
		WHERE s.kind = ? AND s.value = ? AND e.first_flagged = ? AND e.provisional = 1)`
)

func (a *alerted) sawLast(ctx context.Context, tx *sql.Tx, last mail.Time) error {
	if last <= a.LastFlagged { // What is judged for good lags behind what was shown.
		return nil
	}
	_, err := tx.ExecContext(ctx, updateSawLast, int64(last), a.id)
	return err
}

func isProvisional(ctx context.Context, tx *sql.Tx, s *Suspect) (is bool, err error) {
	err = tx.QueryRowContext(ctx, selectProvisional, s.Submitter.Kind, s.Submitter.Value, int64(s.FirstFlagged)).Scan(&is)
	return is, err
}

const (
	upsertAlerted = `INSERT INTO alerted (kind, value, first_flagged, last_flagged, severity, rules, recipients, step, withdrawn, told_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, value, first_flagged) DO UPDATE SET last_flagged = excluded.last_flagged, severity = excluded.severity, rules = excluded.rules,
			recipients = excluded.recipients, step = excluded.step, withdrawn = excluded.withdrawn, told_at = excluded.told_at`
	// One that is there was told already: a clock that was far ahead had alerted cleared.
	insertAlert = `INSERT INTO alerts (way, episode, step, event, grew, provisional, made_at, suspect, tries, taken, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '')
		ON CONFLICT (way, episode, step) DO NOTHING`
)

// noteAlert notes the next alert of an episode for each way.
func (db *DB) noteAlert(ctx context.Context, tx *sql.Tx, a *alerted, n Alert, s Suspect) error {
	a.step++
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, upsertAlerted, a.Submitter.Kind, a.Submitter.Value, int64(a.FirstFlagged), int64(a.LastFlagged),
		string(a.Severity), strings.Join(a.Rules, ","), a.Recipients, a.step, a.withdrawn, int64(n.Made))
	if err != nil {
		return err
	}
	episode := episodeKey(a.Submitter, a.FirstFlagged)
	for _, way := range db.telling.Ways {
		_, err := tx.ExecContext(ctx, insertAlert, way, episode, a.step, n.Event, strings.Join(n.Grew, ","), n.Provisional, int64(n.Made), string(text))
		if err != nil {
			return err
		}
	}
	return nil
}

// episodeKey is made of what the episode is alone: a store that was lost, and made anew
// from the same logs, makes the same.
func episodeKey(who mail.Submitter, first mail.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", who, first))
	return hex.EncodeToString(sum[:12])
}

const (
	// Those that are settled, and not so old that their episodes were pruned.
	selectTold = selectAlerted + ` WHERE withdrawn = 0 AND last_flagged BETWEEN max(?, (SELECT pruned FROM meta)) AND ? ORDER BY id`
	stillThere = `SELECT 1 FROM episodes e JOIN submitters s ON s.id = e.submitter_id
		WHERE s.kind = ? AND s.value = ? AND e.first_flagged < ? AND e.last_flagged > ? LIMIT 1`
)

// withdraw notes alerts that take back those about episodes that turned out to be none,
// now that their rows are judged for good.
func (db *DB) withdraw(ctx context.Context, tx *sql.Tx, until, now mail.Time) error {
	var told []alerted
	err := each(ctx, tx, func(scan scanner) error {
		a, err := scanAlerted(scan)
		told = append(told, a)
		return err
	}, selectTold, int64(now.Add(-withdrawFor)), int64(until.Add(-detect.Grace)))
	if err != nil {
		return err
	}
	for i := range told {
		a := &told[i]
		there := 0
		err := tx.QueryRowContext(ctx, stillThere, a.Submitter.Kind, a.Submitter.Value, int64(a.LastFlagged.Add(detect.Quiet)), int64(a.FirstFlagged.Add(-detect.Quiet))).Scan(&there)
		switch {
		case err == nil:
			continue
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		a.withdrawn = true
		if err := db.noteAlert(ctx, tx, a, Alert{Event: detect.Withdrawn, Made: now}, Withdrawn(&a.Told)); err != nil {
			return err
		}
	}
	return nil
}

// Withdrawn is an episode as it was told, now that it turned out to be none.
func Withdrawn(t *detect.Told) Suspect {
	return Suspect{
		Submitter: t.Submitter, FirstFlagged: t.FirstFlagged, LastFlagged: t.LastFlagged, Severity: t.Severity, Rules: t.Rules,
		Recipients: t.Recipients, State: "closed", Summary: t.Withdrawal(),
	}
}
