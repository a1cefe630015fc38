package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"relaywatch/detect"
	"relaywatch/mail"
)

// watchedRow is a row of table watched.
type watchedRow struct {
	submitter                  int64
	rule                       string
	first, last, fades         int64
	nats, watchNats, alertNats float64
	recipients                 int
	evidence                   string
}

const (
	selectWatchedRows = `SELECT submitter_id, rule, first, last, fades, nats, watch_nats, alert_nats, recipients, evidence FROM watched ORDER BY submitter_id, rule`
	deleteWatched     = `DELETE FROM watched`
	insertWatched     = `INSERT INTO watched (submitter_id, rule, first, last, fades, nats, watch_nats, alert_nats, recipients, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// writeWatched puts those who are on watch now in place of those who were. Mostly they
// are the same, and nothing is written.
func writeWatched(ctx context.Context, tx *sql.Tx, k *known, list []detect.Watched) error {
	var now, before []watchedRow
	for i := range list {
		w := &list[i]
		submitter, err := k.submitters.id(ctx, tx, w.Submitter)
		if err != nil {
			return err
		}
		evidence, err := json.Marshal(sumRowsOf(&w.Sum))
		if err != nil {
			return err
		}
		now = append(now, watchedRow{submitter, w.Rule, int64(w.Since), int64(w.At), int64(w.Until), w.Score, w.From, w.Alert, w.Recipients, string(evidence)})
	}
	slices.SortFunc(now, func(a, b watchedRow) int {
		return cmp.Or(cmp.Compare(a.submitter, b.submitter), cmp.Compare(a.rule, b.rule))
	})
	err := each(ctx, tx, func(scan scanner) error {
		var r watchedRow
		err := scan(&r.submitter, &r.rule, &r.first, &r.last, &r.fades, &r.nats, &r.watchNats, &r.alertNats, &r.recipients, &r.evidence)
		before = append(before, r)
		return err
	}, selectWatchedRows)
	if err != nil || slices.Equal(now, before) {
		return err
	}
	if _, err := tx.ExecContext(ctx, deleteWatched); err != nil {
		return err
	}
	for _, r := range now {
		if _, err := tx.ExecContext(ctx, insertWatched, r.submitter, r.rule, r.first, r.last, r.fades, r.nats, r.watchNats, r.alertNats, r.recipients, r.evidence); err != nil {
			return fmt.Errorf("watch of submitter %d: %w", r.submitter, err)
		}
	}
	return nil
}

const (
	selectWatched = `SELECT s.kind, s.value, w.rule, w.first, w.last, w.fades, w.nats, w.watch_nats, w.alert_nats, w.recipients, w.evidence
		FROM watched w JOIN submitters s ON s.id = w.submitter_id`
	watchedOrder = ` ORDER BY w.nats / w.alert_nats DESC, s.kind, s.value, w.rule`
)

// Watched are those who are on watch as of the newest row that was judged, nearest to an
// alarm first; of one submitter alone, if it is given.
func (db *DB) Watched(ctx context.Context, who mail.Submitter) ([]detect.Watched, error) {
	query, args := selectWatched, []any(nil)
	if who != (mail.Submitter{}) {
		query, args = query+` WHERE s.kind = ? AND s.value = ?`, []any{who.Kind, who.Value}
	}
	var list []detect.Watched
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var w detect.Watched
			var evidence string
			if err := scan(&w.Submitter.Kind, &w.Submitter.Value, &w.Rule, &w.Since, &w.At, &w.Until, &w.Score, &w.From, &w.Alert, &w.Recipients, &evidence); err != nil {
				return err
			}
			var rows sumRows
			if err := json.Unmarshal([]byte(evidence), &rows); err != nil {
				return fmt.Errorf("watch of %s: %w", w.Submitter, err)
			}
			sum, err := rows.sum()
			if err != nil {
				return fmt.Errorf("watch of %s: %w", w.Submitter, err)
			}
			w.Sum = *sum
			list = append(list, w)
			return nil
		}, query+watchedOrder, args...)
	})
	return list, err
}
