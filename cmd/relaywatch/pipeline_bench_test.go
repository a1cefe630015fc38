package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"relaywatch/samples/traffic"
)

// BenchmarkIngest is the whole job on a log of 200,000 rows: read, assemble, store
// with every index, judge.
func BenchmarkIngest(b *testing.B) {
	dir := b.TempDir()
	for _, f := range traffic.Bench(1, 200_000).Files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Path)), f.Data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		db := filepath.Join(b.TempDir(), "bench.db")
		var out, errOut bytes.Buffer
		if code := run(b.Context(), []string{"--db", db, "ingest", dir}, &out, &errOut); code != exitDone {
			b.Fatal(errOut.String())
		}
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
