//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
)

// crowdsec is an installation of CrowdSec in a folder of its own.
type crowdsec struct{ dir, config, db string }

func (s *stage) newCrowdsec() (crowdsec, error) {
	c := crowdsec{dir: filepath.Join(s.dir, "crowdsec")}
	c.config, c.db = filepath.Join(c.dir, "config.yaml"), filepath.Join(c.dir, "data", "crowdsec.db")
	scripts := filepath.Join(s.scripts, "crowdsec")
	for from, to := range map[string]string{
		filepath.Join(scripts, "parsers", "raw.yaml"):                      "etc/parsers/s00-raw/raw.yaml",
		filepath.Join(scripts, "parsers", "iis.yaml"):                      "etc/parsers/s01-parse/iis.yaml",
		filepath.Join(scripts, "parsers", "date.yaml"):                     "etc/parsers/s02-enrich/date.yaml",
		filepath.Join(scripts, "scenarios", "fanout.yaml"):                 "etc/scenarios/fanout.yaml",
		filepath.Join(s.programs, "crowdsec/etc/crowdsec/profiles.yaml"):   "etc/profiles.yaml",
		filepath.Join(s.programs, "crowdsec/etc/crowdsec/simulation.yaml"): "etc/simulation.yaml",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			return c, err
		}
		if err := c.put(to, string(text)); err != nil {
			return c, err
		}
	}
	if err := os.CopyFS(filepath.Join(c.dir, "etc", "patterns"), os.DirFS(filepath.Join(s.programs, "crowdsec/etc/crowdsec/patterns"))); err != nil && !os.IsExist(err) {
		return c, err
	}
	port, err := freePort()
	if err != nil {
		return c, err
	}
	config, err := os.ReadFile(filepath.Join(scripts, "config.yaml"))
	if err != nil {
		return c, err
	}
	for name, text := range map[string]string{
		"config.yaml":          strings.NewReplacer("{dir}", c.dir, "{port}", port).Replace(string(config)),
		"etc/credentials.yaml": "url: http://127.0.0.1:" + port + "\nlogin: bench\npassword: bench\n",
		"hub/.index.json":      `{"parsers":{},"scenarios":{},"collections":{},"postoverflows":{}}`,
		"data/.keep":           "",
	} {
		if err := c.put(name, text); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c crowdsec) put(name, text string) error {
	path := filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
