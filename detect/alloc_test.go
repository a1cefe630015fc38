package detect_test

import (
	"fmt"
	"testing"

	"relaywatch/mail"
)

// A recipient who is known is judged without an allocation.
func TestKnownRecipientsAllocateNothing(t *testing.T) {
	e := newEngine(t, shipped(t), corp())
	at, offset := noon, int64(0)
	var recipients []mail.Recipient
	for i := range 5 {
		recipients = append(recipients, mail.Recipient{Path: mail.Path(fmt.Sprintf("c%d@corp.example", i)), Reply: 250})
	}
	send := func() {
		at += 60
		offset += 1000
		to := recipients // They are judged before the next ones.
		for i := range to {
			to[i].Pos, to[i].At = mail.LogPos{Log: 1, Offset: offset + int64(i) + 1}, at
		}
		e.Transaction(mail.Transaction{
			Pos: mail.LogPos{Log: 1, Offset: offset}, At: at, ServerIP: "10.0.0.25", ClientIP: "10.2.1.1", HELO: "pc",
			ReversePath: "ann@corp.example", SizeBytes: 5000 + offset%7777, EndAt: at + 1, Outcome: mail.Accepted, Exact: true, Recipients: to,
		})
		e.Advance(at + 1)
	}
	for range 3 * 1440 { // Three days fill the windows.
		send()
	}
	if got := testing.AllocsPerRun(1000, send); got != 0 {
		t.Errorf("got %g allocations for a message to five; want none", got)
	}
}
