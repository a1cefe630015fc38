package traffic

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// chance is the source of one part of the traffic. Each part has its own, so that
// a change of one leaves the others as they are.
type chance struct{ *rand.Rand }

func newChance(seed uint64, part string) chance {
	h := fnv.New64a()
	h.Write([]byte(part))
	return chance{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// between is evenly from lo to hi, both included.
func (c chance) between(lo, hi int) int { return lo + c.IntN(hi-lo+1) }

// span is evenly from lo to hi, to the millisecond.
func (c chance) span(lo, hi time.Duration) time.Duration {
	return time.Duration(c.between(int(lo/time.Millisecond), int(hi/time.Millisecond))) * time.Millisecond
}

// odds is true with probability p.
func (c chance) odds(p float64) bool { return c.Float64() < p }

// times is a Poisson number with the given mean, which must be small.
func (c chance) times(mean float64) int {
	n, p := 0, c.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= c.Float64()
	}
	return n
}

// officeHours are the weights of the hours 07 to 18 in which people write: two
// hills, with lunch between.
var officeHours = [...]int{1, 3, 6, 7, 6, 3, 4, 6, 6, 5, 3, 1}

// office is a moment of day at which people write.
func (c chance) office(day time.Time) time.Time {
	sum := 0
	for _, w := range officeHours {
		sum += w
	}
	n := c.IntN(sum)
	for h, w := range officeHours {
		if n -= w; n < 0 {
			return day.Add(time.Duration(7+h)*time.Hour + c.span(0, time.Hour-time.Millisecond))
		}
	}
	return day // Not reached: n is below the sum.
}

// size is a message size in bytes: mostly a few kilobytes, seldom megabytes.
func (c chance) size(median int) int {
	return int(float64(median)*math.Exp(c.NormFloat64()*0.9)) + 600
}

// messageID is a Message-ID as mail programs make them.
func (c chance) messageID(host string) string {
	return fmt.Sprintf("%012x$%08x$%04x@%s", c.Uint64()>>16, c.Uint32(), c.Uint32()>>16, host)
}

func itoa(n int) string { return strconv.Itoa(n) }

func lower(s string) string { return strings.ToLower(s) }
