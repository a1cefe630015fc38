package main

import (
	"strings"
	"testing"

	"relaywatch/store"
)

// Mail without a domain has a name in the text and on the page.
func TestExplainLocalDomain(t *testing.T) {
	d := dossier{Domains: []store.Domain{{Recipients: 3}}}
	var text strings.Builder
	if err := d.print(&text, 0); err != nil {
		t.Fatal(err)
	}
	page, err := d.html(0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "domains  (local) (3)") || !strings.Contains(string(page), "<td>(local)</td>") {
		t.Errorf("got %s; want (local) in it and on the page", text.String())
	}
}
