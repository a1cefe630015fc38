package mail

import "strings"

// Disguise is a path with name in place of its local part. It keeps the domain, and
// what tells the address forms of relay tests apart (user%domain@host, host!user,
// @host:user@domain, quoted): a path of such a form gives one of the same form.
func (p Path) Disguise(name string) Path {
	if p == "" || !p.Known() {
		return p
	}
	domain := p.Domain()
	local := strings.TrimSuffix(string(p), "@"+domain)
	var b strings.Builder
	if local != "" && (local[0] == '@' || local[0] == '"') {
		b.WriteByte(local[0])
		local = local[1:]
	}
	b.WriteString(name)
	for _, mark := range "@%!" {
		if strings.ContainsRune(local, mark) {
			b.WriteRune(mark)
		}
	}
	if strings.Contains(string(p), "@") {
		b.WriteString("@" + domain)
	}
	return Path(b.String())
}
