package relaycheck

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"relaywatch/mail"
)

const noon = mail.Time(1793620800) // 2026-11-02T12:00:00Z

// closed is a relay with nothing to find: a gateway, an account, a device that mails
// colleagues, and all logs there are.
func closed() *Facts {
	return &Facts{
		Since: noon - 86400, Until: noon + 86400, Logs: 3, Rows: 90_000, Transactions: 12_000, OwnDomains: []string{"corp.example"}, Gateways: []string{"10.0.0.25"},
		Servers: []Server{
			{Name: "EX01", Exchange: true, Connectors: []string{"Client Frontend EX01", "Default Frontend EX01"}, Sends: true},
			{Name: "MAIL01"},
		},
		Sources: []Source{
			source("10.0.0.25", Gateway, func(s *Source) { s.Own, s.Unknown = 9000, 40 }),
			source("10.1.4.7", Inside, func(s *Source) { s.User, s.Authenticated, s.TLS, s.External = `corp\ann`, true, mail.Encrypted, 0 }),
			source("10.1.0.90", Inside, func(s *Source) { s.Own = 30 }),
		},
		Logins: []Logins{{Server: "EX01", ClientIP: "10.1.4.7", Place: Inside, User: `corp\ann`, TLS: mail.Encrypted, OK: true, Count: 40, Last: noon}},
	}
}

func source(client string, place Place, edit func(*Source)) Source {
	s := Source{Server: "EX01", Connector: "Default Frontend EX01", ClientIP: client, Place: place, TLS: mail.Plain, Transactions: 10, Recipients: 10, First: noon, Last: noon + 60}
	edit(&s)
	return s
}

func add(f *Facts, client string, place Place, edit func(*Source)) {
	f.Sources = append(f.Sources, source(client, place, edit))
}

func login(f *Facts, client string, place Place, user string, ok bool, count int) {
	f.Logins = append(f.Logins, Logins{Server: "EX01", ClientIP: client, Place: place, User: user, TLS: mail.Encrypted, OK: ok, Count: count, Last: noon})
}

func TestNothingFound(t *testing.T) {
	for _, r := range Run(closed()).Results {
		if r.Severity != Passed {
			t.Errorf("%s: got %s: %s %q; want that nothing is found", r.Check, r.Severity, r.Found, r.Details)
		}
		if r.Read == "" || r.Found == "" || r.Title == "" || r.Details == nil || r.Fix == nil || r.Links == nil {
			t.Errorf("%s: got %+v; want it to say what was read", r.Check, r)
		}
	}
}

