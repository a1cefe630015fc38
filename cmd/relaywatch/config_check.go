package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"relaywatch/detect"
	"relaywatch/ingest"
)

// positions tells where in the configuration file a key stands.
type positions struct {
	file string
	tree *ast.File
}

// at writes a mistake at a key such as $.network.internal[0].
func (p positions) at(key, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	name := strings.TrimPrefix(key, "$.")
	if at := p.of(key); at != nil {
		return &mistake{p.file, at, name + ": " + text}
	}
	name, _, _ = strings.Cut(name, "[")
	if variable := environmentName(name); os.Getenv(variable) != "" {
		return &mistake{text: fmt.Sprintf("%s: %s (set by %s)", name, text, variable)}
	}
	for at := key; ; { // What is missing is missing in what it belongs to.
		i := strings.LastIndexByte(at, '.')
		if i < 0 {
			return &mistake{text: fmt.Sprintf("%s: %s (it is not set)", name, text)}
		}
		at = at[:i]
		if at := p.of(at); at != nil && i > 1 {
			return &mistake{p.file, at, fmt.Sprintf("%s: %s (it is not set)", name, text)}
		}
	}
}

// of is where a key stands; nil if the file has it not.
func (p positions) of(key string) *token.Position {
	if p.tree == nil {
		return nil
	}
	path, err := yaml.PathString(key)
	if err != nil {
		return nil
	}
	node, err := path.FilterFile(p.tree)
	if err != nil || node == nil {
		return nil
	}
	return node.GetToken().Position
}

// inSingleQuotes is the hint where a path was read as another one than was meant.
const inSingleQuotes = `: between double quotes \ begins an escape; put paths of Windows in single quotes, as 'C:\logs\ex*.log'`

// check reports every mistake in the values at once.
func (c *Config) check(p positions) []error {
	errs := slices.Concat(c.checkPrivacy(p), c.checkLogs(p), c.Network.check(p), c.Hours.check(p), c.checkAllow(p))
	if c.Rules.Path != "" {
		if info, err := os.Stat(c.Rules.Path); err != nil || !info.IsDir() {
			errs = append(errs, p.at("$.rules.path", "%q is no folder; leave it empty for the built-in rules", c.Rules.Path))
		}
	}
	if c.Detect.AlarmsPerWeek < 0 {
		errs = append(errs, p.at("$.detect.alarms_per_week", "%g is no number of alarms; 0 is no wish", c.Detect.AlarmsPerWeek))
	}
	return slices.Concat(errs, c.Agent.check(p), c.Digest.check(p), c.Alerts.check(p))
}

func (c *Config) checkLogs(p positions) (errs []error) {
	for i, l := range c.Logs {
		switch ingest.Format(l.Format) {
		case "", ingest.FormatAuto, ingest.FormatIISW3C, ingest.FormatExchangeReceive, ingest.FormatExchangeSend:
		default:
			errs = append(errs, p.at(fmt.Sprintf("$.logs[%d].format", i), "%q is not read; use auto, iis-w3c, exchange-receive or exchange-send", l.Format))
		}
		if l.Path == "" {
			errs = append(errs, p.at(fmt.Sprintf("$.logs[%d]", i), "path is missing: a file, a folder or a glob"))
		}
		if err := ingest.CheckCodePage(l.CodePage); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.logs[%d].code_page", i), "%v", err))
		}
	}
	return errs
}

func (n *NetworkConfig) check(p positions) (errs []error) {
	for i, network := range n.Internal {
		if _, err := netip.ParsePrefix(network); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.network.internal[%d]", i), "%q is no network; write it as 10.0.0.0/8", network))
		}
	}
	for i, g := range n.Gateways {
		if _, err := netip.ParseAddr(g); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.network.gateways[%d]", i), "%q is no address; write it as 10.0.0.25", g))
		}
	}
	for i, d := range n.OwnDomains {
		if strings.Trim(d, ".") == "" || strings.ContainsAny(d, "@/ *") {
			errs = append(errs, p.at(fmt.Sprintf("$.network.own_domains[%d]", i), "%q is no domain; write it as corp.example, subdomains are included", d))
		}
	}
	return errs
}

