package detect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// typed is a login, or a mail if it is no login.
type typed struct {
	user   string
	at     mail.Time
	times  int
	failed bool
	mailed bool
}

func (a typed) feed(e *detect.Engine, log mail.LogID) {
	for n := range max(1, a.times) {
		if a.mailed {
			sending{from: "user:" + a.user, at: a.at, times: 1, to: "u@example.net"}.feed(e, log)
			continue
		}
		e.Login(mail.Login{
			Pos: mail.LogPos{Log: log, Offset: int64(n)}, At: a.at + mail.Time(n),
			ClientIP: "198.51.100.7", User: a.user, OK: !a.failed,
		})
	}
}

const guessing = "submitters: [ip, user]\nwindow: 20h\nwhen: logins_after_failures >= 1\nweight: 40\nlevel: alert\nsays: logged in"

func TestGuessesCountForTheAccountThatWasMeant(t *testing.T) {
	rules := loadText(t, map[string]string{"logins": guessing})
	guessed := func(user string) typed { return typed{user: user, at: noon, times: 8, failed: true} }
	login := func(user string, at mail.Time) typed { return typed{user: user, at: at} }
	for _, c := range []struct {
		name string
		rows []typed
		want []string
	}{
		{"typed as it logs in", []typed{guessed("ann"), login("ann", noon+60)}, []string{"user:ann"}},
		{"without its domain", []typed{guessed("ann"), login(`corp\ann`, noon+60)}, []string{`user:corp\ann`}},
		{"as a mailbox", []typed{guessed("ann@corp.example"), login(`corp\ann`, noon+60)}, []string{`user:corp\ann`}},
		{"in capitals", []typed{guessed("ANN"), login(`corp\ann`, noon+60)}, []string{`user:corp\ann`}},
		{"in all forms", []typed{{user: "ann", at: noon, times: 4, failed: true}, {user: `corp\ann`, at: noon + 9, times: 4, failed: true}, login("ann@corp.example", noon+60)}, []string{"user:ann@corp.example"}},
		{"of another", []typed{guessed("bob"), login("ann", noon+60)}, []string{}},
		{"of an account seen before", []typed{login(`corp\ann`, noon-90000), guessed("ann"), login(`corp\ann`, noon+60)}, []string{`user:corp\ann`}},
		{"of an account that mailed before", []typed{{user: `corp\ann`, at: noon - 90000, mailed: true}, guessed("ann"), login(`corp\ann`, noon+60)}, []string{`user:corp\ann`}},
		{"two accounts of the name: the first seen", []typed{login(`corp\ann`, noon-60), login(`dev\ann`, noon-30), guessed("ann"), login(`dev\ann`, noon+60), login(`corp\ann`, noon+90)}, []string{`user:corp\ann`}},
		{"two accounts of the name: not the other", []typed{login(`corp\ann`, noon-60), guessed(`dev\ann`), login(`dev\ann`, noon+60)}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, rules, corp())
			for i, row := range c.rows {
				row.feed(e, mail.LogID(i+1))
			}
			e.Advance(endOfTime)
			if diff := cmp.Diff(c.want, accused(e.Take())); diff != "" {
				t.Errorf("accused (-want +got):\n%s", diff)
			}
		})
	}
}

// Which of two accounts was seen first is known after a restart, however long ago
// it was, though cases do not list every account that ever mailed.
func TestFirstSeenAccountSurvivesARestart(t *testing.T) {
	rules := loadText(t, map[string]string{"logins": guessing})
	const day = 86400
	seen := []typed{
		{user: `corp\zoe`, at: noon - 9*day}, // Only logged in, long before the memory begins.
		{user: `corp\ann`, at: noon - 9*day, mailed: true},
		{user: `dev\ann`, at: noon - 8*day, mailed: true},
		{user: `alpha\bob`, at: noon - 8*day, mailed: true},
		{user: `dev\zoe`, at: noon - 8*day, mailed: true},
	}
	kept := newKept()
	e := newEngine(t, rules, corp())
	for i, row := range seen {
		row.feed(e, mail.LogID(i+1))
	}
	for _, until := range []mail.Time{noon - 3*day, noon - 2*day} {
		e.Advance(until)
		kept.merge(e.Take())
	}
	if len(kept.point.Memory) == 0 || kept.point.MemoryAt < noon-8*day {
		t.Fatalf("got memory up to %s of %d; want all of it", kept.point.MemoryAt, len(kept.point.Memory))
	}
	e = newEngine(t, rules, corp())
	if err := e.Restore(kept.stored()); err != nil {
		t.Fatal(err)
	}
	after := []typed{}
	for i, name := range []string{"ann", "bob", "zoe"} {
		after = append(after, typed{user: name, at: noon + mail.Time(i)*100, times: 8, failed: true})
	}
	for i, name := range []string{`dev\ann`, `corp\ann`, `dev\zoe`, `corp\zoe`, `alpha\bob`} {
		after = append(after, typed{user: name, at: noon + 1000 + mail.Time(i)})
	}
	for i, row := range after {
		row.feed(e, mail.LogID(i+1))
	}
	e.Advance(endOfTime)
	want := []string{`user:alpha\bob`, `user:corp\ann`, `user:corp\zoe`}
	if diff := cmp.Diff(want, accused(e.Take())); diff != "" {
		t.Errorf("accused (-want +got):\n%s", diff)
	}
}

// A verdict about a bare name is about the account that has it, whether the account was
// seen before or after the guesses: after a restart it is known from the beginning.
func TestVerdictOnABareName(t *testing.T) {
	rules := loadText(t, map[string]string{"logins": guessing})
	site := corp()
	site.Verdicts = []detect.Verdict{{Submitter: ann, From: noon - 10, Until: noon + 100}}
	guesses := typed{user: "ann", at: noon, times: 8, failed: true}
	first, second := typed{user: `corp\ann`, at: noon + 200}, typed{user: `corp\ann`, at: noon + 300}
	kept := newKept()
	e := newEngine(t, rules, site)
	guesses.feed(e, 1)
	first.feed(e, 2)
	e.Advance(noon + 250)
	kept.merge(e.Take())

	e = newEngine(t, rules, site)
	if err := e.Restore(kept.stored()); err != nil {
		t.Fatal(err)
	}
	guesses.feed(e, 1)
	first.feed(e, 2)
	e.Restored()
	second.feed(e, 3)
	e.Advance(endOfTime)
	kept.merge(e.Take())
	if len(kept.findings) > 0 {
		t.Errorf("got %v; want nobody accused of guesses that a verdict speaks of", kept.findings)
	}
}
