package mail

import "strings"

// Path is a reverse-path or forward-path (RFC 5321, section 4.1.2) in lower case,
// without brackets, source route kept as sent. The empty Path is the null
// reverse-path.
type Path string

// UnknownPath is the path of a command whose argument the log does not tell. No
// row can hold a NUL byte, so no mailbox is written like it.
const UnknownPath Path = "\x00"

// Known is false where the log does not tell the path.
func (p Path) Known() bool { return p != UnknownPath }

// Domain is what follows the last @, or "" where there is none.
func (p Path) Domain() string {
	if i := strings.LastIndexByte(string(p), '@'); i >= 0 {
		return string(p[i+1:])
	}
	return ""
}
