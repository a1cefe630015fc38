package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"relaywatch/alert"
	"relaywatch/detect"
)

// AlertsConfig tells machines of episodes. None is told while no webhook and no syslog
// server is named.
type AlertsConfig struct {
	MinSeverity string        `mapstructure:"min_severity" yaml:"min_severity"` // From which on an episode is told; default medium.
	Webhook     WebhookConfig `mapstructure:"webhook" yaml:"webhook"`
	Syslog      SyslogConfig  `mapstructure:"syslog" yaml:"syslog"`
}

// WebhookConfig is a web server that takes alerts as JSON.
type WebhookConfig struct {
	URL               string `mapstructure:"url" yaml:"url"`                               // https, or http on a network that is trusted; empty: none.
	SecretFile        string `mapstructure:"secret_file" yaml:"secret_file"`               // Its first line signs the alerts; empty, and no secret_env: none are signed.
	SecretEnv         string `mapstructure:"secret_env" yaml:"secret_env"`                 // Name of the environment variable that does so instead.
	AuthorizationFile string `mapstructure:"authorization_file" yaml:"authorization_file"` // Its first line is the header Authorization, as Bearer ….
	AuthorizationEnv  string `mapstructure:"authorization_env" yaml:"authorization_env"`   // Name of the environment variable that is it instead.
	CAFile            string `mapstructure:"ca_file" yaml:"ca_file"`                       // PEM; who may have signed the server's certificate. Empty: whom the system trusts.
}

// SyslogConfig is a syslog server that takes alerts.
type SyslogConfig struct {
	Address  string `mapstructure:"address" yaml:"address"`     // As tls://siem.corp.example:6514, tcp:// or udp://; empty: none.
	Facility string `mapstructure:"facility" yaml:"facility"`   // As local0, which is the default.
	Format   string `mapstructure:"format" yaml:"format"`       // cef, the default, or ecs.
	CAFile   string `mapstructure:"ca_file" yaml:"ca_file"`     // As that of the webhook; of tls.
	CertFile string `mapstructure:"cert_file" yaml:"cert_file"` // PEM; our own certificate, for a server that asks for it.
	KeyFile  string `mapstructure:"key_file" yaml:"key_file"`   // PEM; its key.
}

// Names of the ways, in the store and in the configuration.
const (
	wayWebhook = "webhook"
	waySyslog  = "syslog"
)

// ways are those that are configured.
func (a *AlertsConfig) ways() []string {
	var list []string
	if a.Webhook.URL != "" {
		list = append(list, wayWebhook)
	}
	if a.Syslog.Address != "" {
		list = append(list, waySyslog)
	}
	return list
}

// check reports what is wrong with the values. Files are looked at when they are used:
// see senders.
func (a *AlertsConfig) check(p positions) []error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, p.at("$.alerts."+key, format, args...)) }
	if !slices.Contains(severities, a.MinSeverity) {
		bad("min_severity", "%q is no severity (%s)", a.MinSeverity, hintOf(a.MinSeverity, severities))
	}
	a.Webhook.check(bad)
	a.Syslog.check(bad)
	return errs
}