// Each check, just where it finds and just where it does not.
func TestChecks(t *testing.T) {
	for _, tc := range []struct {
		check, name string
		edit        func(*Facts)
		severity    Severity
		found       string // Part of it.
		detail      string // Part of one; "" is none.
	}{
		{
			"open-relay", "a client outside", func(f *Facts) {
				add(f, "203.0.113.66", Outside, func(s *Source) { s.Server, s.Connector, s.External = "MAIL01", "", 3 })
				f.Relayed = []Domain{{"campus.example", 3}}
			},
			Error, "1 client outside had mail for 3 recipients outside accepted", "203.0.113.66: 3 recipients through MAIL01, 2026-11-02 12:00",
		},
		{"open-relay", "after a login", func(f *Facts) {
			add(f, "203.0.113.66", Outside, func(s *Source) { s.Authenticated, s.External = true, 3 })
		}, Passed, "", ""},
		{"open-relay", "from inside", func(f *Facts) { add(f, "10.1.4.8", Inside, func(s *Source) { s.External = 3 }) }, Passed, "", ""},
		{"open-relay", "nothing accepted", func(f *Facts) { add(f, "203.0.113.66", Outside, func(*Source) {}) }, Passed, "", ""},
		{"open-relay", "own domains not known", func(f *Facts) { f.OwnDomains = nil }, NotJudged, "own_domains is not set", ""},

		{"relay-connectors", "inside", func(f *Facts) {
			add(f, "10.2.0.11", Inside, func(s *Source) { s.Connector, s.RelayRight = "Anonymous Relay", true })
		}, Information, "1 connector gives sessions", `EX01\Anonymous Relay: used by 1 client: 10.2.0.11`},
		{"relay-connectors", "outside, though nothing was relayed", func(f *Facts) {
			add(f, "203.0.113.66", Outside, func(s *Source) { s.Connector, s.RelayRight = "Anonymous Relay", true })
		}, Error, `EX01\Anonymous Relay to clients outside`, "also from outside"},
		{"relay-connectors", "after a login everybody may", func(f *Facts) {
			add(f, "10.2.0.11", Inside, func(s *Source) { s.RelayRight, s.Authenticated = true, true })
		}, Passed, "", ""},
		{"relay-connectors", "IIS does not tell", func(f *Facts) { f.Servers = f.Servers[1:] }, NotJudged, "only logs of Exchange", ""},

		{"anonymous-relay", "a device", func(f *Facts) { add(f, "10.2.0.11", Inside, func(s *Source) { s.External = 9 }) }, Information, "1 host inside sent to 9 recipients outside", "10.2.0.11: 9"},
		{"anonymous-relay", "a network", func(f *Facts) {
			for i := range manyRelay + 1 {
				add(f, fmt.Sprintf("10.2.0.%d", i), Inside, func(s *Source) { s.External = 1 })
			}
		}, Warning, "21 hosts inside sent", "and 11 more"},
		{"anonymous-relay", "own domains not known", func(f *Facts) { f.OwnDomains = nil }, NotJudged, "", ""},

		{"plain-login", "inside", func(f *Facts) {
			login(f, "10.1.4.9", Inside, `corp\bob`, true, 2)
			f.Logins[1].TLS = mail.Plain
		}, Warning, "2 logins of 1 account from 1 client were not encrypted", `corp\bob: 2 logins`},
		{"plain-login", "outside", func(f *Facts) {
			login(f, "203.0.113.25", Outside, `corp\bob`, true, 2)
			f.Logins[1].TLS = mail.Plain
		}, Error, "some came from outside", ""},
		{"plain-login", "the log does not tell", func(f *Facts) { f.Logins[0].TLS = mail.TLSNotTold }, NotJudged, "no STARTTLS row", ""},
		{"plain-login", "nobody", func(f *Facts) { f.Logins = nil }, Passed, "nobody logged in", ""},

		{"password-guessing", "one client, many accounts", func(f *Facts) {
			for _, user := range []string{"ann", "bob", "carl"} {
				login(f, "203.0.113.9", Outside, user, false, 7)
			}
		}, Warning, "1 client failed 21 times", "203.0.113.9 (outside): 21 failures for 3 accounts"},
		{"password-guessing", "an old password in a phone", func(f *Facts) { login(f, "10.1.4.9", Inside, "bob", false, 49) }, Passed, "", ""},
		{"password-guessing", "one account, again and again", func(f *Facts) { login(f, "10.1.4.9", Inside, "bob", false, 50) }, Warning, "1 account failed to log in", "account bob: 50 failures"},
		{"password-guessing", "accounts that are not named", func(f *Facts) { login(f, "203.0.113.9", Outside, "", false, 20) }, Warning, "1 client failed 20 times", "accounts that the log does not name"},
		{"password-guessing", "a password was found", func(f *Facts) {
			f.Guessed = []Told{{"ann logged in after 40 failed logins.", noon}}
		}, Error, "1 login succeeded after many had failed", "2026-11-02 12:00 UTC ann logged in"},

		{"risky-accounts", "guest", func(f *Facts) {
			add(f, "10.1.1.1", Inside, func(s *Source) { s.User, s.Authenticated = `COMPANY\guest`, true })
		}, Error, "1 account", `COMPANY\guest: 10 recipients`},
		{"risky-accounts", "administrator", func(f *Facts) {
			add(f, "10.1.1.1", Inside, func(s *Source) { s.User, s.Authenticated = "administrator@corp.example", true })
		}, Warning, "", "administrator@corp.example"},
		{"risky-accounts", "service", func(f *Facts) { add(f, "10.1.1.1", Inside, func(s *Source) { s.User = `corp\svc-crm` }) }, Information, "", "svc-crm"},
		{"risky-accounts", "names that only begin so", func(f *Facts) {
			for _, user := range []string{"testa", "userowski", "scanlon", "guestrin", "adminton", "faxon"} {
				add(f, "10.1.1.1", Inside, func(s *Source) { s.User = user })
			}
		}, Passed, "", ""},

		{"around-gateways", "one client", func(f *Facts) { add(f, "198.51.100.27", Outside, func(s *Source) { s.Own = 4 }) }, Warning, "1 client outside delivered to 4 recipients of own domains around the gateways (10.0.0.25)", "198.51.100.27: 4"},
		{"around-gateways", "no gateway", func(f *Facts) {
			f.Gateways = nil
			add(f, "198.51.100.27", Outside, func(s *Source) { s.Own = 4 })
		}, Information, "no gateway is configured", "198.51.100.27"},
		{"around-gateways", "an account on the road", func(f *Facts) {
			add(f, "198.51.100.27", Outside, func(s *Source) { s.Own, s.Authenticated = 4, true })
		}, Passed, "the gateways brought 10 recipients", ""},

		{"unknown-recipients", "none is ever refused", func(f *Facts) { f.Sources[0].Unknown = 0 }, Information, "not one recipient was refused", ""},
		{"unknown-recipients", "and they are bounced", func(f *Facts) { f.Sources[0].Unknown, f.Bounces.Sent = 0, manyBounces }, Warning, "and bounces it", ""},
		{"unknown-recipients", "the next server refuses", func(f *Facts) { f.Bounces.Inside = 3 }, Warning, "3 recipients of own domains were accepted, and refused for good", ""},
		{"unknown-recipients", "too few", func(f *Facts) { f.Sources[0].Own, f.Sources[0].Unknown = enoughRecipients-1, 0 }, NotJudged, "too few to tell", ""},

		{"null-sender-storm", "a host", func(f *Facts) { f.Storms = []Told{{"10.1.4.9 sent mail that cannot bounce.", noon}} }, Warning, "1 time a client sent", "10.1.4.9"},
		{"null-sender-storm", "to forged senders", func(f *Facts) { f.Bounces = Bounces{Sent: manyBounces, Refused: manyBounces/2 + 1} }, Warning, "senders that were forged", ""},
		{"null-sender-storm", "to real ones", func(f *Facts) { f.Bounces = Bounces{Sent: manyBounces, Refused: manyBounces / 2} }, Passed, "", ""},

		{"thin-logging", "a column", func(f *Facts) { f.Blind = []Blind{{Detection: "the size", Reason: "no cs-bytes", Remedy: "tick it"}} }, Warning, "1 thing", "blind: the size (no cs-bytes)"},
		{"thin-logging", "all is blind", func(f *Facts) { f.Blind = []Blind{{Detection: "every rule", All: true}, {Detection: "the size"}} }, Error, "2 things", "blind: every rule"},
		{"thin-logging", "one connector", func(f *Facts) { f.Servers[0].Connectors = f.Servers[0].Connectors[1:] }, Information, "", "EX01: only Default Frontend EX01 writes a log"},
		{"thin-logging", "no deliveries", func(f *Facts) { f.Servers[0].Sends = false }, Information, "", "SmtpSend"},
		{"thin-logging", "many rows not understood", func(f *Facts) { f.Quarantined = 901 }, Warning, "", "901 of 90,000 rows"},
		{"thin-logging", "a few", func(f *Facts) { f.Quarantined = 900 }, Passed, "", ""},
		{"thin-logging", "no log", func(f *Facts) { f.Logs = 0 }, NotJudged, "", ""},
	} {
		t.Run(tc.check+"/"+tc.name, func(t *testing.T) {
			f := closed()
			tc.edit(f)
			results := Run(f).Results
			r := results[slices.IndexFunc(results, func(r Result) bool { return r.Check == tc.check })]
			if r.Severity != tc.severity || !strings.Contains(r.Found, tc.found) {
				t.Errorf("got %s: %s %q; want %s with %q", r.Severity, r.Found, r.Details, tc.severity, tc.found)
			}
			if !slices.ContainsFunc(r.Details, func(d string) bool { return strings.Contains(d, tc.detail) }) && tc.detail != "" {
				t.Errorf("got details %q; want one with %q", r.Details, tc.detail)
			}
			if bad := r.Severity == Error || r.Severity == Warning; bad && (len(r.Fix) == 0 || len(r.Links) == 0) && r.Check != "thin-logging" {
				t.Errorf("got %+v; want it to say how to mend it, and where to read", r)
			}
		})
	}
}

