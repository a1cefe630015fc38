package traffic

import (
	"cmp"
	"slices"
)

// Letter is one message of one person as behaviour sees it: who writes to whom, and
// when. The numbers of people say nothing about them.
type Letter struct {
	At   int // Seconds by the office's clock since midnight of a Monday.
	From int
	To   []int // Each once.
	Copy int   // Letters of a person with the same number are copies of one, of the same size; 0 is none.
}

const (
	secondsADay = 24 * 60 * 60
	daysAWeek   = 7
)

func (l *Letter) day() int  { return l.At / secondsADay }
func (l *Letter) hour() int { return l.At % secondsADay / 3600 }

// weekend is 1 on Saturday and Sunday, else 0.
func (l *Letter) weekend() int {
	if l.day()%daysAWeek >= 5 {
		return 1
	}
	return 0
}

func sortLetters(letters []Letter) {
	slices.SortStableFunc(letters, func(a, b Letter) int { return cmp.Compare(a.At, b.At) })
}
