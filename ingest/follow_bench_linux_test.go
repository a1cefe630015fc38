package ingest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkFollowIdle is what following 200 logs costs while nothing is written, as
// a share of one core at the default interval; half of the logs end in reserved
// space.
func BenchmarkFollowIdle(b *testing.B) {
	dir := b.TempDir()
	for i := range 200 {
		log := w3c(fmt.Sprintf("MAIL%03d", i), 8, 20, "10.0.0.1")
		path := writeLog(b, dir, fmt.Sprintf("ex%03d.log", i), log)
		if i%2 == 0 {
			must(b, os.Truncate(path, 64<<10))
		}
	}
	w := follow(b, PollAuto, newKept(), dir)
	w.until(200 * 120)
	now := time.Now().Add(freshFor)
	w.lookAt(now)
	b.ResetTimer()
	before := cpuTime(b)
	for range b.N {
		w.ticks <- now
	}
	used := cpuTime(b) - before
	b.ReportMetric(float64(used)/float64(b.N)/float64(DefaultInterval)*100, "%core")
}

// cpuTime is the time on processors that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
