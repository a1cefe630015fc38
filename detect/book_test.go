package detect_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// A letter to each of 100 customers is a mail merge, though somebody else knows them:
// unless the password was guessed an hour before.
func TestMailMerge(t *testing.T) {
	const days = 20
	desks := office{days, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions()
	for i := range desks {
		desks[i].User, desks[i].Authenticated = fmt.Sprintf("p%d", i%15), true
		if i%7 == 3 { // Somebody else's customer.
			desks[i].Recipients[0].Path = mail.Path(fmt.Sprintf("c%d-%d@example.org", (i+i/90)%15, i%8))
		}
	}
	const begin = noon + days*86400
	var merge, book []mail.Transaction
	for i := range 100 {
		tx := letter(begin+mail.Time(i*30)+7, "10.1.1.4", 3, fmt.Sprintf("c%d-%d@example.org", 4+i%11, i/11%8))
		tx.User, tx.Authenticated = "p3", true
		merge = append(merge, tx)
		if i%4 > 0 { // The same people, four to a message.
			last := &book[len(book)-1]
			last.Recipients = append(last.Recipients, tx.Recipients[0])
			continue
		}
		book = append(book, tx)
	}
	guesses := typed{user: "p3", at: begin - 3000, times: 12, failed: true}
	login := typed{user: "p3", at: begin - 2900}
	for _, c := range []struct {
		name string
		sent []mail.Transaction
		rows []typed
		want []string
	}{
		{"a letter to each", merge, nil, []string{}},
		{"a letter to each, and a login", merge, []typed{login}, []string{}},
		{"a letter to each, after guesses", merge, []typed{guesses, login}, []string{"user:p3"}},
		{"four to a message", book, nil, []string{"user:p3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, shipped(t), corp())
			for _, part := range [][]mail.Transaction{desks, c.sent} {
				for i := range part {
					e.Transaction(part[i])
				}
			}
			for i, row := range c.rows {
				row.feed(e, mail.LogID(i+10))
			}
			e.Advance(endOfTime)
			if diff := cmp.Diff(c.want, accused(e.Take())); diff != "" {
				t.Errorf("accused (-want +got):\n%s", diff)
			}
		})
	}
}
