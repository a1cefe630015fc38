package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"relaywatch/detect"
	"relaywatch/rules"
)

// rulesIn loads the rules of a folder, or the built-in ones. Its errors name files
// with the folder.
func rulesIn(dir string) ([]*detect.Rule, error) {
	list, err := loadRules(dir)
	if err == nil || dir == "" {
		return list, err
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if name, _, isPlace := strings.Cut(line, ":"); isPlace && strings.HasSuffix(name, ".yaml") {
			line = filepath.Join(dir, line)
		} else {
			line = dir + ": " + line
		}
		errs = append(errs, errors.New(line))
	}
	return nil, usageError{errors.Join(errs...)}
}

// loadRules reads the rules that the configuration names, or the built-in ones.
func loadRules(path string) ([]*detect.Rule, error) {
	load := builtIn
	if path != "" {
		load = func() ([]*detect.Rule, error) { return detect.LoadRules(os.DirFS(path)) }
	}
	loaded, err := load()
	if err != nil {
		return nil, usageError{err}
	}
	if len(loaded) == 0 {
		return nil, usageError{fmt.Errorf("no rule in %s: put *.yaml files there, or leave rules.path empty for the built-in rules", path)}
	}
	return slices.Clone(loaded), nil
}

// builtIn loads the built-in rules once: the configuration names some of them, and what
// runs judges by them. Nobody changes a rule.
var builtIn = sync.OnceValues(func() ([]*detect.Rule, error) { return detect.LoadRules(rules.Files) })

// fingerprint tells one set of rules and site from another.
func fingerprint(ruleSet []*detect.Rule, site detect.Site) (string, error) {
	zone := ""
	if site.Hours.Zone != nil {
		zone = site.Hours.Zone.String()
		site.Hours.Zone = nil
	}
	b, err := json.Marshal(struct {
		Rules []*detect.Rule
		Site  detect.Site
		Zone  string
	}{ruleSet, site, zone})
	if err != nil {
		return "", fmt.Errorf("fingerprint of rules and site: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
