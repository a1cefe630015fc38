package ingest

import (
	"slices"

	"relaywatch/mail"
)

// knownLogs are the logs that were ever read, by their beginnings.
type knownLogs struct {
	logs   []*Log
	byLast map[HeadLine]*Log // By the last line of their Head.
	byID   map[mail.LogID]*Log
}

func newKnownLogs(logs []Log) *knownLogs {
	k := &knownLogs{byLast: map[HeadLine]*Log{}, byID: map[mail.LogID]*Log{}}
	logs = slices.Clone(logs) // The caller keeps its own.
	for i := range logs {
		k.add(&logs[i])
	}
	return k
}

func (k *knownLogs) add(l *Log) {
	k.logs = append(k.logs, l)
	k.byID[l.ID] = l
	if n := len(l.Head); n > 0 {
		k.byLast[l.Head[n-1]] = l
	}
}

// find returns the log with that beginning, or nil. short is true if the head is
// all that there is of it.
func (k *knownLogs) find(h Head, short bool) *Log {
	for i := len(h) - 1; i >= 0; i-- {
		if l, ok := k.byLast[h[i]]; ok {
			return l
		}
	}
	if short { // Perhaps the beginning of a longer one.
		for _, l := range k.logs {
			if l.Head.Same(h) {
				return l
			}
		}
	}
	return nil
}

// grew notes that more of a log's beginning is there than was known.
func (k *knownLogs) grew(l *Log, head Head) {
	if len(head) > len(l.Head) && l.Head.Same(head) {
		l.Head = head
		k.byLast[head[len(head)-1]] = l
	}
}

// identify returns the log that begins with b, a new one if it is not known yet.
// It returns nil while there is no row to tell it by, and an error for a format
// that is not read.
func (k *knownLogs) identify(b []byte, want Format) (*Log, error) {
	end := firstRowEnd(b)
	if end < 0 {
		_, err := sniff(b) // A header may be enough to refuse it.
		return nil, err
	}
	head := newHead(b)
	if l := k.find(head, len(b) <= headBytes); l != nil {
		k.grew(l, head)
		return l, nil
	}
	format := want
	if format == FormatAuto || format == "" {
		var err error
		if format, err = sniff(b); err != nil || format == "" {
			return nil, err
		}
	}
	id := head.id(end)
	if _, taken := k.byID[id]; taken {
		id = head.last()
	}
	l := &Log{ID: id, Format: format, Head: head, State: LogRead}
	k.add(l)
	return l, nil
}
