package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"relaywatch/mail"
)

// benchmarkRows are rows of all columns, of mass mailers as in TestIISMillionRows,
// without line ends; the header comes first.
func benchmarkRows(n int) [][]byte {
	m := &millionRows{random: rand.New(rand.NewPCG(1, 2)), rcpts: n}
	var log bytes.Buffer
	log.WriteString("#Date: 2026-03-02 10:00:00\n#Fields: date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status sc-win32-status sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer)\n")
	for i := range n {
		var client, helo, method, query, status, size string
		if _, err := fmt.Sscan(m.row(), &client, &helo, &method, &query, &status, &size); err != nil {
			panic(err) // Of the test's own making.
		}
		at := i / 100
		fmt.Fprintf(&log, "2026-03-02 %02d:%02d:%02d %s %s SMTPSVC1 RELAY-1 10.0.0.2 0 %s - %s %s 0 48 %s 0 SMTP - - - -\r\n",
			at/3600%24, at/60%60, at%60, client, helo, method, query, status, size)
	}
	return bytes.Split(bytes.TrimSuffix(log.Bytes(), []byte("\n")), []byte("\n"))
}

// BenchmarkIISDecode measures decode alone; an operation is a row.
func BenchmarkIISDecode(b *testing.B) { benchmarkIIS(b, false) }

// BenchmarkIISSessions measures decode and apply, with a take every 50,000 rows.
func BenchmarkIISSessions(b *testing.B) { benchmarkIIS(b, true) }

func benchmarkIIS(b *testing.B, apply bool) {
	lines := benchmarkRows(200_000)
	r := newIISRun(b)
	for _, line := range lines[:2] {
		if _, _, err := r.decoder.decode(line, mail.LogPos{}); err != nil {
			b.Fatal(err)
		}
	}
	lines = lines[2:]
	var size int
	for _, line := range lines {
		size += len(line) + 1
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		pos := mail.LogPos{Log: iisTestLog, Offset: int64(200 * i)}
		row, _, err := r.decoder.decode(lines[i%len(lines)], pos)
		if err != nil || !row {
			b.Fatalf("row %q: got %v, %v; want a row", lines[i%len(lines)], row, err)
		}
		if !apply {
			continue
		}
		r.decoder.apply()
		if i%50_000 == 0 {
			var told Batch
			r.tray.take(&told)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
