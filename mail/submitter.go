package mail

import (
	"fmt"
	"strings"
)

// Kinds of Submitter.
const (
	KindIP     = "ip"     // A client, by its address.
	KindUser   = "user"   // An account that AUTH proved.
	KindSender = "sender" // An address of our own domains behind a host that many share.
	KindHELO   = "helo"   // A client behind an address that many share, by the name that it gives with HELO or EHLO.
)

// Submitter is who is accused: a kind and a value, written ip:10.1.4.7, user:ann,
// sender:ann@corp.example or helo:ws-ann@10.6.0.1. The zero Submitter is nobody.
type Submitter struct {
	Kind  string
	Value string // Lower case.
}

func (s Submitter) String() string {
	if s.Kind == "" {
		return ""
	}
	return s.Kind + ":" + s.Value
}

// Named is the client that gives a HELO name behind an address. Of the name, the
// letters of ASCII are made small: a name of a host has no others (RFC 5321, section
// 2.3.5), and what has is no matter.
func Named(helo, clientIP string) Submitter {
	return Submitter{KindHELO, string(appendLower(make([]byte, 0, len(helo)+1+len(clientIP)), helo)) + "@" + clientIP}
}

func appendLower(to []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// Address is that of the client: of ip:10.6.0.1 and of helo:ws-ann@10.6.0.1. It is ""
// for who is known by something else.
func (s Submitter) Address() string {
	switch s.Kind {
	case KindIP:
		return s.Value
	case KindHELO:
		return s.Value[strings.LastIndexByte(s.Value, '@')+1:]
	}
	return ""
}

// ParseSubmitter reads what Submitter.String wrote. The error names the form that
// is wanted.
func ParseSubmitter(text string) (Submitter, error) {
	kind, value, ok := strings.Cut(text, ":")
	switch {
	case !ok || value == "":
	case kind == KindHELO:
		if at := strings.LastIndexByte(value, '@'); at > 0 && at < len(value)-1 {
			return Named(value[:at], value[at+1:]), nil
		}
		return Submitter{}, fmt.Errorf("submitter %q: write helo:ws-ann@10.6.0.1", text)
	case kind == KindIP, kind == KindUser, kind == KindSender:
		return Submitter{kind, strings.ToLower(value)}, nil
	}
	return Submitter{}, fmt.Errorf("submitter %q: write ip:10.1.4.7, user:ann, sender:ann@corp.example or helo:ws-ann@10.6.0.1", text)
}
