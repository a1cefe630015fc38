// Package detect judges who sends spam: signals are measured for each submitter
// in windows of event time, rules turn signals into findings, findings make
// episodes.
//
// Engine is given parts of transactions and logins in any order within the grace,
// and judges them in the order of event time: what it finds depends on the rows
// alone, not on how they arrived. Rule is a rule file, with its tests inside.
//
// The package knows no SQL, no file and no clock.
package detect
