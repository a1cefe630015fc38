package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Filter chooses suspects. The zero Filter chooses all.
type Filter struct {
	Since     mail.Time // LastFlagged is not before; 0: any.
	Until     mail.Time // FirstFlagged is before; 0: any.
	State     string    // open, confirmed, false-alarm or closed; "": any.
	Submitter mail.Submitter
}

// Suspect is an episode with its state, as v_suspects tells it.
type Suspect struct {
	Submitter    mail.Submitter
	FirstFlagged mail.Time // Event time of the first row at which the accusation stood.
	LastFlagged  mail.Time // Of the last.
	Start        mail.Time // Of the first row in the window of its first finding; not in the JSON.
	Score        float64
	Severity     detect.Severity
	Rules        []string // Heaviest first.
	Recipients   int
	External     *int // nil while own domains are not known.
	Transactions int
	State        string
	Summary      string
}

// InWork tells whether somebody is still to deal with it: it is open or confirmed.
func (s *Suspect) InWork() bool { return s.State == "open" || s.State == "confirmed" }

// MarshalJSON writes the keys that scripts rely on.
func (s Suspect) MarshalJSON() ([]byte, error) {
	rules := s.Rules
	if rules == nil {
		rules = []string{}
	}
	return json.Marshal(struct {
		Submitter    string          `json:"submitter"`
		Kind         string          `json:"kind"`
		Value        string          `json:"value"`
		FirstFlagged string          `json:"first_flagged"`
		LastFlagged  string          `json:"last_flagged"`
		Score        float64         `json:"score"`
		Severity     detect.Severity `json:"severity"`
		Rules        []string        `json:"rules"`
		Recipients   int             `json:"recipients"`
		External     *int            `json:"external_recipients"`
		Transactions int             `json:"transactions"`
		State        string          `json:"state"`
		Summary      string          `json:"summary"`
	}{
		s.Submitter.String(), s.Submitter.Kind, s.Submitter.Value, s.FirstFlagged.String(), s.LastFlagged.String(),
		s.Score, s.Severity, rules, s.Recipients, s.External, s.Transactions, s.State, s.Summary,
	})
}

const (
	// The view has times as text; the numbers come from the row it shows.
	selectSuspects = `SELECT v.kind, v.value, unixepoch(v.first_flagged), unixepoch(v.last_flagged),
		(SELECT e.start FROM episodes e JOIN submitters s ON s.id = e.submitter_id
			WHERE s.kind = v.kind AND s.value = v.value AND e.first_flagged = unixepoch(v.first_flagged)
			ORDER BY e.provisional DESC LIMIT 1),
		v.score, v.severity, v.rules, v.recipients, v.external_recipients, v.transactions, v.state, v.summary
		FROM v_suspects v`
	// Worst first; the same at every call.
	suspectsOrder = ` ORDER BY CASE v.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END,
		v.score DESC, v.recipients DESC, v.last_flagged DESC, v.submitter, v.first_flagged`
)

// Suspects are the episodes, worst first.
func (db *DB) Suspects(ctx context.Context, f Filter) ([]Suspect, error) {
	var list []Suspect
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		var err error
		list, err = suspects(ctx, tx, f)
		return err
	})
	return list, err
}

func suspects(ctx context.Context, tx *sql.Tx, f Filter) ([]Suspect, error) {
	var where []string
	var args []any
	choose := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	if f.Since != 0 {
		choose(`v.last_flagged >= ?`, f.Since.String())
	}
	if f.Until != 0 {
		choose(`v.first_flagged < ?`, f.Until.String())
	}
	if f.State != "" {
		choose(`v.state = ?`, f.State)
	}
	if f.Submitter != (mail.Submitter{}) { // Its parts are what an index finds.
		choose(`v.kind = ?`, f.Submitter.Kind)
		choose(`v.value = ?`, f.Submitter.Value)
	}
	query := selectSuspects
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	var list []Suspect
	err := each(ctx, tx, func(scan scanner) error {
		var s Suspect
		var rules string
		err := scan(&s.Submitter.Kind, &s.Submitter.Value, &s.FirstFlagged, &s.LastFlagged, &s.Start, &s.Score, &s.Severity, &rules,
			&s.Recipients, &s.External, &s.Transactions, &s.State, &s.Summary)
		if rules != "" {
			s.Rules = strings.Split(rules, ",")
		}
		list = append(list, s)
		return err
	}, query+suspectsOrder, args...)
	return list, err
}

const selectFindings = `SELECT f.rule, f.flagged_at, f.level, f.weight, f.window_start, f.window_end, f.sentence, f.evidence, f.silenced
	FROM findings f JOIN submitters s ON s.id = f.submitter_id
	WHERE s.kind = ? AND s.value = ? AND NOT EXISTS (SELECT 1 FROM findings p
		WHERE p.submitter_id = f.submitter_id AND p.flagged_at = f.flagged_at AND p.rule = f.rule AND p.provisional > f.provisional)
	ORDER BY f.flagged_at, f.rule`

// Findings are those of a submitter, silenced ones too, in the order of time.
func (db *DB) Findings(ctx context.Context, who mail.Submitter) ([]detect.Finding, error) {
	var findings []detect.Finding
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			f := detect.Finding{Submitter: who}
			var text string
			err := scan(&f.Rule, &f.FlaggedAt, &f.Level, &f.Weight, &f.WindowStart, &f.WindowEnd, &f.Sentence, &text, &f.Silenced)
			if err != nil {
				return err
			}
			f.Evidence, err = parseEvidence(text)
			findings = append(findings, f)
			return err
		}, selectFindings, who.Kind, who.Value)
	})
	return findings, err
}

const selectSaid = `SELECT f.sentence FROM submitters s JOIN findings f ON f.submitter_id = s.id
	WHERE s.kind = ? AND s.value = ? AND f.rule = ? AND f.flagged_at BETWEEN ? AND ? ORDER BY f.flagged_at, f.provisional DESC`

// Said are the sentences of the findings of a rule in an episode, in the order of time,
// without reading their evidence.
func (db *DB) Said(ctx context.Context, s *Suspect, rule string) ([]string, error) {
	var sentences []string
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			var sentence string
			err := scan(&sentence)
			sentences = append(sentences, sentence)
			return err
		}, selectSaid, s.Submitter.Kind, s.Submitter.Value, rule, int64(min(s.Start, s.FirstFlagged)), int64(s.LastFlagged))
	})
	return sentences, err
}
