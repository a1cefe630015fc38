package main

import (
	"net/netip"
	"slices"

	"relaywatch/mail"
)

// clientClass is how a client is judged.
type clientClass uint8

const (
	nobodysClient clientClass = iota // A gateway, the machine itself, or not told.
	insideClient
	outsideClient
	accountClient
)

// answers is who is judged for a row of a transaction.
func (w *witness) answers(t *mail.Transaction, at mail.Time) (mail.Submitter, clientClass) {
	who := t.Submitter()
	switch {
	case who.Kind == mail.KindUser:
		return who, accountClient
	case who.Kind != mail.KindIP || t.ClientIP == t.ServerIP:
		return who, nobodysClient
	}
	class := w.classOf(t.ClientIP)
	by := w.shared[who]
	if by == nil || class != insideClient {
		return who, class
	}
	today, _ := w.calendar.Local(at)
	if len(w.site.OwnDomains) > 0 && by.Named(t.HELO, today, at) {
		who = mail.Named(t.HELO, t.ClientIP)
		by = w.shared[who]
	}
	if by.Senders(today) && t.ReversePath != "" && t.ReversePath.Known() && !w.external(t.ReversePath.Domain()) {
		who = mail.Submitter{Kind: mail.KindSender, Value: string(t.ReversePath)}
	}
	return who, class
}

func (w *witness) classOf(client string) clientClass {
	class, known := w.classes[client]
	if !known {
		class = w.classify(client)
		w.classes[client] = class
	}
	return class
}

func (w *witness) classify(client string) clientClass {
	class := outsideClient
	if addr, err := netip.ParseAddr(client); err == nil {
		addr = addr.Unmap().WithZone("")
		switch {
		case addr.IsLoopback() || slices.Contains(w.site.Gateways, addr):
			return nobodysClient
		case slices.ContainsFunc(w.site.Internal, func(p netip.Prefix) bool { return p.Contains(addr) }):
			return insideClient
		}
	}
	if !w.outside {
		class = nobodysClient
	}
	return class
}

// external is true for a domain that is surely not ours.
func (w *witness) external(domain string) bool {
	if domain == "" || len(w.site.OwnDomains) == 0 {
		return false
	}
	own, known := w.own[domain]
	if !known {
		own = slices.ContainsFunc(w.site.OwnDomains, func(d string) bool {
			return domain == d || len(domain) > len(d) && domain[len(domain)-len(d)-1:] == "."+d
		})
		w.own[domain] = own
	}
	return !own
}

// isServer is true for a client whose address a row told before to be a server's.
func (w *witness) isServer(who mail.Submitter, p place) bool {
	if who.Kind != mail.KindIP {
		return false
	}
	first, ok := w.servers[who.Value]
	return ok && !p.before(first)
}