// The worst is told first.
func TestReportOrder(t *testing.T) {
	f := closed()
	add(f, "10.2.0.11", Inside, func(s *Source) { s.External = 9 })
	add(f, "203.0.113.66", Outside, func(s *Source) { s.External = 3 })
	f.Servers[0].Sends = false
	r := Run(f)
	r.Add(Result{Check: "probe", Severity: Error})
	var got []string
	for _, result := range r.Results[:4] {
		got = append(got, result.Check)
	}
	if want := "open-relay probe anonymous-relay thin-logging"; strings.Join(got, " ") != want {
		t.Errorf("got %s first; want %s", got, want)
	}
	if r.Count(Error) != 2 || r.Count(Information) != 2 {
		t.Errorf("got %d errors and %d informations; want 2 and 2", r.Count(Error), r.Count(Information))
	}
}

// The steps are those of the servers that are concerned.
func TestFixNamesTheProduct(t *testing.T) {
	for _, tc := range []struct{ server, with, without string }{
		{"EX01", "Set-ReceiveConnector", "IIS (6.0) Manager"},
		{"MAIL01", "IIS (6.0) Manager", "Set-ReceiveConnector"},
	} {
		f := closed()
		add(f, "203.0.113.66", Outside, func(s *Source) { s.Server, s.External = tc.server, 3 })
		fix := strings.Join(openRelay(f).Fix, "\n")
		if !strings.Contains(fix, tc.with) || strings.Contains(fix, tc.without) {
			t.Errorf("%s: got %s; want %s and not %s", tc.server, fix, tc.with, tc.without)
		}
	}
}
