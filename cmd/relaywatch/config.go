package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// Config is the configuration file. README.md and samples/relaywatch.yaml show it
// with comments.
type Config struct {
	Store   StoreConfig   `mapstructure:"store" yaml:"store"`
	Logs    []LogConfig   `mapstructure:"logs" yaml:"logs"`
	Network NetworkConfig `mapstructure:"network" yaml:"network"`
	Hours   HoursConfig   `mapstructure:"hours" yaml:"hours"`
	Allow   []AllowConfig `mapstructure:"allow" yaml:"allow"`
	Rules   RulesConfig   `mapstructure:"rules" yaml:"rules"`
	Detect  DetectConfig  `mapstructure:"detect" yaml:"detect"`
	Agent   AgentConfig   `mapstructure:"agent" yaml:"agent"`
	Digest  DigestConfig  `mapstructure:"digest" yaml:"digest"`
	Alerts  AlertsConfig  `mapstructure:"alerts" yaml:"alerts"`
	Privacy PrivacyConfig `mapstructure:"privacy" yaml:"privacy"`

	file string // Where it was read; "" if there is none.
}

// StoreConfig says where the store is and how long rows are kept in it.
type StoreConfig struct {
	Path string `mapstructure:"path" yaml:"path"` // SQLite file; default relaywatch.db.
	Keep string `mapstructure:"keep" yaml:"keep"` // As 180d or 36h, counted back from the newest row; "0", the default, keeps everything.
}

// PrivacyConfig says what of people's data is kept, and how long.
type PrivacyConfig struct {
	Recipients string `mapstructure:"recipients" yaml:"recipients"` // full, domain or hash; default full. Of a store it can't be changed.

	Keep KeepConfig `mapstructure:"keep" yaml:"keep"`
}

// KeepConfig is how long each kind of row is kept, as store.keep, which holds where
// one is empty.
type KeepConfig struct {
	Recipients   string `mapstructure:"recipients" yaml:"recipients"`     // Addresses of recipients; that there was one is kept with its transaction.
	Transactions string `mapstructure:"transactions" yaml:"transactions"` // With the sums by hour.
	Logins       string `mapstructure:"logins" yaml:"logins"`
	Deliveries   string `mapstructure:"deliveries" yaml:"deliveries"`
	Quarantine   string `mapstructure:"quarantine" yaml:"quarantine"` // Counted from the last row of the log.
	Findings     string `mapstructure:"findings" yaml:"findings"`     // With episodes, and what was decided of them.
}

// LogConfig names logs to read.
type LogConfig struct {
	Path     string `mapstructure:"path" yaml:"path"`           // File, folder or glob.
	Format   string `mapstructure:"format" yaml:"format"`       // auto, iis-w3c, exchange-receive, exchange-send; default auto.
	CodePage string `mapstructure:"code_page" yaml:"code_page"` // Of text that is no UTF-8; default windows-1252.
}

// NetworkConfig says what is inside.
type NetworkConfig struct {
	Internal   []string `mapstructure:"internal" yaml:"internal"`       // Networks; default: the private ones.
	OwnDomains []string `mapstructure:"own_domains" yaml:"own_domains"` // With their subdomains. Unset: what is outside is not known.
	Gateways   []string `mapstructure:"gateways" yaml:"gateways"`       // Hosts that bring in the internet's mail; never accused for it.
}

// HoursConfig says when people work.
type HoursConfig struct {
	TimeZone string   `mapstructure:"time_zone" yaml:"time_zone"` // As Europe/London; default UTC.
	Business string   `mapstructure:"business" yaml:"business"`   // As mon-fri 07:00-19:00, which is the default.
	Holidays []string `mapstructure:"holidays" yaml:"holidays"`   // As 2026-12-25.
}

