package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/digest"
	"relaywatch/mail"
)

// weekdays are the values of digest.weekly.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// severities are the values of digest.urgent, alerts.min_severity and --fail-on.
var severities = []string{string(detect.Low), string(detect.Medium), string(detect.High), string(detect.Critical)}

// on tells whether mail is wanted.
func (d *DigestConfig) on() bool { return len(d.To) > 0 }

// check reports what is wrong with the values. Files are looked at when they are
// used: see relay.
func (d *DigestConfig) check(p positions) []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, p.at("$.digest."+key, format, args...)) }
	if _, err := digest.ParseClock(d.At, time.UTC); err != nil {
		bad("at", "%v", err)
	}
	if d.From != "" || d.on() {
		if err := digest.CheckAddress(d.From); err != nil {
			bad("from", "%v", err)
		}
	}
	for i, to := range d.To {
		if err := digest.CheckAddress(to); err != nil {
			bad(fmt.Sprintf("to[%d]", i), "%v", err)
		}
	}
	if d.Weekly != "" && !slices.Contains(weekdays, d.Weekly) {
		bad("weekly", "%q is no day of the week; write it as mon", d.Weekly)
	}
	if d.Urgent != "" && !slices.Contains(severities, d.Urgent) {
		bad("urgent", "%q is no severity (%s)", d.Urgent, hintOf(d.Urgent, severities))
	}
	return append(errs, d.SMTP.check(p)...)
}

func (s *SMTPConfig) check(p positions) []error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, p.at("$.digest.smtp."+key, format, args...))
	}
	switch s.TLS {
	case digest.STARTTLS, digest.Implicit, digest.NoTLS:
	default:
		bad("tls", "%q: use starttls, implicit or none", s.TLS)
	}
	if s.Host == "" {
		bad("host", "is empty: name the mail server")
	}
	if s.Port < 1 || s.Port > 65535 {
		bad("port", "%d is no port", s.Port)
	}
	switch {
	case s.User == "":
	case s.PasswordFile == "" && s.PasswordEnv == "":
		bad("user", "has no password: set password_file or password_env")
	case s.PasswordFile != "" && s.PasswordEnv != "":
		bad("password_env", "is set beside password_file: choose one")
	case s.TLS == digest.NoTLS && !isLoopback(s.Host):
		bad("tls", "none would send the password in the clear: use starttls or implicit")
	}
	return errs
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// ownMail is how relaywatch's own mail is known in the logs.
func (d *DigestConfig) ownMail() detect.OwnMail {
	own := detect.OwnMail{From: mail.Path(strings.ToLower(d.From))}
	for _, to := range d.To {
		own.To = append(own.To, mail.Path(strings.ToLower(to)))
	}
	return own
}

// clock is when the daily mail is due. The configuration is checked before.
func (c *Config) clock() (digest.Clock, error) {
	zone, err := time.LoadLocation(c.Hours.TimeZone)
	if err != nil {
		return digest.Clock{}, err
	}
	return digest.ParseClock(c.Digest.At, zone)
}

// relay is the server that takes the mail. Its files are read each time, so that a
// password can be changed while the agent runs.
func (c *Config) relay() (*digest.Relay, error) {
	s := c.Digest.SMTP
	r := &digest.Relay{Host: s.Host, Port: s.Port, TLS: s.TLS, User: s.User}
	var err error
	if r.Roots, err = rootsIn("digest.smtp.ca_file", s.CAFile); err != nil {
		return nil, err
	}
	if s.User == "" {
		return r, nil
	}
	if err := c.closed("digest.smtp", s.PasswordFile); err != nil {
		return nil, err
	}
	r.Password, err = secretIn("digest.smtp.password", s.PasswordFile, s.PasswordEnv)
	return r, err
}

// closed refuses files that everybody may read where there is a secret to keep: its
// own, and the configuration, which tells whose it is and where it is. key is named in
// the error.
// Windows has no such bits: there the folder's rights protect both.
func (c *Config) closed(key string, files ...string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, path := range append([]string{c.file}, files...) {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == c.file: // It was replaced or removed; the password's is read next.
		case err != nil:
			return fmt.Errorf("%s: %w", key, err)
		case info.Mode().Perm()&0o007 != 0:
			return fmt.Errorf("%s: %s can be read by everybody, which a password's must not be: chmod o= %s", key, path, path)
		}
	}
	return nil
}
