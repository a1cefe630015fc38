// Package relaycheck is the health report of a relay: what an administrator wants to
// know of it though nobody sends spam through it yet, and how to mend it.
//
// Run judges Facts, which its caller gathers from the logs, and returns a Report: one
// Result for each check, also where nothing was found or nothing could be judged.
// Probe asks a mail server itself, by the address forms of relay tests up to RCPT and
// never DATA, and returns a Result, too.
//
// Run knows no SQL, no file, no configuration and no clock. What it is told comes
// from logs, so from strangers: whoever prints a Report makes it harmless.
package relaycheck