// AllowConfig silences rules for a submitter, or has them ask for more of it.
type AllowConfig struct {
	Submitter string             `mapstructure:"submitter" yaml:"submitter"` // As ip:10.0.9.12, ip:10.0.9.0/24, user:ann.
	Rules     []string           `mapstructure:"rules" yaml:"rules"`         // Unset: all rules.
	Reason    string             `mapstructure:"reason" yaml:"reason"`
	Owner     string             `mapstructure:"owner" yaml:"owner"`       // Whom to ask.
	Until     string             `mapstructure:"until" yaml:"until"`       // Last day, as 2027-06-30, in hours.time_zone; "never" must be spelled out.
	AtMost    map[string]float64 `mapstructure:"at_most" yaml:"at_most"`   // By signal: beyond, in the window of the rule, it finds all the same. Unset: whatever it is.
	Baseline  float64            `mapstructure:"baseline" yaml:"baseline"` // Silences nothing: it takes so many times as much until a rule holds. Unset: silence.
}

// RulesConfig says which rules judge.
type RulesConfig struct {
	Path string `mapstructure:"path" yaml:"path"` // Folder of YAML files; empty: the built-in rules.
}

// DetectConfig says how much detection may ask of people.
type DetectConfig struct {
	AlarmsPerWeek float64 `mapstructure:"alarms_per_week" yaml:"alarms_per_week"` // That `rules calibrate` chooses thresholds for; 0, the default, is no wish.
}

// AgentConfig says how the agent follows logs.
type AgentConfig struct {
	Poll     string `mapstructure:"poll" yaml:"poll"`         // auto, always, never; default auto.
	Interval string `mapstructure:"interval" yaml:"interval"` // Between looks at the logs, as 250ms, which is the default.
	Listen   string `mapstructure:"listen" yaml:"listen"`     // Address for /metrics and /healthz, as 127.0.0.1:9464; empty: none.
	Log      string `mapstructure:"log" yaml:"log"`           // File for the agent's own messages, which rotates; empty: the console only.

	MaxCPU float64 `mapstructure:"max_cpu" yaml:"max_cpu"` // Processors to use at the most while it reads what was written before, or judges all stored mail anew at its start, as 0.5; 0: no limit.
}

// DigestConfig is for the daily mail. None is made while To is empty.
type DigestConfig struct {
	At         string     `mapstructure:"at" yaml:"at"`                   // Time of day in hours.time_zone; default 07:30.
	From       string     `mapstructure:"from" yaml:"from"`               // Address of the sender, and of the reverse-path.
	To         []string   `mapstructure:"to" yaml:"to"`                   // Addresses.
	Weekly     string     `mapstructure:"weekly" yaml:"weekly"`           // mon to sun: that day's mail sums up the week, too; empty: none does.
	Urgent     string     `mapstructure:"urgent" yaml:"urgent"`           // A severity from which on an episode is mailed at once, as critical; empty: none.
	AttachJSON bool       `mapstructure:"attach_json" yaml:"attach_json"` // The mail for programs, too.
	SMTP       SMTPConfig `mapstructure:"smtp" yaml:"smtp"`
}

// SMTPConfig is the server that takes the daily mail.
type SMTPConfig struct {
	Host         string `mapstructure:"host" yaml:"host"`
	Port         int    `mapstructure:"port" yaml:"port"`
	TLS          string `mapstructure:"tls" yaml:"tls"`                     // starttls, implicit, none.
	CAFile       string `mapstructure:"ca_file" yaml:"ca_file"`             // PEM; who may have signed the server's certificate. Empty: whom the system trusts.
	User         string `mapstructure:"user" yaml:"user"`                   // For AUTH; empty: none.
	PasswordFile string `mapstructure:"password_file" yaml:"password_file"` // Its first line is the password.
	PasswordEnv  string `mapstructure:"password_env" yaml:"password_env"`   // Name of the environment variable that is the password.
}

