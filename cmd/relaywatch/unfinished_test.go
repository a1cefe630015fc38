package main

import (
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// Of a log that may be written on nothing is said, nor of one that ends with a whole row.
func TestUnfinishedText(t *testing.T) {
	now := time.Date(2026, time.November, 5, 12, 0, 0, 0, time.UTC)
	log := func(path string, rest int64, ago time.Duration) ingest.Log {
		return ingest.Log{Path: path, ReadBytes: 100, SizeBytes: 100 + rest, LastTime: mail.Of(now.Add(-ago))}
	}
	whole, live, soon := log("whole", 0, 48*time.Hour), log("live", 7, 59*time.Minute), log("soon", 7, -59*time.Minute)
	cut, older, ahead := log("cut", 26, time.Hour), log("older", 1, 3*time.Hour), log("ahead", 1200, -time.Hour)
	for _, c := range []struct {
		logs []ingest.Log
		want string
	}{
		{[]ingest.Log{whole, live, soon}, ""},
		{[]ingest.Log{whole, live, cut}, "the last row of cut (26 bytes) is not whole: the log was cut off, or copied while it was written; reading a whole copy adds the rest"},
		{[]ingest.Log{older, cut, live, ahead}, "the last rows of ahead (1,200 bytes), cut (26 bytes), older (1 byte) are not whole: the logs were cut off, or copied while they were written; reading whole copies adds the rest"},
		{[]ingest.Log{older, older, cut, ahead}, "the last rows of ahead (1,200 bytes), cut (26 bytes), older (1 byte) and 1 other log are not whole: the logs were cut off, or copied while they were written; reading whole copies adds the rest"},
	} {
		if got := unfinishedText(c.logs, now); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
