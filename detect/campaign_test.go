package detect

import (
	"fmt"
	"testing"

	"relaywatch/mail"
)

// Of a campaign as many are told as mailed in the last day, up to maxMembers: also when the
// first of them are over and more than that had come.
func TestCampaignCountsTheLastDay(t *testing.T) {
	var c campaigns
	host := func(n int) mail.Submitter {
		return mail.Submitter{Kind: mail.KindIP, Value: fmt.Sprintf("10.1.4.%d", n)}
	}
	const begin = mail.Time(1793610000)
	for n := range 40 {
		if got, want := len(c.join(7, host(n), begin+mail.Time(n), mail.LogPos{})), min(n+1, maxMembers); got != want {
			t.Fatalf("host %d: got %d; want %d", n, got, want)
		}
	}
	for _, tc := range []struct {
		after mail.Time // Of the first.
		want  int       // With one more.
	}{
		{seconds(Quiet) + 20, 21}, // 20 to 39.
		{seconds(Quiet) + 30, 11},
		{seconds(Quiet) + 40, 1},
	} {
		fork := c.fork()
		if got := len(fork.join(7, host(99), begin+tc.after, mail.LogPos{})); got != tc.want {
			t.Errorf("%d s later: got %d; want %d", tc.after, got, tc.want)
		}
	}
}
