package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

func (c *Config) checkAllow(p positions) (errs []error) {
	known := c.ruleNames()
	for i, a := range c.Allow {
		if err := a.check(); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.allow[%d]", i), "%v", err))
		}
		for name, most := range a.AtMost {
			if err := detect.CheckLimit(name, most); err != nil {
				errs = append(errs, p.at(fmt.Sprintf("$.allow[%d].at_most.%s", i, name), "%v", err))
			}
		}
		if err := detect.CheckBaseline(a.Baseline, len(a.AtMost) > 0); err != nil {
			errs = append(errs, p.at(fmt.Sprintf("$.allow[%d].baseline", i), "%v", err))
		}
		for j, name := range a.Rules {
			if len(known) > 0 && !slices.Contains(known, name) {
				errs = append(errs, p.at(fmt.Sprintf("$.allow[%d].rules[%d]", i, j), "no rule %q (%s)", name, hintOf(name, known)))
			}
		}
	}
	return errs
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
