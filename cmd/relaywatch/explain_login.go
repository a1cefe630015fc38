package main

import (
	"slices"
	"strings"

	"relaywatch/mail"
)

// owner is the account that failed logins with a bare name count for: the first that
// logged in or sent. Before that they count for the bare name itself.
type owner struct {
	place
	account string
}

// hearAccount notes that an account logged in or sent.
func (w *witness) hearAccount(user string, at place) {
	bare := bareName(user)
	if len(w.accounts[bare]) == 0 || at.at == 0 {
		return
	}
	if first, ok := w.owners[bare]; !ok || at.before(first.place) {
		w.owners[bare] = owner{at, user}
	}
}

// hearLogin keeps a login beside the client, and beside all accounts that its name may
// mean: it is a moment at which rules are asked.
func (w *witness) hearLogin(l mail.Login) {
	row := rowFact{place: place{l.At, l.Pos}, kind: rowLogin, who: mail.Submitter{Kind: mail.KindIP, Value: l.ClientIP}, login: &l}
	if l.OK && l.User != "" {
		w.hearAccount(l.User, row.place)
	}
	if _, ok := w.wanted[l.Pos]; ok {
		copied := row
		w.wanted[l.Pos] = &copied
	}
	if w.within(row.who, row.at) {
		w.rows[row.who] = append(w.rows[row.who], row)
	}
	for _, row.who = range w.accounts[bareName(l.User)] {
		if w.within(row.who, row.at) {
			w.rows[row.who] = append(w.rows[row.who], row)
		}
	}
}

// means tells whether a login counts for its submitter: a client counts all, an account
// those that proved it, and the owner of a bare name those that failed with it.
func (w *witness) means(r *rowFact) bool {
	switch {
	case r.who.Kind != mail.KindUser:
		return true
	case r.login.OK:
		return r.login.User == r.who.Value
	}
	bare := bareName(r.who.Value)
	first, known := w.owners[bare]
	return known && first.account == r.who.Value || r.who.Value == bare && (!known || r.before(first.place))
}

// bareName is an account without its domain: ann of corp\ann and of ann@corp.example. A
// name that would be empty so stays whole.
func bareName(user string) string {
	bare := user[strings.LastIndexByte(user, '\\')+1:]
	if name, _, _ := strings.Cut(bare, "@"); name != "" {
		bare = name
	}
	if bare == "" {
		return user
	}
	return strings.ToLower(bare)
}

// failuresBefore is how many failed logins make a successful one suspect.
const failuresBefore = 8

func (c *recount) countLogin(r *rowFact, by int) {
	l := r.login
	switch {
	case !c.w.means(r):
	case !l.OK:
		c.failed += by
		if l.User != "" {
			differ(c.loginNames, bareName(l.User), by)
		}
		differ(c.failingHosts, l.ClientIP, by)
	default:
		differ(c.hosts, l.ClientIP, by)
		if by > 0 && c.failed >= failuresBefore {
			c.guessed[r.pos] = true
		}
		if c.guessed[r.pos] {
			c.afterFailures += by
		}
	}
}

// ofLogins are the signals that logins under any form of an account's name count for.
var ofLogins = []string{"failed_logins", "distinct_login_names", "failed_login_hosts", "logins_after_failures"}

// knowsOwner tells whether the stored rows tell for whom failed logins counted.
func (w *witness) knowsOwner(signal string, who mail.Submitter) bool {
	return who.Kind != mail.KindUser || w.pruned == 0 || !slices.Contains(ofLogins, signal)
}
