// Package detect judges who sends spam: signals are measured for each submitter
// in windows of event time, rules turn signals into findings, findings make
// episodes.
//
// Engine is given parts of transactions and logins in any order within the grace,
// and judges them in the order of event time: what it finds depends on the rows
// alone, not on how they arrived. Rule is a rule file, with its tests inside.
//
// A rule counts (when: recipients >= 500), or it makes a score of its own: a
// sequential rule (evidence:, see Weigher) weighs each recipient against what is
// usual for its submitter and sums up; a rule on the own scale (scale:, see Scale)
// compares a count with the submitter's own days. What is usual is learnt in
// profiles, which are stored with the judgement, and filled up with what is usual
// for all (see fleet). Every score can be computed again from the evidence of its
// finding (see Recompute).
//
// The package knows no SQL, no file and no clock.
package detect
