// Package ingest reads the SMTP logs of Exchange and IIS and turns their rows into
// mail transactions, logins and deliveries.
//
// Reader reads a set of logs to their end, merged by event time, and hands on
// Batches: what the rows told, the cursor of every log after them, and the
// sessions still open. A Batch that is stored whole, and given back to the next
// Reader as a Resume, makes every row count exactly once.
//
// The package knows log formats and files. It does not know SQL, rules or a
// clock, and never writes to a log.
package ingest
