package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkFollowLatency is the time from writing a row to handing it on, while
// 2,000 rows a second are written to one of four logs after the other. It runs once,
// for some 10 s: its figures are p50-ms and p99-ms.
func BenchmarkFollowLatency(b *testing.B) {
	if b.N > 1 {
		b.Skip("runs once: -benchtime 1x")
	}
	const perSecond, every = 2000, 5 * time.Millisecond
	const groups = int(10 * time.Second / every)
	dir := b.TempDir()
	var logs []*os.File
	for i := range 4 {
		log, err := os.Create(filepath.Join(dir, fmt.Sprintf("ex%d.log", i)))
		must(b, err)
		defer log.Close()
		_, err = log.WriteString(w3c(fmt.Sprintf("MAIL0%d", i), 8, 1, "10.0.0.1"))
		must(b, err)
		logs = append(logs, log)
	}
	handed := make(chan int64, groups)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	f := &Follower{Sources: []Source{{Path: dir}}}
	go func() {
		ended <- f.Run(ctx, func(_ context.Context, batch *Batch) error { handed <- batch.Rows; return nil })
	}()
	for sum := int64(0); sum < 4*6; { // What was there at the start.
		sum += <-handed
	}
	written := make(chan time.Time, groups) // Of groups, in their order.
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		const rows = perSecond * int(every) / int(time.Second)
		for n := range groups {
			<-tick.C
			var text string
			for i := range rows {
				text += fmt.Sprintf("2026-11-05 08:%02d:%02d 10.0.0.%d pc MAIL01 RCPT +TO:<u%d@example.net> 250 30\r\n", n/3000%60, n/50%60, i+1, n)
			}
			written <- time.Now()
			_, _ = logs[n/200%4].WriteString(text) // A row that is missing hangs the benchmark.
		}
	}()
	b.ResetTimer()
	var took []time.Duration
	var sum int64
	for len(took) < groups {
		sum += <-handed
		for int64(len(took)+1)*perSecond*int64(every)/int64(time.Second) <= sum {
			took = append(took, time.Since(<-written))
		}
	}
	b.StopTimer()
	stop()
	must(b, <-ended)
	slices.Sort(took)
	for _, p := range []int{50, 99, 100} {
		b.ReportMetric(float64(took[(len(took)-1)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(0, "ns/op")
}
