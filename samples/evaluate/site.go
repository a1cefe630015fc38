package main

import (
	"net/netip"
	"slices"

	"relaywatch/detect"
	"relaywatch/samples/traffic"
)

// internal are the networks inside.
var internal = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// allowed are the rules that an administrator silences for a host that mails many
// by right, as samples/relaywatch.yaml does: what it does besides is judged.
var allowed = []string{"recipient-fanout", "external-only", "relay-probe"}

// siteOf is the site as an administrator configures it.
func siteOf(w *traffic.World, rules []*detect.Rule) detect.Site {
	site := detect.Site{Internal: internal, OwnDomains: w.Domains, Hours: detect.Hours{Zone: w.Zone}}
	for _, g := range w.Gateways {
		site.Gateways = append(site.Gateways, netip.MustParseAddr(g))
	}
	var names []string
	for _, r := range rules {
		if slices.Contains(allowed, r.Name) {
			names = append(names, r.Name)
		}
	}
	for _, m := range w.Machines {
		if !m.Known || len(names) == 0 {
			continue
		}
		for _, s := range m.Submitters {
			site.Allow = append(site.Allow, detect.Allow{Submitter: s, Rules: names, Reason: m.Name})
		}
	}
	return site
}
