//go:build unix

// Command bench times programs on one log, in turn, as whole processes, and prints
// medians and ratios: relaywatch, which reads, stores, indexes and judges, and the
// bare program of samples/bare, which parses the same rows and inserts the same
// recipients. With -peers FOLDER, as peers/install fills it, it times what people
// would use instead; with -curve MILLIONS one store that grows to so many recipients.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	relaywatch := flag.String("relaywatch", "./relaywatch", "the `PROGRAM` to measure")
	bare := flag.String("bare", "", "the bare `PROGRAM` to compare with")
	log := flag.String("log", "", "the `LOG` both read")
	config := flag.String("config", "samples/relaywatch.yaml", "configuration `FILE` for relaywatch")
	runs := flag.Int("runs", 5, "counted runs of each, after one that is not counted")
	peers := flag.String("peers", "", "compare with the programs in this `FOLDER`")
	scripts := flag.String("scripts", "samples/bench/peers", "with -peers: `FOLDER` of their scripts")
	curve := flag.Int("curve", 0, "let a store grow to so many `MILLIONS` of recipients")
	flag.Parse()
	subject := subject{program: *relaywatch, config: *config, log: *log}
	var err error
	switch ctx := context.Background(); {
	case *peers != "":
		err = comparePeers(ctx, subject, *peers, *scripts, *runs)
	case *curve > 0:
		err = growthCurve(ctx, subject, *curve)
	default:
		err = bench(ctx, subject, *bare, *runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// subject is what is measured.
type subject struct{ program, config, log string }

// ingest reads a log into the store at db.
func (s subject) ingest(ctx context.Context, db, log string) (run, report, error) {
	var counted report
	r, out, err := measure(ctx, db, s.program, "--config", s.config, "--db", db, "ingest", "--json", log)
	if err != nil {
		return run{}, report{}, err
	}
	if err := json.Unmarshal(out, &counted); err != nil {
		return run{}, report{}, fmt.Errorf("%s printed no JSON: %w", s.program, err)
	}
	return r, counted, nil
}

// run is what one process took.
type run struct {
	wall, cpu time.Duration
	peakKB    int64 // Largest resident set.
	store     int64 // Bytes of the SQLite file it left.
}

// report is what `relaywatch ingest --json` prints, as far as it is used here.
type report struct {
	Rows       int64 `json:"rows"`
	Recipients int64 `json:"recipients"`
}

func bench(ctx context.Context, subject subject, bare string, runs int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db := filepath.Join(dir, "store.db")
	var ours, theirs []run
	var counted report
	for i := range runs + 1 {
		removeStore(db)
		r, c, err := subject.ingest(ctx, db, subject.log)
		if err != nil {
			return err
		}
		counted = c
		removeStore(db)
		o, _, err := measure(ctx, db, bare, subject.log, db)
		if err != nil {
			return err
		}
		if i > 0 { // The first one warms the cache of files.
			ours, theirs = append(ours, r), append(theirs, o)
		}
	}
	return print(ours, theirs, counted)
}

func print(ours, theirs []run, counted report) error {
	if counted.Recipients == 0 {
		return fmt.Errorf("the log has no recipients")
	}
	wall := func(r run) float64 { return r.wall.Seconds() }
	cpu := func(r run) float64 { return r.cpu.Seconds() }
	fmt.Printf("%d rows, %d recipients; medians of %d runs each, in turn\n\n", counted.Rows, counted.Recipients, len(ours))
	fmt.Printf("%-46s %8s %8s %9s %13s\n", "", "wall s", "cpu s", "peak MB", "B/recipient")
	for _, p := range []struct {
		name string
		runs []run
	}{{"relaywatch: read, store, index, judge", ours}, {"bare: parse, insert the same recipients", theirs}} {
		fmt.Printf("%-46s %8.2f %8.2f %9.0f %13.1f\n", p.name, median(p.runs, wall), median(p.runs, cpu),
			median(p.runs, func(r run) float64 { return float64(r.peakKB) / 1024 }),
			median(p.runs, func(r run) float64 { return float64(r.store) / float64(counted.Recipients) }))
	}
	var ratios []run
	for i := range ours {
		ratios = append(ratios, run{wall: time.Duration(float64(ours[i].wall) / float64(theirs[i].wall) * float64(time.Second))})
	}
	low := slices.MinFunc(ratios, func(a, b run) int { return int(a.wall - b.wall) })
	high := slices.MaxFunc(ratios, func(a, b run) int { return int(a.wall - b.wall) })
	fmt.Printf("\nratio of wall time, pair by pair: %.2f (%.2f to %.2f)\n", median(ratios, wall), low.wall.Seconds(), high.wall.Seconds())
	fmt.Printf("rows a second: %.0f\n", float64(counted.Rows)/median(ours, wall))
	return nil
}

// measure runs a program, which may keep a store at db, and returns what it printed.
func measure(ctx context.Context, db, program string, args ...string) (run, []byte, error) {
	c := exec.CommandContext(ctx, program, args...)
	c.Stderr = os.Stderr
	return timed(c, db)
}

func timed(c *exec.Cmd, db string) (run, []byte, error) {
	start := time.Now()
	out, err := c.Output()
	wall := time.Since(start)
	if err != nil {
		return run{}, nil, fmt.Errorf("run %s: %w: %s", c.Path, err, out[max(0, len(out)-2000):])
	}
	r := run{wall: wall, cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peakKB = usage.Maxrss // Kilobytes on Linux.
	}
	if info, err := os.Stat(db); err == nil {
		r.store = info.Size()
	}
	return r, out, nil
}

func removeStore(db string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(db + suffix) // Where one can't go, the next program fails on it.
	}
}

func median(runs []run, of func(run) float64) float64 {
	values := make([]float64, 0, len(runs))
	for _, r := range runs {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
