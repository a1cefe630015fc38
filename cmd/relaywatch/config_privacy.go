package main

import (
	"fmt"
	"time"

	"relaywatch/store"
)

// leastKept is how long mail must be kept for detection, which looks back a day.
const leastKept = 48 * time.Hour

// kinds are the keys of privacy.keep.
func (k *KeepConfig) kinds(keep *store.Keep) []keptKind {
	return []keptKind{
		{"recipients", k.Recipients, &keep.Recipients, leastKept},
		{"transactions", k.Transactions, &keep.Transactions, leastKept},
		{"logins", k.Logins, &keep.Logins, leastKept},
		{"deliveries", k.Deliveries, &keep.Deliveries, leastKept},
		{"quarantine", k.Quarantine, &keep.Quarantine, 0},
		{"findings", k.Findings, &keep.Findings, 0},
	}
}

type keptKind struct {
	key, text string
	into      *time.Duration
	least     time.Duration
}

// keep is how long each kind of row is kept. The configuration is checked before.
func (c *Config) keep() (store.Keep, error) {
	all, err := parseKeep(c.Store.Keep)
	keep := store.KeepAll(all)
	for _, kind := range c.Privacy.Keep.kinds(&keep) {
		if kind.text == "" || err != nil {
			continue
		}
		*kind.into, err = parseKeep(kind.text)
	}
	return keep, err
}

// parseKeep reads how long rows are kept; 0 keeps everything.
func parseKeep(text string) (time.Duration, error) {
	if text == "" || text == "0" {
		return 0, nil
	}
	d, err := parseDays(text)
	if err != nil {
		err = fmt.Errorf("%w, or 0 to keep everything", err)
	}
	return d, err
}

func (c *Config) checkPrivacy(p positions) []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, p.at(key, format, args...)) }
	if _, err := parseKeep(c.Store.Keep); err != nil {
		bad("$.store.keep", "%v", err)
	}
	switch c.Privacy.Recipients {
	case recipientsFull, recipientsDomain, recipientsHash:
	default:
		bad("$.privacy.recipients", "%q: use full, domain or hash", c.Privacy.Recipients)
	}
	for _, kind := range c.Privacy.Keep.kinds(new(store.Keep)) {
		switch d, err := parseKeep(kind.text); {
		case err != nil:
			bad("$.privacy.keep."+kind.key, "%v", err)
		case d > 0 && d < kind.least:
			bad("$.privacy.keep."+kind.key, "%s is too short: detection looks back a day, so keep them for 2d at least", kind.text)
		}
	}
	return errs
}
