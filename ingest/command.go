package ingest

import "bytes"

// parsePath reads the argument of MAIL or RCPT (RFC 5321, section 4.1.2) in every
// shape that logs show: keyword in any case, blanks or none, brackets or none,
// parameters behind. blank is what the log writes for a space: '+' in W3C rows,
// ' ' elsewhere. Within brackets '+' is always a plus.
//
// path is what stands between the brackets, params what follows. ok is false if
// the keyword ("FROM:" or "TO:") is not there or nothing follows it.
func parsePath(arg []byte, keyword string, blank byte) (path, params []byte, ok bool) {
	arg = trimBlanks(arg, blank)
	if len(arg) < len(keyword) || !bytes.EqualFold(arg[:len(keyword)], []byte(keyword)) {
		return nil, nil, false
	}
	arg = trimBlanks(arg[len(keyword):], blank)
	if len(arg) == 0 {
		return nil, nil, false
	}
	if arg[0] == '<' {
		end := closing(arg)
		if end < 0 {
			return arg[1:], nil, true // Cut off by the client; what there is, is kept.
		}
		return arg[1:end], trimBlanks(arg[end+1:], blank), true
	}
	if end := bytes.IndexByte(arg, blank); end >= 0 {
		return arg[:end], trimBlanks(arg[end+1:], blank), true
	}
	return arg, nil, true
}

// closing is the index of the bracket that closes arg[0], or -1. A bracket in a
// quoted local part (RFC 5321, section 4.1.2, Quoted-string) does not close.
func closing(arg []byte) int {
	if i := bytes.IndexByte(arg, '>'); i > 0 && bytes.IndexByte(arg[:i], '"') < 0 {
		return i
	}
	quoted := false
	for i := 1; i < len(arg); i++ {
		switch arg[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case '>':
			if !quoted {
				return i
			}
		}
	}
	return bytes.LastIndexByte(arg, '>') // An unbalanced quote: the last one will do.
}

func trimBlanks(b []byte, blank byte) []byte {
	for len(b) > 0 && (b[0] == blank || b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == blank || b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