// configDefaults are the values of keys that neither file nor environment sets.
// Every key has one, or viper would not look for it in the environment.
var configDefaults = map[string]any{
	"store.path":         "relaywatch.db",
	"store.keep":         "0",
	"privacy.recipients": "full",

	"privacy.keep.recipients":   "",
	"privacy.keep.transactions": "",
	"privacy.keep.logins":       "",
	"privacy.keep.deliveries":   "",
	"privacy.keep.quarantine":   "",
	"privacy.keep.findings":     "",

	"network.internal":       []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"},
	"network.own_domains":    []string{},
	"network.gateways":       []string{},
	"hours.time_zone":        "UTC",
	"hours.business":         "mon-fri 07:00-19:00",
	"hours.holidays":         []string{},
	"rules.path":             "",
	"detect.alarms_per_week": 0,
	"agent.poll":             "auto",
	"agent.interval":         "250ms",
	"agent.listen":           "",
	"agent.log":              "",
	"agent.max_cpu":          0.0,
	"digest.at":              "07:30",
	"digest.from":            "",
	"digest.to":              []string{},
	"digest.smtp.host":       "localhost",
	"digest.smtp.port":       25,
	"digest.smtp.tls":        "starttls",
	"digest.weekly":          "",
	"digest.urgent":          "",
	"digest.attach_json":     false,

	"digest.smtp.ca_file":       "",
	"digest.smtp.user":          "",
	"digest.smtp.password_file": "",
	"digest.smtp.password_env":  "",

	"alerts.min_severity":               "medium",
	"alerts.webhook.url":                "",
	"alerts.webhook.secret_file":        "",
	"alerts.webhook.secret_env":         "",
	"alerts.webhook.authorization_file": "",
	"alerts.webhook.authorization_env":  "",
	"alerts.webhook.ca_file":            "",
	"alerts.syslog.address":             "",
	"alerts.syslog.facility":            "local0",
	"alerts.syslog.format":              "cef",
	"alerts.syslog.ca_file":             "",
	"alerts.syslog.cert_file":           "",
	"alerts.syslog.key_file":            "",
}

// loadConfig reads the configuration: defaults, then the file, then the
// environment (RELAYWATCH_STORE_PATH for store.path). Its error names every
// mistake with file and line.
func loadConfig(path string, getenv func(string) string) (*Config, error) {
	v := viper.New()
	for key, value := range configDefaults {
		v.SetDefault(key, value)
	}
	v.SetEnvPrefix("RELAYWATCH")
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_"))
	v.AutomaticEnv()
	path, data, err := readConfig(path, getenv)
	if err != nil {
		return nil, err
	}
	places, err := parseYAML(path, data)
	if err != nil {
		return nil, err
	}
	errs, shapes := places.keys()
	if !shapes {
		return nil, mistakes(errs)
	}
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &Config{file: path}
	hook := mapstructure.ComposeDecodeHookFunc(dateToText, mapstructure.StringToSliceHookFunc(","))
	if err := v.Unmarshal(c, viper.DecodeHook(hook)); err != nil {
		var value *mapstructure.DecodeError // The file has the right shapes: it must be the environment.
		if errors.As(err, &value) {
			return nil, fmt.Errorf("%s has not the kind of value that %s wants", environmentName(value.Name()), value.Name())
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, mistakes(append(errs, c.check(places)...))
}

// readConfig returns the file's name and content; both are empty if there is none
// and none was asked for.
func readConfig(path string, getenv func(string) string) (string, []byte, error) {
	asked := path
	if asked == "" {
		asked = getenv("RELAYWATCH_CONFIG")
	}
	if asked != "" {
		data, err := os.ReadFile(asked)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil, fmt.Errorf("there is no configuration at %s: check --config and RELAYWATCH_CONFIG, or copy samples/relaywatch.yaml there", asked)
		case err != nil:
			return "", nil, fmt.Errorf("read the configuration: %w", err)
		}
		return asked, data, nil
	}
	for _, path := range configPlaces(getenv) {
		data, err := os.ReadFile(path)
		switch {
		case err == nil:
			return path, data, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", nil, fmt.Errorf("read the configuration: %w", err)
		}
	}
	return "", nil, nil
}

// configPlaces is where a configuration lies that nobody named.
func configPlaces(getenv func(string) string) []string {
	if runtime.GOOS == "windows" {
		return []string{"relaywatch.yaml", filepath.Join(getenv("ProgramData"), "relaywatch", "relaywatch.yaml")}
	}
	return []string{"relaywatch.yaml", "/etc/relaywatch/relaywatch.yaml"}
}

// dateToText keeps a date as it is written: YAML reads 2026-12-25 as a time.
func dateToText(from, to reflect.Type, data any) (any, error) {
	if t, ok := data.(time.Time); ok && to.Kind() == reflect.String {
		return t.Format(time.DateOnly), nil
	}
	return data, nil
}
