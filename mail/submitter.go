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
)

// Submitter is who is accused: a kind and a value, written ip:10.1.4.7, user:ann
// or sender:ann@corp.example. The zero Submitter is nobody.
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

// ParseSubmitter reads what Submitter.String wrote. The error names the form that
// is wanted.
func ParseSubmitter(text string) (Submitter, error) {
	kind, value, ok := strings.Cut(text, ":")
	switch {
	case !ok || value == "":
	case kind == KindIP, kind == KindUser, kind == KindSender:
		return Submitter{kind, strings.ToLower(value)}, nil
	}
	return Submitter{}, fmt.Errorf("submitter %q: write ip:10.1.4.7, user:ann or sender:ann@corp.example", text)
}
