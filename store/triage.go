package store

import (
	"context"
	"database/sql"
	"slices"

	"relaywatch/mail"
)

// Decision is what somebody decided about an episode. It is of every episode of the
// submitter that overlaps: judged anew, an episode may begin at another row.
type Decision struct {
	ID           int64 // In the order in which they were made.
	Submitter    mail.Submitter
	FirstFlagged mail.Time // Of the episode,
	LastFlagged  mail.Time // as it was then.
	Score        float64   // As well.
	Recipients   int       // As well.
	State        string    // open, confirmed, false-alarm or closed.
	Note         string
	By           string    // Who decided.
	At           mail.Time // By the clock.
	Covers       mail.Time // Event time up to which it speaks: an episode that was closed and goes on is open again. 0: for ever.
}

const (
	insertDecision = `INSERT INTO triage (submitter_id, first_flagged, last_flagged, score, recipients, state, note, who, at, covers)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectDecisions = `SELECT g.id, s.kind, s.value, g.first_flagged, max(g.first_flagged, g.last_flagged), g.score, g.recipients, g.state, g.note, g.who, g.at, g.covers
		FROM triage g JOIN submitters s ON s.id = g.submitter_id WHERE ?1 = '' OR s.kind = ?1 AND s.value = ?2 ORDER BY g.id`
)

// Decide stores a decision beside those made before. The error tells that another
// program holds the store, if it does for ten seconds.
func (db *DB) Decide(ctx context.Context, d Decision) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		submitter, err := k.submitters.id(ctx, tx, d.Submitter)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, insertDecision, submitter, int64(d.FirstFlagged), int64(d.LastFlagged), d.Score, d.Recipients,
			d.State, d.Note, d.By, int64(d.At), int64(d.Covers))
		return err
	})
}

// Decisions are those about a submitter, or all for the zero Submitter, the oldest
// first. Those whose episode is gone, as all was judged anew, are among them.
func (db *DB) Decisions(ctx context.Context, who mail.Submitter) ([]Decision, error) {
	var list []Decision
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var d Decision
			err := scan(&d.ID, &d.Submitter.Kind, &d.Submitter.Value, &d.FirstFlagged, &d.LastFlagged, &d.Score, &d.Recipients,
				&d.State, &d.Note, &d.By, &d.At, &d.Covers)
			list = append(list, d)
			return err
		}, selectDecisions, who.Kind, who.Value)
	})
	return list, err
}

// About tells whether the decision is about an episode of that submitter and time.
func (d *Decision) About(s *Suspect) bool {
	return d.Submitter == s.Submitter && d.FirstFlagged <= s.LastFlagged && d.LastFlagged >= s.FirstFlagged
}

// Overlaps tells whether two decisions are about the same episode.
func (d *Decision) Overlaps(e *Decision) bool {
	return d.Submitter == e.Submitter && d.FirstFlagged <= e.LastFlagged && d.LastFlagged >= e.FirstFlagged
}

// Reopened is true where the decision closed the episode, which then went on.
func (d *Decision) Reopened(s *Suspect) bool {
	return d.About(s) && d.State == "closed" && d.Covers != 0 && s.LastFlagged > d.Covers
}

// Decision is the one of all that holds for the episode: the newest about it, unless
// it was closed and went on. nil if there is none. State comes from it.
func (s *Suspect) Decision(all []Decision) *Decision {
	for i := range slices.Backward(all) {
		if d := &all[i]; d.About(s) {
			if d.Reopened(s) {
				return nil
			}
			return d
		}
	}
	return nil
}

// Span is when the oldest and the newest row in the store were logged; 0 if there is
// none.
func (db *DB) Span(ctx context.Context) (oldest, newest mail.Time, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, selectNewest).Scan(&newest); err != nil {
			return err
		}
		oldest, err = oldestRow(ctx, tx)
		return err
	})
	return oldest, newest, err
}
