//go:build !linux && !windows

package ingest

// staleFolders is true where a folder's entry of an open file may be behind.
const staleFolders = false

// canWatch tells whether the system still gives out watches.
func canWatch() bool { return true }

// remote is true where it is not known whether a file lies on another machine: it
// is looked at.
func remote(string) bool { return true }
