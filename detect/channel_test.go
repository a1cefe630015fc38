package detect_test

import (
	"fmt"
	"testing"

	"relaywatch/mail"
)

// Who writes to a stranger a week, and once to many, is accused since that day.
func TestAccusationBeginsWhereItsEvidenceDoes(t *testing.T) {
	const days = 60
	desks := office{days, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions()
	var rare []mail.Transaction
	for week := range 8 {
		rare = append(rare, letter(noon+mail.Time(week*7*86400+3), "10.1.9.9", 99, fmt.Sprintf("w%d@example.net", week)))
	}
	begin := noon + mail.Time(days*86400)
	j := judgeAll(t, desks, rare, attack(begin, "10.1.9.9", 99, 40))
	if len(j.Episodes) != 1 {
		t.Fatalf("got %d episodes; want that of the list", len(j.Episodes))
	}
	if got := j.Episodes[0].Start; got < begin {
		t.Errorf("the episode starts at %v; want %v, with the list", got, begin)
	}
}
