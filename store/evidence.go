package store

import (
	"fmt"

	"relaywatch/detect"
	"relaywatch/mail"
)

// sumRows is detect.Sum as it is stored: the rows as the views name them.
type sumRows struct {
	detect.Sum
	Steps []sumStep `json:"recipients"`
}

type sumStep struct {
	detect.Step
	Row evidenceRow `json:"row"`
}

func sumRowsOf(s *detect.Sum) *sumRows {
	if s == nil {
		return nil
	}
	out := &sumRows{Sum: *s}
	for _, step := range s.Steps {
		out.Steps = append(out.Steps, sumStep{step, evidenceRow{step.Row.Log.String(), step.Row.Offset}})
	}
	return out
}

// sum is what sumRowsOf was given.
func (s *sumRows) sum() (*detect.Sum, error) {
	if s == nil {
		return nil, nil
	}
	out := s.Sum
	out.Steps = nil
	for _, step := range s.Steps {
		pos, err := step.Row.pos()
		if err != nil {
			return nil, err
		}
		step.Step.Row = pos
		out.Steps = append(out.Steps, step.Step)
	}
	return &out, nil
}

func (r evidenceRow) pos() (mail.LogPos, error) {
	log, err := mail.ParseLogID(r.Log)
	if err != nil {
		return mail.LogPos{}, fmt.Errorf("evidence: %w", err)
	}
	return mail.LogPos{Log: log, Offset: r.Offset}, nil
}