func (h *HoursConfig) check(p positions) (errs []error) {
	if _, err := time.LoadLocation(h.TimeZone); err != nil {
		errs = append(errs, p.at("$.hours.time_zone", "%q is not known; use a name like Europe/London", h.TimeZone))
	}
	if _, err := detect.NewEngine(nil, detect.Site{Hours: detect.Hours{Business: h.Business}}); err != nil {
		errs = append(errs, p.at("$.hours.business", "%v", err))
	}
	for i, d := range h.Holidays {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.hours.holidays[%d]", i), "%q is no date; write it as 2026-12-25", d))
		}
	}
	return errs
}

func (a *AgentConfig) check(p positions) []error {
	var errs []error
	switch ingest.PollMode(a.Poll) {
	case ingest.PollAuto, ingest.PollAlways, ingest.PollNever:
	default:
		errs = append(errs, p.at("$.agent.poll", "%q: use auto, always or never", a.Poll))
	}
	if d, err := time.ParseDuration(a.Interval); err != nil || d < minInterval || d > maxInterval {
		errs = append(errs, p.at("$.agent.interval", "%q: use a time span from 50ms to 1h, as 250ms", a.Interval))
	}
	if a.MaxCPU != 0 && !(a.MaxCPU >= minCPU) { // Also what is no number.
		errs = append(errs, p.at("$.agent.max_cpu", "%g: use %g processors or more, as 0.5; 0 is no limit", a.MaxCPU, minCPU))
	}
	if a.Listen != "" {
		if _, _, err := net.SplitHostPort(a.Listen); err != nil {
			errs = append(errs, p.at("$.agent.listen", "%q is no address with a port; write it as 127.0.0.1:9464", a.Listen))
		}
	}
	return errs
}

// minCPU is the least that agent.max_cpu may be: with less the agent would fall behind
// for ever.
const minCPU = 0.05

// Bounds of agent.interval: more often is only load, more rarely is no following.
const (
	minInterval = 50 * time.Millisecond
	maxInterval = time.Hour
)

// interval is how often logs are looked at. The configuration is checked before.
func (a *AgentConfig) interval() time.Duration {
	d, err := time.ParseDuration(a.Interval)
	if err != nil {
		return ingest.DefaultInterval
	}
	return d
}

// parseDays reads a time span, as 180d or 36h.
func parseDays(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 && n < 100*366 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time span; write it as 180d or 36h", text)
	}
	return d, nil
}

// zone is where the people are. The configuration is checked before.
func (c *Config) zone() (*time.Location, error) { return time.LoadLocation(c.Hours.TimeZone) }

// site is what the configuration says of the network. The configuration is
// checked before.
func (c *Config) site() (detect.Site, error) {
	zone, err := c.zone()
	if err != nil {
		return detect.Site{}, err
	}
	s := detect.Site{Hours: detect.Hours{Zone: zone, Business: c.Hours.Business, Holidays: c.Hours.Holidays}}
	for _, n := range c.Network.Internal {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return s, err
		}
		s.Internal = append(s.Internal, p.Masked())
	}
	for _, g := range c.Network.Gateways {
		a, err := netip.ParseAddr(g)
		if err != nil {
			return s, err
		}
		s.Gateways = append(s.Gateways, a.Unmap())
	}
	if c.Digest.on() {
		s.Digest = c.Digest.ownMail()
	}
	for _, d := range c.Network.OwnDomains {
		s.OwnDomains = append(s.OwnDomains, strings.ToLower(strings.Trim(d, ". ")))
	}
	for _, a := range c.Allow {
		s.Allow = append(s.Allow, a.entry(zone))
	}
	return s, nil
}
