package ingest

import (
	"bytes"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// headBytes is how much of a log's beginning recognises it. A header takes some
// 300 bytes; the rest are rows, with their times, clients and sizes.
const headBytes = 4096

// Head recognises a log by its beginning: for each of its first lines, up to
// headBytes, where it ends and a hash of everything up to there. A log that grows
// grows its Head; two logs are the same as long as one Head begins with the other.
// No text of the log is kept.
type Head []HeadLine

// HeadLine is the end of one line and the hash of the log up to it.
type HeadLine struct {
	End  uint16
	Hash uint64
}

// newHead returns the Head of a log that begins with b. A line longer than
// headBytes counts as one that ends there.
func newHead(b []byte) Head {
	cut := len(b) > headBytes
	if cut {
		b = b[:headBytes]
	}
	var h Head
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			if at == 0 && cut {
				h = append(h, HeadLine{headBytes, xxhash.Sum64(b)})
			}
			break
		}
		at += n + 1
		h = append(h, HeadLine{uint16(at), xxhash.Sum64(b[:at])})
	}
	return h
}

// Same tells whether both heads are of the same log, as far as the shorter one
// shows. An empty head is the same as none.
func (h Head) Same(o Head) bool {
	n := min(len(h), len(o))
	return n > 0 && h[n-1] == o[n-1]
}

// common is where the last line ends that both heads have; 0 if there is none.
func (h Head) common(o Head) int64 {
	for i := min(len(h), len(o)) - 1; i >= 0; i-- {
		if h[i] == o[i] {
			return int64(h[i].End)
		}
	}
	return 0
}

// id is the identity of a log whose first row ends at end: the hash up to there,
// which stays as it is while the log grows.
func (h Head) id(end int64) mail.LogID {
	for _, l := range h {
		if int64(l.End) >= end {
			return mail.LogID(l.Hash)
		}
	}
	return h.last()
}

// last is the identity by all that the head shows, for the rare log whose first
// row is the same as another's.
func (h Head) last() mail.LogID {
	if len(h) == 0 {
		return 0
	}
	return mail.LogID(h[len(h)-1].Hash)
}

// MarshalBinary writes 10 bytes a line, little endian.
func (h Head) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, 10*len(h))
	for _, l := range h {
		b = binary.LittleEndian.AppendUint16(b, l.End)
		b = binary.LittleEndian.AppendUint64(b, l.Hash)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote; bytes beyond the last whole
// line are ignored.
func (h *Head) UnmarshalBinary(b []byte) error {
	*h = (*h)[:0]
	for ; len(b) >= 10; b = b[10:] {
		*h = append(*h, HeadLine{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint64(b[2:])})
	}
	return nil
}
