package main

import (
	"regexp"
	"runtime"
	"slices"
	"strings"

	"relaywatch/words"
)

const environmentPrefix = "RELAYWATCH_"

// environmentName is the variable that overrides a key.
func environmentName(key string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Variables that Kubernetes and Docker set where a service or a container has the name of
// relaywatch. The value of a port by itself is an address there.
var (
	ofService = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$`)
	ofPort    = regexp.MustCompile(`_PORT=\w+://`)
)

// checkEnvironment names every variable that looks like that of a key, and is of none. An
// empty one is the same as none; one that is near no key may be anybody's, as a secret of
// a script. A program that runs can't lose one: so it is asked at the start only.
// environment is as os.Environ's.
func (c *Config) checkEnvironment(environment []string) (errs []error) {
	known := []string{"config"}
	for key := range configDefaults {
		known = append(known, strings.ReplaceAll(key, ".", "_"))
	}
	slices.Sort(known) // So that of two that are as near, the same is named each time.
	named := []string{c.Digest.SMTP.PasswordEnv, c.Alerts.Webhook.SecretEnv, c.Alerts.Webhook.AuthorizationEnv}
	for _, variable := range slices.Sorted(slices.Values(environment)) {
		name, value, _ := strings.Cut(variable, "=")
		if runtime.GOOS == "windows" { // There they are the same in any case of letters.
			name = strings.ToUpper(name)
		}
		key, ours := strings.CutPrefix(name, environmentPrefix)
		key = strings.ToLower(key)
		isNamed := func(n string) bool { return strings.EqualFold(n, name) }
		switch {
		case !ours, value == "", slices.Contains(known, key), slices.ContainsFunc(named, isNamed):
		case ofService.MatchString(name), ofPort.MatchString(variable):
		case key == "logs", key == "allow":
			errs = append(errs, &mistake{text: name + " sets nothing: " + key + " is a list that only the file has"})
		default:
			if near := words.Nearest(key, known); near != "" {
				errs = append(errs, &mistake{text: name + " sets no key of the configuration (did you mean " + environmentName(near) + "?)"})
			}
		}
	}
	return errs
}
