package mail

import (
	"strings"
	"testing"
)

func TestPseudonyms(t *testing.T) {
	p := NewPseudonyms([]byte("a key"))
	ann := p.Path("ann@example.net")
	if ann == "ann@example.net" || ann.Domain() != "example.net" || strings.Contains(string(ann), "ann") {
		t.Errorf("got %q; want a name at the domain", ann)
	}
	if again := p.Path("ann@example.net"); again != ann {
		t.Errorf("got %q, and then %q", ann, again)
	}
	if twice := p.Path(ann); twice != ann {
		t.Errorf("got %q for the pseudonym %q; want it to stay", twice, ann)
	}
	other := NewPseudonyms([]byte("another"))
	if p.Path("bob@example.net") == ann || p.Path("ann@example.org").Domain() != "example.org" || other.Path("ann@example.net") == ann {
		t.Error("got the same name for another address, or by another key")
	}
	for _, path := range []Path{"", UnknownPath} {
		if got := p.Path(path); got != path {
			t.Errorf("got %q for %q; want it as it is", got, path)
		}
	}
	if got := NewPseudonyms(nil).Path("ann@example.net"); got != "~@example.net" {
		t.Errorf("got %q; want nothing but the domain", got)
	}
	var none *Pseudonyms
	if none.Path("ann@example.net") != "ann@example.net" || none.Text("of ann@example.net", "") != "of ann@example.net" {
		t.Error("got another address without pseudonyms")
	}
}

func TestPseudonymsText(t *testing.T) {
	p := NewPseudonyms([]byte("a key"))
	to := p.Path("ann.lee@example.net")
	name := strings.TrimSuffix(string(to), "@example.net")
	for _, tc := range []struct{ text, want string }{
		{"5.1.1 <Ann.Lee@Example.net>: Recipient address rejected", "5.1.1 <" + string(to) + ">: Recipient address rejected"},
		{"5.1.1 user ann.lee unknown", "5.1.1 user " + name + " unknown"},
		{"5.1.1 ANN.LEE... no such user", "5.1.1 " + name + "... no such user"},
		{"mail for ann.lee@example.net. Try later", "mail for " + string(to) + ". Try later"},
		{"no bob@example.org", "no " + string(p.Path("bob@example.org"))},
		{"no user=ann.lee, 'ann.lee'", "no user=" + name + ", '" + name + "'"},
		{"no 'o'neil@example.org'", "no '" + string(p.Path("o'neil@example.org")) + "'"},
		{"2.1.5 ok", "2.1.5 ok"},
		{"", ""},
	} {
		if got := p.Text(tc.text, to); got != tc.want {
			t.Errorf("got %q; want %q", got, tc.want)
		}
	}
	neil := p.Path("o'neil@example.net")
	if got := p.Text("5.1.1 O'Neil: no such user", neil); got != "5.1.1 "+strings.TrimSuffix(string(neil), "@example.net")+": no such user" {
		t.Errorf("got %q; want the local part hidden", got)
	}
	if got := NewPseudonyms(nil).Text("5.1.1 user ann.lee unknown", "~@example.net"); got != "5.1.1" {
		t.Errorf("got %q; want the status code", got)
	}
	if got := p.Text(`RCPT +TO:<"ann lee"@example.net>+x@y`, ""); strings.Contains(got, "ann") || strings.Contains(got, "+x@") {
		t.Errorf("got %q; want no address in it", got)
	}
}
