package detect

import (
	"slices"

	"relaywatch/mail"
)

// Check tells what is wrong with the submitter that the entry names.
func (a *Allow) Check() error {
	_, err := parsePattern(a.Submitter)
	return err
}

// Means tells whether the entry is about a rule and a submitter, at whatever time.
func (a *Allow) Means(who mail.Submitter, r *Rule) bool {
	p, err := parsePattern(a.Submitter)
	return err == nil && p.matches(who) && (len(a.Rules) == 0 || slices.ContainsFunc(a.Rules, r.answersTo))
}
