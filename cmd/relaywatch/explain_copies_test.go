package main

import (
	"testing"

	"relaywatch/mail"
)

// Where older rows are gone, a run of messages is known from its start only once four
// sizes in a row were unlike each other: any fewer may stand between messages of a run
// that began before.
func TestCopiesBroken(t *testing.T) {
	for _, tc := range []struct {
		name  string
		sizes []int64
		want  int // Message at which the stored rows tell that an older run ended, from 1; 0: none does.
	}{
		{"copies", []int64{1000, 1000, 1010, 990, 1000}, 0},
		{"three sizes", []int64{1000, 2000, 3000}, 0},
		{"one letter between", []int64{1000, 2000, 1000, 3000, 1000, 4000, 1000}, 0},
		{"one size twice", []int64{1000, 2000, 3000, 1040, 1000}, 0},
		{"four sizes", []int64{1000, 2000, 3000, 4000, 4000}, 4},
		{"four sizes after copies", []int64{1000, 1000, 2000, 3000, 4000}, 5},
	} {
		c, got := copies{}, 0
		for i, size := range tc.sizes {
			c.end(&mail.Transaction{SizeBytes: size}, mail.Time(i+1))
			if got == 0 && c.broken != 0 {
				got = i + 1
			}
		}
		if got != tc.want || c.broken != mail.Time(tc.want) {
			t.Errorf("%s: got message %d, at %d; want %d", tc.name, got, c.broken, tc.want)
		}
	}
}
