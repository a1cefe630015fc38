package ingest

import (
	"cmp"
	"slices"

	"relaywatch/mail"
)

// knownLogs are the logs that were ever read, by their beginnings. Several have the
// same beginning where a log was cut and written on: see Reader.branch.
type knownLogs struct {
	logs   []*Log
	byLast map[HeadLine][]*Log // By the last line of their Head.
	byID   map[mail.LogID]*Log
	places map[string]*Log // Which log was seen last at a path, up to its cursor.
	cuts   map[*Log]*cut   // Logs that were cut and not written on yet.
}

func newKnownLogs(logs []Log) *knownLogs {
	k := &knownLogs{
		byLast: map[HeadLine][]*Log{}, byID: map[mail.LogID]*Log{}, places: map[string]*Log{}, cuts: map[*Log]*cut{},
	}
	logs = slices.Clone(logs) // The caller keeps its own.
	for i := range logs {
		k.add(&logs[i])
	}
	return k
}

func (k *knownLogs) add(l *Log) {
	k.logs = append(k.logs, l)
	k.byID[l.ID] = l
	k.index(l)
}

func (k *knownLogs) index(l *Log) {
	if n := len(l.Head); n > 0 {
		k.byLast[l.Head[n-1]] = append(k.byLast[l.Head[n-1]], l)
	}
}

// find returns the logs with that beginning, those read farthest first. short is
// true if the head is all that there is of it.
func (k *knownLogs) find(h Head, short bool) []*Log {
	var found []*Log
	for i := len(h) - 1; i >= 0 && len(found) == 0; i-- {
		found = slices.Clone(k.byLast[h[i]])
	}
	if len(found) == 0 && short { // Perhaps the beginning of a longer one.
		for _, l := range k.logs {
			if l.Head.Same(h) {
				found = append(found, l)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *Log) int { return -cmp.Compare(a.ReadBytes, b.ReadBytes) })
	return found
}

// grew notes that more of a log's beginning is there than was known.
func (k *knownLogs) grew(l *Log, head Head) {
	if len(head) <= len(l.Head) || !l.Head.Same(head) {
		return
	}
	last := l.Head[len(l.Head)-1]
	k.byLast[last] = slices.DeleteFunc(k.byLast[last], func(o *Log) bool { return o == l })
	l.Head = head
	k.index(l)
}

// former is which of the logs lay at a path when it was last read; nil if none did.
func (k *knownLogs) former(path string, logs []*Log) *Log {
	var former *Log
	for _, l := range logs {
		switch {
		case k.places[path] == l:
			return l
		case l.Path == path && (former == nil || former.LastTime < l.LastTime):
			former = l
		}
	}
	return former
}

// cutAt is the log that lay at a path and began with the same rows, if only with
// some: it was cut, and written on. It is nil if there is none.
func (k *knownLogs) cutAt(path string, head Head, firstRow int64) *Log {
	var begun []*Log
	for _, l := range k.logs {
		if (l.Path == path || k.places[path] == l) && l.Head.common(head) >= firstRow {
			begun = append(begun, l)
		}
	}
	return k.former(path, begun)
}

// identify returns the logs that begin with b, which lies at path, a new one if none
// is known yet. It returns none while there is no row to tell it by, and an error for
// a format that is not read. The head of the only log is another one if the log was
// cut.
func (k *knownLogs) identify(b []byte, want Format, path string) ([]*Log, error) {
	end := firstRowEnd(b)
	if end < 0 {
		_, err := sniff(b) // A header may be enough to refuse it.
		return nil, err
	}
	head := newHead(b)
	if logs := k.find(head, len(b) <= headBytes); len(logs) > 0 {
		if len(logs) == 1 {
			k.grew(logs[0], head)
		}
		return logs, nil
	}
	if l := k.cutAt(path, head, end); l != nil {
		return []*Log{l}, nil
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
	return []*Log{l}, nil
}
