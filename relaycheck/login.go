package relaycheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"relaywatch/mail"
	"relaywatch/words"
)

const (
	linkAuth     = "Microsoft Learn: Set-ReceiveConnector, parameter AuthMechanism"
	linkLockout  = "Microsoft Learn: Account lockout threshold"
	linkGuest    = "Microsoft Learn: Accounts: Guest account status"
	linkIISLogin = "Microsoft Support: article 324285, SMTP security options in Windows Server 2003"
)

// readLogins says how many logins were looked at.
func (f *Facts) readLogins() string {
	ok, failed := 0, 0
	for i := range f.Logins {
		if f.Logins[i].OK {
			ok += f.Logins[i].Count
		} else {
			failed += f.Logins[i].Count
		}
	}
	return fmt.Sprintf("%s that succeeded and %s that failed", words.Plural(ok, "login"), words.Thousands(failed))
}

// asSources lets logins be summed up.
func asSources(logins []Logins, chosen func(*Logins) bool) []Source {
	var sources []Source
	for i := range logins {
		if l := &logins[i]; chosen(l) {
			sources = append(sources, Source{Server: l.Server, ClientIP: l.ClientIP, Place: l.Place, User: l.User, Transactions: l.Count, First: l.Last, Last: l.Last})
		}
	}
	return sources
}

func transactions(s *Source) int { return s.Transactions }

func user(s *Source) string { return cmp.Or(s.User, "(account not named) from "+s.ClientIP) }

// plainLogin: whose password could be read on the way.
func plainLogin(f *Facts) Result {
	r := Result{Severity: Passed, Read: f.readLogins(), Found: "every login was encrypted"}
	told := slices.ContainsFunc(f.Logins, func(l Logins) bool { return l.TLS != mail.TLSNotTold })
	plainOnes := asSources(f.Logins, func(l *Logins) bool { return l.TLS == mail.Plain })
	switch {
	case len(f.Logins) == 0:
		r.Found = "nobody logged in"
		return r
	case !told:
		r.Severity, r.Found = NotJudged, "the logs do not tell whether sessions are encrypted: they have no STARTTLS row"
		return r
	case len(plainOnes) == 0:
		return r
	}
	accounts := tallies(plainOnes, user, transactions)
	clients := tallies(plainOnes, client, transactions)
	r.Severity = Warning
	r.Found = fmt.Sprintf("%s of %s from %s were not encrypted: who listens has the passwords", words.Plural(sum(accounts), "login"), words.Plural(len(accounts), "account"), words.Plural(len(clients), "client"))
	for _, a := range accounts {
		r.Details = append(r.Details, fmt.Sprintf("%s: %s, last %s UTC, through %s", a.name, words.Plural(a.count, "login"), short(a.last), list(a.servers, 3)))
	}
	r.Details = details(r.Details)
	if slices.ContainsFunc(clients, func(t tally) bool { return t.places[Outside] }) {
		r.Severity = Error
		r.Found += ", and some came from outside"
	}
	r.Fix = f.fix(plainOnes, func(*Source) bool { return true },
		[]string{"Offer basic authentication after TLS only, and let the programs that fail then use STARTTLS:", "  Set-ReceiveConnector CONNECTOR -AuthMechanism Tls,Integrated,BasicAuth,BasicAuthRequireTLS"},
		[]string{"IIS (6.0) Manager, properties of the SMTP virtual server, Access, Authentication, Basic authentication: tick Requires TLS encryption."})
	r.Links = []string{linkAuth, linkIISLogin}
	return r
}

// guesses is how many failures of a client are guessing: people and programs with an
// old password fail again and again, too, but with one account.
const (
	guesses        = 20
	guessedBy      = 3   // Accounts.
	stubborn       = 200 // With fewer accounts.
	guessedAccount = 50  // Failures of one account, from wherever.
)

