package relaycheck

import (
	"net/netip"
	"strings"
)

// form is one of the classic address forms of relay tests: a reverse-path and a
// recipient outside, as a relay that only looks at a part of an address would let
// through.
type form struct {
	from, to string // With the names in braces replaced.
	proves   bool   // Who accepts the recipient would deliver it outside. Others may take it for a mailbox of their own.
}

// forms are those that relay tests have used since the nineties; {u} is the recipient,
// {d} a domain outside, {f} the sender, {ip} the server's address as a literal, {srv}
// the name in its greeting.
var forms = []form{
	{"", "{u}@{d}", true},
	{"{f}@{d}", "{u}@{d}", true},
	{"{f}@{srv}", "{u}@{d}", true},
	{"{f}@{ip}", "{u}@{d}", true},
	{"{f}@{ip}", "{u}%{d}@{ip}", false},
	{"{f}@{ip}", "{u}%{d}@{srv}", false},
	{"{f}@{ip}", `"{u}@{d}"`, false},
	{"{f}@{ip}", `"{u}%{d}"`, false},
	{"{f}@{ip}", "{u}@{d}@{ip}", false},
	{"{f}@{ip}", `"{u}@{d}"@{ip}`, false},
	{"{f}@{ip}", "{u}@{d}@{srv}", false},
	{"{f}@{ip}", "@{ip}:{u}@{d}", true}, // A source route: RFC 5321, appendix C.
	{"{f}@{ip}", "@{srv}:{u}@{d}", true},
	{"{f}@{ip}", "{d}!{u}", false},
	{"{f}@{ip}", "{d}!{u}@{ip}", false},
	{"{f}@{ip}", "{d}!{u}@{srv}", false},
}

// mailbox is the local part of sender and recipient, so that whoever reads the
// server's log knows what this was.
const mailbox = "relaywatch-probe"

// addresses fills in a form.
func (f form) addresses(domain string, server netip.Addr, name string) (from, to string) {
	literal := "[" + server.String() + "]"
	if server.Is6() {
		literal = "[IPv6:" + server.String() + "]"
	}
	fill := strings.NewReplacer("{u}", mailbox, "{f}", mailbox, "{d}", domain, "{ip}", literal, "{srv}", name)
	return fill.Replace(f.from), fill.Replace(f.to)
}
