// Package store keeps what the logs told in one SQLite file, and is the only place
// that knows SQL.
//
// DB.Write stores a batch of ingest with the cursors behind it, DB.WriteJudgement
// what the engine of detect found; each is one SQL transaction, so that after a
// kill at any moment the store is what it was before or after it. The views of
// migrations/0002_views.sql are what analysts may rely on; the tables may change.
//
// There is one writer at a time, and any number of readers beside it. The package
// reads no clock: age is counted back from the newest row in the store.
package store