func (w *WebhookConfig) check(bad func(key, format string, args ...any)) {
	if w.URL == "" {
		if w.SecretFile+w.SecretEnv+w.AuthorizationFile+w.AuthorizationEnv+w.CAFile != "" {
			bad("webhook", "url is missing: without it nothing is sent")
		}
		return
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" { // The error would tell the URL, which may be secret.
		bad("webhook.url", "is no URL of a web server; write it as https://siem.corp.example/relaywatch")
		return
	}
	if w.SecretFile != "" && w.SecretEnv != "" {
		bad("webhook.secret_env", "is set beside secret_file: choose one")
	}
	if w.AuthorizationFile != "" && w.AuthorizationEnv != "" {
		bad("webhook.authorization_env", "is set beside authorization_file: choose one")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && (w.AuthorizationFile+w.AuthorizationEnv != "" || u.User != nil) {
		bad("webhook.url", "would send the authorization in the clear: use https")
	}
}

func (s *SyslogConfig) check(bad func(key, format string, args ...any)) {
	if !slices.Contains(alert.Facilities(), s.Facility) {
		bad("syslog.facility", "%q is no facility (%s)", s.Facility, hintOf(s.Facility, alert.Facilities()))
	}
	if s.Format != alert.CEF && s.Format != alert.ECS {
		bad("syslog.format", "%q: use cef or ecs", s.Format)
	}
	if s.Address == "" {
		if s.CAFile+s.CertFile+s.KeyFile != "" {
			bad("syslog", "address is missing: without it nothing is sent")
		}
		return
	}
	transport, _, err := s.address()
	if err != nil {
		bad("syslog.address", "%v", err)
	}
	if transport != alert.TLS && s.CAFile+s.CertFile+s.KeyFile != "" {
		bad("syslog.address", "ca_file, cert_file and key_file are for tls only: write tls://, or leave them out")
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		bad("syslog", "cert_file and key_file go together")
	}
}

// address is the transport, and host and port: 514, or 6514 for tls, where none is told.
func (s *SyslogConfig) address() (transport, address string, err error) {
	wrong := fmt.Errorf("%q is no syslog server; write it as tls://siem.corp.example:6514, or with tcp:// or udp://", s.Address)
	u, err := url.Parse(s.Address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return "", "", wrong
	}
	port := "514"
	switch u.Scheme {
	case alert.UDP, alert.TCP:
	case alert.TLS:
		port = "6514"
	default:
		return "", "", wrong
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", wrong
	}
	return u.Scheme, net.JoinHostPort(u.Hostname(), port), nil
}

// least is the least severity that is told.
func (a *AlertsConfig) least() detect.Severity { return detect.Severity(a.MinSeverity) }

// sender is the other side of a way. Its files are read each time, so that a secret can
// be changed while the agent runs.
func (c *Config) sender(way string) (alert.Sender, error) {
	switch way {
	case wayWebhook:
		return c.webhook()
	case waySyslog:
		return c.syslog()
	}
	return nil, fmt.Errorf("alerts know no way %q", way)
}

func (c *Config) webhook() (*alert.Webhook, error) {
	w := c.Alerts.Webhook
	u, err := url.Parse(w.URL)
	if err != nil {
		return nil, errors.New("alerts.webhook.url is no URL")
	}
	h := &alert.Webhook{URL: u, Version: version()}
	if h.Roots, err = rootsIn("alerts.webhook.ca_file", w.CAFile); err != nil {
		return nil, err
	}
	if w.SecretFile+w.SecretEnv+w.AuthorizationFile+w.AuthorizationEnv == "" {
		return h, nil
	}
	if err := c.closed("alerts.webhook", w.SecretFile, w.AuthorizationFile); err != nil {
		return nil, err
	}
	if h.Secret, err = secretIn("alerts.webhook.secret", w.SecretFile, w.SecretEnv); err != nil {
		return nil, err
	}
	h.Authorization, err = secretIn("alerts.webhook.authorization", w.AuthorizationFile, w.AuthorizationEnv)
	return h, err
}

func (c *Config) syslog() (*alert.Syslog, error) {
	s := c.Alerts.Syslog
	transport, address, err := s.address()
	if err != nil {
		return nil, err
	}
	h := &alert.Syslog{Transport: transport, Address: address, Facility: s.Facility, Format: s.Format, Version: version()}
	if h.Roots, err = rootsIn("alerts.syslog.ca_file", s.CAFile); err != nil || s.CertFile == "" {
		return h, err
	}
	if err := c.closed("alerts.syslog", s.KeyFile); err != nil {
		return nil, err
	}
	own, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("alerts.syslog.cert_file and key_file: %w", err)
	}
	h.Certificates = []tls.Certificate{own}
	return h, nil
}

// rootsIn reads certificates; nil where no file is named.
func rootsIn(key, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", key, path)
	}
	return roots, nil
}

// secretIn is the first line of a file, or an environment variable; "" where neither is
// named. key is what both keys begin with.
func secretIn(key, file, env string) (string, error) {
	if env != "" {
		secret := os.Getenv(env)
		if secret == "" {
			return "", fmt.Errorf("%s_env: the environment variable %s is not set", key, env)
		}
		return secret, nil
	}
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", key, err)
	}
	secret, _, _ := strings.Cut(string(data), "\n")
	if secret = strings.TrimSuffix(secret, "\r"); secret == "" {
		return "", fmt.Errorf("%s_file: the first line of %s is empty", key, file)
	}
	return secret, nil
}