// passwordGuessing: who tries passwords, and whether one was found.
func passwordGuessing(f *Facts) Result {
	failed := asSources(f.Logins, func(l *Logins) bool { return !l.OK })
	r := Result{Severity: Passed, Read: f.readLogins(), Found: "nobody guessed passwords"}
	tried := map[string]map[string]bool{} // Accounts by client.
	for i := range failed {
		s := &failed[i]
		if tried[s.ClientIP] == nil {
			tried[s.ClientIP] = map[string]bool{}
		}
		tried[s.ClientIP][s.User] = true
	}
	var lines []string
	n := 0
	for _, c := range tallies(failed, client, transactions) {
		if c.count >= guesses && (len(tried[c.name]) >= guessedBy || c.count >= stubborn || tried[c.name][""]) {
			n += c.count
			accounts := words.Plural(len(tried[c.name]), "account")
			if tried[c.name][""] {
				accounts = "accounts that the log does not name"
			}
			lines = append(lines, fmt.Sprintf("%s%s: %s for %s, last %s UTC", c.name, outsideMark(c), words.Plural(c.count, "failure"), accounts, short(c.last)))
		}
	}
	guessed := len(lines)
	for _, a := range tallies(failed, func(s *Source) string { return s.User }, transactions) {
		if a.name != "" && a.count >= guessedAccount {
			lines = append(lines, fmt.Sprintf("account %s: %s", a.name, words.Plural(a.count, "failure")))
		}
	}
	if len(lines)+len(f.Guessed) == 0 {
		return r
	}
	r.Severity, r.Details = Warning, append(told(f.Guessed), details(lines)...)
	var found []string
	if guessed > 0 {
		found = append(found, fmt.Sprintf("%s failed %s", words.Plural(guessed, "client"), words.Plural(n, "time")))
	}
	if len(lines) > guessed {
		found = append(found, words.Plural(len(lines)-guessed, "account")+" failed to log in again and again")
	}
	if len(f.Guessed) > 0 {
		r.Severity = Error
		found = append(found, words.Plural(len(f.Guessed), "login")+" succeeded after many had failed")
	}
	r.Found = strings.Join(found, "; ")
	r.Fix = []string{
		"Give accounts that were guessed another password, and block the clients that guess.",
		"Lock accounts for a while after some failures, and do not offer a login on port 25 to the internet.",
	}
	r.Links = []string{linkLockout}
	return r
}

func outsideMark(t tally) string {
	if t.places[Outside] {
		return " (outside)"
	}
	return ""
}

func told(all []Told) []string {
	var lines []string
	for _, t := range all {
		lines = append(lines, fmt.Sprintf("%s UTC %s", short(t.At), t.Sentence))
	}
	return details(lines)
}

// A risk is a kind of account that should not send mail.
type risk struct {
	why      string
	severity Severity
	is       func(name string) bool // Of the bare name, lower case.
}

var risks = []risk{
	{"the guest account is for nobody", Error, func(name string) bool {
		return name == "guest" || name == "gast" || name == "invité" || name == "invitado"
	}},
	{"an administrator's password is worth more than mail", Warning, func(name string) bool {
		return name == "administrator" || name == "admin" || name == "root" || strings.HasSuffix(name, "-adm") || strings.HasPrefix(name, "adm-")
	}},
	{"accounts for tests are forgotten, and have simple passwords", Warning, func(name string) bool {
		return begins(name, "test", "temp", "demo", "user", "training")
	}},
	{"devices and services share passwords that nobody changes", Information, func(name string) bool {
		return begins(name, "svc", "service", "srv", "sql", "backup", "scan", "scanner", "printer", "copier", "fax", "monitor", "alert", "noreply", "no-reply", "sharepoint", "ldap")
	}},
}

// begins is true for a word, and for one with digits, a hyphen, a dot or an underscore
// behind: svc-crm, test1, but not testa.
func begins(name string, words ...string) bool {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(name, w); ok && (rest == "" || strings.ContainsRune("0123456789-._$", rune(rest[0]))) {
			return true
		}
	}
	return false
}

// bareName is an account without its domain.
func bareName(user string) string {
	user = user[strings.LastIndexByte(user, '\\')+1:]
	name, _, _ := strings.Cut(user, "@")
	return name
}

// riskyAccounts: guests, administrators, tests and services that sent mail.
func riskyAccounts(f *Facts) Result {
	accounts := tallies(f.Sources, func(s *Source) string { return s.User }, func(s *Source) int {
		if s.User == "" {
			return 0
		}
		return s.Recipients
	})
	r := Result{Severity: Passed, Read: words.Plural(len(accounts), "account") + " that sent mail", Found: "none of them is a guest, an administrator, a test or a service by its name"}
	if len(accounts) == 0 {
		r.Found = "no account sent mail, or the logs name none"
		return r
	}
	n := 0
	for _, k := range risks {
		for _, a := range accounts {
			if !k.is(bareName(a.name)) {
				continue
			}
			if slices.Index(severities, k.severity) < slices.Index(severities, r.Severity) {
				r.Severity = k.severity
			}
			n++
			r.Details = append(r.Details, fmt.Sprintf("%s: %s through %s, last %s UTC; %s", a.name, words.Plural(a.count, "recipient"), list(a.servers, 2), short(a.last), k.why))
		}
	}
	if n == 0 {
		return r
	}
	r.Found = words.Plural(n, "account") + " sent mail that by its name should not, or wants a look"
	r.Details = details(r.Details)
	r.Fix = []string{
		"Disable guests, and take the mailbox from administrators; they have another account for mail.",
		"Let devices and services send by a connector for their address only, or give each an account of its own with a long password.",
	}
	r.Links = []string{linkGuest}
	return r
}
