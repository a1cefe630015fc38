// Package mail has the words that all packages share: Transaction, Recipient,
// Login, Delivery, Reject, Submitter, Path, LogPos and Time. They are values
// without behaviour of their own beyond how they are written.
//
// The words are those of RFC 5321 (session, transaction, reverse-path,
// recipient, reply). The package imports the standard library only and knows no
// log format, no SQL and no clock.
package mail
