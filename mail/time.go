package mail

import "time"

// Time is a moment in event time: seconds since 1970-01-01T00:00:00Z, as the log
// tells it. Zero means that the log does not tell. Logs of IIS have no finer
// unit; the milliseconds of Exchange are cut off, and rows of one second keep
// their order by LogPos.
type Time int64

// Of cuts t to the second.
func Of(t time.Time) Time { return Time(t.Unix()) }

// Std is t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.Unix(int64(t), 0).UTC() }

// String is t as RFC 3339 in UTC, or "" for zero.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Std().Format(time.RFC3339)
}

// Add is t and d later, cut to the second.
func (t Time) Add(d time.Duration) Time { return t + Time(d/time.Second) }

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Second }
