// Package digest makes the daily mail: short enough for a phone, complete enough to
// act on, and never wrong about whether it looked.
//
// Day has all facts of a day; whoever makes one fills it from the store. Compose
// turns it into a Message: text, HTML with charts, and JSON where it is asked for.
// Relay.Send hands a Message to a mail server. Due tells when a day's mail is due.
//
// Everything in a Day comes from logs, so from strangers: it is escaped and cut on its
// way into text, HTML, headers and commands, and nothing of it becomes a link, an
// image or a header. The package reads no clock, no store and no configuration, and
// keeps no state: that a mail goes out once is the caller's business.
package digest
