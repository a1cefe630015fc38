package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"relaywatch/detect"
	"relaywatch/mail"
)

const (
	// What rests on rows that were pruned can't be judged anew, and stands.
	deleteFindings            = `DELETE FROM findings WHERE provisional = 1 OR flagged_at >= (SELECT pruned FROM meta)`
	deleteEpisodes            = `DELETE FROM episodes WHERE provisional = 1 OR first_flagged >= (SELECT pruned FROM meta)`
	selectPruned              = `SELECT pruned FROM meta`
	deleteMemory              = `DELETE FROM memory`
	deleteProfiles            = `DELETE FROM profiles`
	deleteCheckpoint          = `DELETE FROM checkpoint`
	deleteProvisionalFindings = `DELETE FROM findings WHERE provisional = 1`
	deleteProvisionalEpisodes = `DELETE FROM episodes WHERE provisional = 1`
)

// WriteJudgement stores what the engine found and what it must remember, in one
// transaction, and what machines are to be told of it: see Tell. What the Judgement
// before gave provisionally is void, unless this one stands beside it.
func (db *DB) WriteJudgement(ctx context.Context, j detect.Judgement) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		void := []string{deleteProvisionalFindings, deleteProvisionalEpisodes}
		switch {
		case j.Beside:
			void = nil
		case j.Reset:
			void = []string{deleteFindings, deleteEpisodes, deleteMemory, deleteProfiles, deleteCheckpoint}
			k.memory = nil
		}
		for _, statement := range void {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		var stands mail.Time // What was flagged before stands as it is.
		if j.Reset {
			if err := tx.QueryRowContext(ctx, selectPruned).Scan(&stands); err != nil {
				return err
			}
		}
		for i := range j.Findings {
			if j.Findings[i].FlaggedAt < stands {
				continue
			}
			if err := writeFinding(ctx, tx, k, &j.Findings[i], j.Provisional); err != nil {
				return fmt.Errorf("finding %s: %w", j.Findings[i].Rule, err)
			}
		}
		for i := range j.Episodes {
			if j.Episodes[i].FirstFlagged < stands {
				continue
			}
			if err := writeEpisode(ctx, tx, k, &j.Episodes[i], j.Provisional); err != nil {
				return fmt.Errorf("episode of %s: %w", j.Episodes[i].Submitter, err)
			}
		}
		if !j.Beside {
			if err := writeWatched(ctx, tx, k, j.Watched); err != nil {
				return err
			}
		}
		if !j.Provisional {
			if err := writeCheckpoint(ctx, tx, k, &j); err != nil {
				return err
			}
		}
		return db.announceAll(ctx, tx, &j)
	})
}

const upsertFinding = `INSERT INTO findings (id, rule, submitter_id, flagged_at, provisional, level, weight, window_start, window_end, sentence, evidence, silenced)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (submitter_id, flagged_at, rule, provisional) DO UPDATE SET level = excluded.level, weight = excluded.weight,
		window_start = excluded.window_start, window_end = excluded.window_end, sentence = excluded.sentence,
		evidence = excluded.evidence, silenced = excluded.silenced`

func writeFinding(ctx context.Context, tx *sql.Tx, k *known, f *detect.Finding, provisional bool) error {
	submitter, err := k.submitters.id(ctx, tx, f.Submitter)
	if err != nil {
		return err
	}
	evidence, err := json.Marshal(evidenceOf(f.Evidence))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, upsertFinding, findingID(f), f.Rule, submitter, int64(f.FlaggedAt), provisional,
		string(f.Level), f.Weight, int64(f.WindowStart), int64(f.WindowEnd), f.Sentence, string(evidence), f.Silenced)
	return err
}

// findingID is a number that depends on the key of the finding alone. 53 bits are
// what a number in JSON holds.
func findingID(f *detect.Finding) int64 {
	key := fmt.Sprintf("%s\x00%s\x00%d", f.Rule, f.Submitter, f.FlaggedAt)
	return int64(xxhash.Sum64String(key) >> 11)
}

// evidence is detect.Evidence as it is stored: the rows as the views name them.
type evidence struct {
	Signals []detect.Measure `json:"signals"`
	Rows    []evidenceRow    `json:"rows"`
	Others  []evidenceRow    `json:"others,omitempty"`
	Behind  string           `json:"behind,omitempty"`
	Sum     *sumRows         `json:"sum,omitempty"`
	Record  *detect.Record   `json:"record,omitempty"`

	Baseline float64 `json:"baseline,omitempty"`
}

type evidenceRow struct {
	Log    string `json:"log"`
	Offset int64  `json:"log_offset"`
}

func evidenceOf(e detect.Evidence) evidence {
	out := evidence{Signals: e.Signals, Rows: evidenceRows(e.Rows), Others: evidenceRows(e.Others), Behind: e.Behind, Sum: sumRowsOf(e.Sum), Record: e.Record, Baseline: e.Baseline}
	if out.Signals == nil {
		out.Signals = []detect.Measure{}
	}
	return out
}

func evidenceRows(list []mail.LogPos) []evidenceRow {
	rows := make([]evidenceRow, 0, len(list))
	for _, pos := range list {
		rows = append(rows, evidenceRow{pos.Log.String(), pos.Offset})
	}
	return rows
}

// parseEvidence reads what evidenceOf made.
func parseEvidence(text string) (detect.Evidence, error) {
	var e evidence
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return detect.Evidence{}, fmt.Errorf("evidence: %w", err)
	}
	out := detect.Evidence{Signals: e.Signals, Behind: e.Behind, Record: e.Record, Baseline: e.Baseline}
	var err error
	for into, rows := range map[*[]mail.LogPos][]evidenceRow{&out.Rows: e.Rows, &out.Others: e.Others} {
		for _, row := range rows {
			pos, err := row.pos()
			if err != nil {
				return detect.Evidence{}, err
			}
			*into = append(*into, pos)
		}
	}
	out.Sum, err = e.Sum.sum()
	return out, err
}

const upsertEpisode = `INSERT INTO episodes (submitter_id, first_flagged, provisional, start, last_flagged, score, severity, rules, recipients, external, transactions, summary)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (submitter_id, first_flagged, provisional) DO UPDATE SET start = excluded.start, last_flagged = excluded.last_flagged,
		score = excluded.score, severity = excluded.severity, rules = excluded.rules, recipients = excluded.recipients,
		external = excluded.external, transactions = excluded.transactions, summary = excluded.summary`

func writeEpisode(ctx context.Context, tx *sql.Tx, k *known, e *detect.Episode, provisional bool) error {
	submitter, err := k.submitters.id(ctx, tx, e.Submitter)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, upsertEpisode, submitter, int64(e.FirstFlagged), provisional, int64(e.Start), int64(e.LastFlagged),
		e.Score, string(e.Severity), strings.Join(e.Rules, ","), e.Recipients, e.External, e.Transactions, e.Summary)
	return err
}
