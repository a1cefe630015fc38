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
	"relaywatch/mail"
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

// environmentName is the variable that overrides a key.
func environmentName(key string) string {
	return "RELAYWATCH_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// check reports every mistake in the values at once.
func (c *Config) check(p positions) []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, p.at(key, format, args...)) }
	errs = append(errs, c.checkPrivacy(p)...)
	for i, l := range c.Logs {
		switch ingest.Format(l.Format) {
		case "", ingest.FormatAuto, ingest.FormatIISW3C, ingest.FormatExchangeReceive, ingest.FormatExchangeSend:
		default:
			bad(fmt.Sprintf("$.logs[%d].format", i), "%q is not read; use auto, iis-w3c, exchange-receive or exchange-send", l.Format)
		}
		if l.Path == "" {
			bad(fmt.Sprintf("$.logs[%d]", i), "path is missing: a file, a folder or a glob")
		}
		if err := ingest.CheckCodePage(l.CodePage); err != nil {
			bad(fmt.Sprintf("$.logs[%d].code_page", i), "%v", err)
		}
	}
	for i, n := range c.Network.Internal {
		if _, err := netip.ParsePrefix(n); err != nil {
			bad(fmt.Sprintf("$.network.internal[%d]", i), "%q is no network; write it as 10.0.0.0/8", n)
		}
	}
	for i, g := range c.Network.Gateways {
		if _, err := netip.ParseAddr(g); err != nil {
			bad(fmt.Sprintf("$.network.gateways[%d]", i), "%q is no address; write it as 10.0.0.25", g)
		}
	}
	for i, d := range c.Network.OwnDomains {
		if strings.Trim(d, ".") == "" || strings.ContainsAny(d, "@/ *") {
			bad(fmt.Sprintf("$.network.own_domains[%d]", i), "%q is no domain; write it as corp.example, subdomains are included", d)
		}
	}
	if _, err := time.LoadLocation(c.Hours.TimeZone); err != nil {
		bad("$.hours.time_zone", "%q is not known; use a name like Europe/London", c.Hours.TimeZone)
	}
	if _, err := detect.NewEngine(nil, detect.Site{Hours: detect.Hours{Business: c.Hours.Business}}); err != nil {
		bad("$.hours.business", "%v", err)
	}
	for i, d := range c.Hours.Holidays {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			bad(fmt.Sprintf("$.hours.holidays[%d]", i), "%q is no date; write it as 2026-12-25", d)
		}
	}
	known := c.ruleNames()
	for i, a := range c.Allow {
		if err := a.check(); err != nil {
			bad(fmt.Sprintf("$.allow[%d]", i), "%v", err)
		}
		for name, most := range a.AtMost {
			if err := detect.CheckLimit(name, most); err != nil {
				bad(fmt.Sprintf("$.allow[%d].at_most.%s", i, name), "%v", err)
			}
		}
		if err := detect.CheckBaseline(a.Baseline, len(a.AtMost) > 0); err != nil {
			bad(fmt.Sprintf("$.allow[%d].baseline", i), "%v", err)
		}
		for j, name := range a.Rules {
			if len(known) > 0 && !slices.Contains(known, name) {
				bad(fmt.Sprintf("$.allow[%d].rules[%d]", i, j), "no rule %q (%s)", name, hintOf(name, known))
			}
		}
	}
	if c.Rules.Path != "" {
		if info, err := os.Stat(c.Rules.Path); err != nil || !info.IsDir() {
			bad("$.rules.path", "%q is no folder; leave it empty for the built-in rules", c.Rules.Path)
		}
	}
	if c.Detect.AlarmsPerWeek < 0 {
		bad("$.detect.alarms_per_week", "%g is no number of alarms; 0 is no wish", c.Detect.AlarmsPerWeek)
	}
	errs = append(errs, c.Agent.check(p)...)
	errs = append(errs, c.Digest.check(p)...)
	return append(errs, c.Alerts.check(p)...)
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

// ruleNames are the names of the rules in force, if an allow-list entry needs them;
// none if they can't be loaded, which whoever judges by them will say.
func (c *Config) ruleNames() []string {
	if !slices.ContainsFunc(c.Allow, func(a AllowConfig) bool { return len(a.Rules) > 0 }) {
		return nil
	}
	list, err := loadRules(c.Rules.Path)
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range list {
		names = append(names, r.Name)
	}
	return names
}

func (a AllowConfig) check() error {
	if kind, network, ok := strings.Cut(a.Submitter, ":"); ok && kind == mail.KindIP && strings.Contains(network, "/") {
		if _, err := netip.ParsePrefix(network); err != nil {
			return fmt.Errorf("submitter %q: %q is no network", a.Submitter, network)
		}
	} else if _, err := mail.ParseSubmitter(a.Submitter); err != nil {
		return err
	}
	if strings.TrimSpace(a.Reason) == "" {
		return fmt.Errorf("reason is missing: say why %s may do that", a.Submitter)
	}
	if a.Until == "never" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, a.Until); err != nil {
		return fmt.Errorf("until %q is no date; write the last day as 2027-06-30, or never", a.Until)
	}
	return nil
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

// entry is the allow-list entry for the engine.
func (a AllowConfig) entry(zone *time.Location) detect.Allow {
	entry := detect.Allow{
		Submitter: strings.ToLower(a.Submitter), Rules: a.Rules, Reason: a.Reason, Owner: a.Owner, AtMost: a.AtMost, Baseline: a.Baseline,
	}
	if ends, ok := a.ends(zone); ok {
		entry.Until = mail.Of(ends)
	}
	return entry
}

// ends is the first moment at which the entry no longer holds; false if it never ends.
func (a AllowConfig) ends(zone *time.Location) (time.Time, bool) {
	day, err := time.ParseInLocation(time.DateOnly, a.Until, zone)
	return day.AddDate(0, 0, 1), err == nil
}
