package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"relaywatch/mail"
)

// AllowEntry is an entry of the allow-list that was added by command. What it says
// is checked by whoever adds it.
type AllowEntry struct {
	ID        int64
	Submitter string   // As in the configuration: also a network.
	Rules     []string // Names; empty: every rule.
	Reason    string   // Why.
	Until     string   // Last day, as 2027-06-30, or never.
	Owner     string   // Whom to ask; "" is not told.
	AtMost    map[string]float64
	Baseline  float64
	By        string    // Who added it.
	Added     mail.Time // By the clock.
	RemovedBy string
	Removed   mail.Time // By the clock; 0 while it is in force.
}

const (
	insertAllow = `INSERT INTO allow_entries (submitter, rules, reason, until, who, added_at, removed_by, owner, at_most, baseline) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?)`
	removeAllow = `UPDATE allow_entries SET removed_by = ?, removed_at = ? WHERE id = ? AND removed_at IS NULL`
	selectAllow = `SELECT id, submitter, rules, reason, until, who, added_at, removed_by, coalesce(removed_at, 0), owner, at_most, baseline FROM allow_entries ORDER BY id`
)

// AddAllow stores an entry and returns its number. ID and what tells of its removal
// are not looked at.
func (db *DB) AddAllow(ctx context.Context, e AllowEntry) (id int64, err error) {
	atMost := ""
	if len(e.AtMost) > 0 {
		text, err := json.Marshal(e.AtMost)
		if err != nil {
			return 0, fmt.Errorf("numbers of the entry: %w", err)
		}
		atMost = string(text)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	err = db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		result, err := tx.ExecContext(ctx, insertAllow, e.Submitter, strings.Join(e.Rules, ","), e.Reason, e.Until, e.By, int64(e.Added),
			e.Owner, atMost, e.Baseline)
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	return id, err
}

// RemoveAllow ends an entry, which is kept as one that was removed. It returns false
// if none of that number is in force.
func (db *DB) RemoveAllow(ctx context.Context, id int64, by string, at mail.Time) (removed bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	err = db.change(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		n, err := affected(ctx, tx, removeAllow, by, int64(at), id)
		removed = n == 1
		return err
	})
	return removed, err
}

// AllowEntries are all entries in the order in which they were added, those that were
// removed too.
func (db *DB) AllowEntries(ctx context.Context) ([]AllowEntry, error) {
	var list []AllowEntry
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var e AllowEntry
			var rules, atMost string
			err := scan(&e.ID, &e.Submitter, &rules, &e.Reason, &e.Until, &e.By, &e.Added, &e.RemovedBy, &e.Removed, &e.Owner, &atMost, &e.Baseline)
			if err != nil {
				return err
			}
			if rules != "" {
				e.Rules = strings.Split(rules, ",")
			}
			if atMost != "" {
				if err := json.Unmarshal([]byte(atMost), &e.AtMost); err != nil {
					return fmt.Errorf("numbers of allow-list entry %d: %w", e.ID, err)
				}
			}
			list = append(list, e)
			return nil
		}, selectAllow)
	})
	return list, err
}

// Hit is what allow-list entries of a reason silenced of a submitter by a rule.
type Hit struct {
	Submitter mail.Submitter
	Rule      string
	Level     string
	Reason    string
	Findings  int
	Last      mail.Time // Of the last row at which the rule held.
}

const selectHits = `SELECT s.kind, s.value, f.rule, f.level, f.silenced, count(*), max(f.window_end) FROM findings f JOIN submitters s ON s.id = f.submitter_id
	WHERE f.silenced <> '' AND NOT EXISTS (SELECT 1 FROM findings p
		WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional)
	GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`

// Hits are all findings of the store that the allow-list silenced, counted.
func (db *DB) Hits(ctx context.Context) ([]Hit, error) {
	var list []Hit
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var h Hit
			err := scan(&h.Submitter.Kind, &h.Submitter.Value, &h.Rule, &h.Level, &h.Reason, &h.Findings, &h.Last)
			list = append(list, h)
			return err
		}, selectHits)
	})
	return list, err
}
