package store

import (
	"context"
	"database/sql"

	"relaywatch/detect"
)

const selectAllFindings = `SELECT s.kind, s.value, f.rule, f.flagged_at, f.level, f.weight, f.window_start, f.window_end, f.sentence, f.evidence, f.silenced
	FROM findings f JOIN submitters s ON s.id = f.submitter_id
	WHERE NOT EXISTS (SELECT 1 FROM findings p
		WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional)
	ORDER BY f.flagged_at, s.kind, s.value, f.rule`

// AllFindings are those of all submitters, silenced ones too, in the order of time.
func (db *DB) AllFindings(ctx context.Context) ([]detect.Finding, error) {
	var findings []detect.Finding
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var f detect.Finding
			var text string
			err := scan(&f.Submitter.Kind, &f.Submitter.Value, &f.Rule, &f.FlaggedAt, &f.Level, &f.Weight,
				&f.WindowStart, &f.WindowEnd, &f.Sentence, &text, &f.Silenced)
			if err != nil {
				return err
			}
			f.Evidence, err = parseEvidence(text)
			findings = append(findings, f)
			return err
		}, selectAllFindings)
	})
	return findings, err
}
