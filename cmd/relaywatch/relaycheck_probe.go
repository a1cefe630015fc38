package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/relaycheck"
)

const (
	// probeTimeout is how long a command waits for its answer. Exchange makes those wait
	// 5 s who are refused, other servers up to a minute.
	probeTimeout = 75 * time.Second
	// probeLimit is how long a probe takes at most.
	probeLimit = 10 * time.Minute
	// probeDomain is where the recipients of a probe are, unless the user names another
	// domain. Nobody has a mailbox there (RFC 2606).
	probeDomain = "example.org"
)

// probe tests the one mail server that the user named.
func (p *program) probe(ctx context.Context, target, domain string) (relaycheck.Result, error) {
	site, err := p.config.site()
	if err != nil {
		return relaycheck.Result{}, err
	}
	host, port, err := probeTarget(target)
	if err != nil {
		return relaycheck.Result{}, usageError{err}
	}
	if domain, err = probedDomain(site, domain); err != nil {
		return relaycheck.Result{}, usageError{err}
	}
	addr, err := resolve(ctx, host)
	if err != nil {
		return relaycheck.Result{}, err
	}
	probe := &relaycheck.Probe{
		Address: netip.AddrPortFrom(addr, port), Host: host, Domain: domain, HELO: ownName(), Timeout: probeTimeout, Limit: probeLimit,
	}
	from := localAddress(ctx, probe.Address)
	probe.Inside = from.IsLoopback() || checkPlace(site, from.String()) != relaycheck.Outside
	p.announce(probe, from)
	return probe.Run(ctx)
}

// announce says what is about to happen, before it does.
func (p *program) announce(probe *relaycheck.Probe, from netip.Addr) {
	w := &page{w: p.err, width: terminalWidth(p.err)}
	where := "outside"
	if probe.Inside {
		where = "inside"
	}
	w.line(2, "PROBE of %s (%s) from %s, which is %s: 16 address forms up to RCPT, never DATA, so nothing is sent to anybody.", visible(probe.Host), probe.Address, from, where)
	w.line(2, "Test only servers that are yours. Its log will show it, and relay-probe accuses a host inside that does this: that is right.")
}

// probeTarget reads HOST, HOST:PORT or [ADDRESS]:PORT. Port 25 is meant if none is named.
func probeTarget(target string) (host string, port uint16, err error) {
	host, text := target, "25"
	if addr, err := netip.ParseAddr(strings.Trim(target, "[]")); err == nil {
		host = addr.String()
	} else if strings.Contains(target, ":") {
		if host, text, err = net.SplitHostPort(target); err != nil {
			return "", 0, fmt.Errorf("--probe %q: write HOST or HOST:PORT, an IPv6 address in brackets", target)
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("--probe %q: %q is no port", target, text)
	}
	if host == "" || strings.ContainsAny(host, "/, *@") {
		return "", 0, fmt.Errorf("--probe %q: name one host", target)
	}
	return host, uint16(n), nil
}

// probedDomain is where the recipients of the probe are.
func probedDomain(site detect.Site, domain string) (string, error) {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if !relaycheck.IsHostName(domain) {
		return "", fmt.Errorf("--probe-domain %q is no domain", domain)
	}
	for _, own := range site.OwnDomains {
		if domain == own || strings.HasSuffix(domain, "."+own) {
			return "", fmt.Errorf("--probe-domain %s is an own domain: mail for it is no relaying; name one outside", domain)
		}
	}
	return domain, nil
}

// resolve is one address of a host.
func resolve(ctx context.Context, host string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone(""), nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find %s: %w", host, err)
	}
	for _, addr := range all { // IPv4 first: there most servers take mail.
		if addr = addr.Unmap(); addr.Is4() {
			return addr, nil
		}
	}
	if len(all) == 0 {
		return netip.Addr{}, errors.New("find " + host + ": it has no address")
	}
	return all[0], nil
}

// localAddress is the address of this host that the server sees, if nothing between
// changes it. Nothing is sent.
func localAddress(ctx context.Context, server netip.AddrPort) netip.Addr {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", server.String())
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	if at, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return at.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// ownName is the name for HELO.
func ownName() string {
	name, err := os.Hostname()
	if err != nil || !relaycheck.IsHostName(name) {
		return "localhost"
	}
	return strings.ToLower(name)
}
