package mail

import (
	"cmp"
	"fmt"
	"strconv"
)

// LogID names a log by its content, a hash of its beginning, so that a log which
// is renamed, moved, copied or compressed is the same log. It is written as 16
// hexadecimal digits. Zero is no log.
type LogID uint64

func (id LogID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseLogID reads what LogID.String wrote.
func ParseLogID(s string) (LogID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, fmt.Errorf("log identity %q: want 16 hexadecimal digits", s)
	}
	return LogID(n), nil
}

// LogPos is where a row stands: its log and the offset of its first byte, counted
// in the decompressed log. It is the key of what the row tells.
type LogPos struct {
	Log    LogID
	Offset int64
}

func (p LogPos) String() string { return p.Log.String() + ":" + strconv.FormatInt(p.Offset, 10) }

// Compare orders rows of the same second: by log, then by place in the log. The
// order depends on content alone, never on the order in which logs were read.
func (p LogPos) Compare(q LogPos) int {
	if c := cmp.Compare(p.Log, q.Log); c != 0 {
		return c
	}
	return cmp.Compare(p.Offset, q.Offset)
}
