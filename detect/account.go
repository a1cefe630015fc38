package detect

import (
	"strings"

	"relaywatch/mail"
)

// owner is the account that failed logins with a bare name count for: the first
// that was seen, of corp\ann and ann@corp.example and ann. Another account with the
// same name in another domain gets none of them: a guesser who types the name alone
// means either, and nobody is accused twice for one guess.
type owner struct {
	account   string
	contested bool // Another account has the bare name too.
}

// bareName is an account without its domain: ann of corp\ann, ann@corp.example and
// CORP\ann@corp.example. Guessers and mail programs type all of these.
func bareName(user string) string {
	bare := user[strings.LastIndexByte(user, '\\')+1:]
	if at := strings.IndexByte(bare, '@'); at > 0 {
		bare = bare[:at]
	}
	if bare == "" {
		return user
	}
	return strings.ToLower(bare)
}

func (j *judge) owner(bare string) (owner, bool) {
	o, known := j.owners[bare]
	if !known && j.base != nil {
		o, known = j.base.owners[bare]
	}
	return o, known
}

// account is the subject of an account that exists: it logged in, or sent.
func (j *judge) account(user string) *subject {
	s := j.subject(mail.Submitter{Kind: mail.KindUser, Value: user}, account)
	if !s.claimed {
		j.claim(s)
	}
	return s
}

// guessed is the subject that a failed login counts for: the account with that bare
// name or, until one is seen, the bare name itself.
func (j *judge) guessed(user string) *subject {
	bare := bareName(user)
	if o, known := j.owner(bare); known {
		bare = o.account
	}
	return j.subject(mail.Submitter{Kind: mail.KindUser, Value: bare}, account)
}

// claim makes an account the owner of its bare name, if it is the first. What
// failed under the bare name before is then the account's.
func (j *judge) claim(s *subject) {
	s.claimed = true
	user := s.who.Value
	bare := bareName(user)
	o, known := j.owner(bare)
	if known {
		if o.account != user && !o.contested {
			o.contested = true
			j.owners[bare] = o
		}
		return
	}
	j.owners[bare] = owner{account: user}
	nameless := mail.Submitter{Kind: mail.KindUser, Value: bare}
	if bare == user || !j.has(nameless) {
		return
	}
	before := j.subject(nameless, account)
	s.rows, before.rows = before.rows, s.rows
}

// has tells whether anything is kept of a submitter.
func (j *judge) has(who mail.Submitter) bool {
	return j.subjects[who] != nil || j.base != nil && j.base.subjects[who] != nil
}

// implied is true for an owner that the stored memory tells: it mailed somebody,
// and no other account has its bare name.
func (j *judge) implied(o owner) bool {
	s := j.subjects[mail.Submitter{Kind: mail.KindUser, Value: o.account}]
	if o.contested || s == nil || !s.stored {
		return false
	}
	s.memory.turnTo(j.turns.number())
	return s.profile != nil || !s.memory.empty()
}
