//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// growthCurve lets one store grow, a week of mail in each run of relaywatch, and
// prints what the runs at 1, 3, 10, 30 and 100 million recipients took: the first
// that reaches the number and the two behind it, by their median. Hosts keep whom
// they write to; the mass mailers have new recipients every week, so that a fifth of
// all recipients is new for good.
func growthCurve(ctx context.Context, s subject, millions int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, log := filepath.Join(dir, "store.db"), filepath.Join(dir, "week.log")
	fmt.Printf("%s; one store, a week of mail a run\n\n", machine())
	fmt.Printf("%-22s %10s %8s %9s %12s\n", "recipients stored", "rows/s", "wall s", "peak MB", "B/recipient")
	var stored int64
	var near []run // At the point that comes next, or is passed.
	points := []int64{1, 3, 10, 30, 100}
	for week := 0; len(points) > 0 && points[0] <= int64(millions); week++ {
		if err := writeWeek(log, s.log, week); err != nil {
			return err
		}
		r, counted, err := s.ingest(ctx, db, log)
		if err != nil {
			return err
		}
		stored += counted.Recipients
		if stored < points[0]*1_000_000 {
			continue
		}
		if near = append(near, r); len(near) < 3 {
			continue
		}
		wall := median(near, func(r run) float64 { return r.wall.Seconds() })
		fmt.Printf("%-22d %10.0f %8.2f %9.0f %12.1f\n", stored, float64(counted.Rows)/wall, wall,
			median(near, func(r run) float64 { return float64(r.peakKB) / 1024 }), float64(r.store)/float64(stored))
		near, points = nil, points[1:]
	}
	return nil
}

// writeWeek copies a log of days before 2026-11-09 to another one, so many weeks
// later. Recipients that occur once are called otherwise in each.
func writeWeek(to, from string, week int) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	var replacements [][2][]byte
	for day := range 7 {
		old := time.Date(2026, 11, 2+day, 0, 0, 0, 0, time.UTC)
		replacements = append(replacements, [2][]byte{
			old.AppendFormat(nil, time.DateOnly), old.AddDate(0, 0, 7*week).AppendFormat(nil, time.DateOnly),
		})
	}
	name := []byte(".w" + strconv.Itoa(week) + "m") // See numbered in samples/traffic.
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Bytes()
		for _, r := range replacements {
			if bytes.HasPrefix(line, r[0]) || bytes.HasPrefix(line, []byte("#")) {
				line = bytes.Replace(line, r[0], r[1], 1)
			}
		}
		_, _ = w.Write(bytes.Replace(line, []byte(".m"), name, 1)) // Flush tells of an error.
		_ = w.WriteByte('\n')
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}
