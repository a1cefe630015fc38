package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"relaywatch/ingest"
	"relaywatch/words"
)

// mayWrite is for how long after a log's last row its server may still be about to write
// the rest of the next one: servers flush after minutes.
const mayWrite = time.Hour

// namedUnfinished is how many logs are named that end with an unfinished row.
const namedUnfinished = 3

// unfinishedText says which logs end with an unfinished row that nobody is about to
// write; "" if none does. A row's time that is ahead of the clock tells of no writer.
func unfinishedText(logs []ingest.Log, now time.Time) string {
	logs = slices.DeleteFunc(slices.Clone(logs), func(l ingest.Log) bool {
		return l.Unfinished() <= 0 || now.Sub(l.LastTime.Std()).Abs() < mayWrite
	})
	if len(logs) == 0 {
		return ""
	}
	slices.SortStableFunc(logs, func(a, b ingest.Log) int { return cmp.Compare(b.LastTime, a.LastTime) })
	var names []string
	for _, l := range logs[:min(len(logs), namedUnfinished)] {
		names = append(names, fmt.Sprintf("%s (%s)", l.Path, words.Plural(l.Unfinished(), "byte")))
	}
	named := strings.Join(names, ", ")
	if more := len(logs) - len(names); more > 0 {
		named += " and " + words.Plural(more, "other log")
	}
	if len(logs) == 1 {
		return "the last row of " + named + " is not whole: the log was cut off, or copied while it was written; reading a whole copy adds the rest"
	}
	return "the last rows of " + named + " are not whole: the logs were cut off, or copied while they were written; reading whole copies adds the rest"
}
