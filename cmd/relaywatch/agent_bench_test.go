package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"relaywatch/store"
)

// Load of BenchmarkAgentLatency.
const (
	rowsPerSecond = 2000
	oldRows       = 10 * 60 * rowsPerSecond // Within the grace, so that they are judged provisionally again and again.
	probes        = 100
)

// BenchmarkAgentLatency is the time from writing the row of an open relay to its
// finding in the store, while 2,000 rows a second are written and ten minutes of
// such rows are not judged for good yet. It runs once, for some 30 s: its figures
// are p50-ms and p99-ms.
func BenchmarkAgentLatency(b *testing.B) {
	if b.N > 1 {
		b.Skip("runs once: -benchtime 1x")
	}
	dir, db := b.TempDir(), filepath.Join(b.TempDir(), "store.db")
	log, err := os.Create(filepath.Join(dir, "ex261105.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	w := &busyServer{}
	w.header()
	start := time.Now().Add(-oldRows / rowsPerSecond * time.Second)
	for n := range oldRows / 5 {
		w.message(start.Add(time.Duration(n) * 5 * time.Second / rowsPerSecond))
	}
	w.flush(b, log)
	config := filepath.Join(b.TempDir(), "relaywatch.yaml")
	text := fmt.Sprintf("store: {path: %q}\nlogs: [{path: %q}]\nnetwork: {own_domains: [corp.example]}\n", db, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"--config", config, "--log-level", "error", "agent"}, os.Stdout, os.Stderr)
	}()
	var took []time.Duration
	found := openWhenThere(b, db)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	waiting := map[string]time.Time{}
	var written, probed int
	begin := time.Now()
	b.ResetTimer()
	for len(took) < probes {
		<-tick.C
		now := time.Now()
		for written < int(now.Sub(begin).Seconds()*rowsPerSecond) {
			w.message(now)
			written += 5
		}
		if probed < probes && probed < int(now.Sub(begin)/(200*time.Millisecond)) {
			probed++
			client := fmt.Sprintf("203.0.113.%d", probed)
			w.relay(now, client)
			waiting["ip:"+client] = now
		}
		w.flush(b, log)
		for who := range found(b) {
			if at, ok := waiting[who]; ok {
				took = append(took, time.Since(at))
				delete(waiting, who)
			}
		}
		if now.Sub(begin) > 2*time.Minute {
			b.Fatalf("%d of %d findings came in two minutes", len(took), probes)
		}
	}
	b.StopTimer()
	stop()
	if code := <-ended; code != exitDone {
		b.Fatalf("agent: exit code %d", code)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// openWhenThere opens the store once it is there, and returns who is accused in it.
func openWhenThere(b *testing.B, path string) func(*testing.B) map[string]bool {
	b.Helper()
	var db *store.DB
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if db == nil {
			db, _ = store.OpenReadOnly(b.Context(), path) // It is not there yet.
		}
		if db != nil {
			if s, err := db.Status(b.Context()); err == nil && s.Recipients >= oldRows/5*2 {
				break
			}
		}
		if time.Now().After(deadline) {
			b.Fatal("the backlog was not read in two minutes")
		}
	}
	b.Cleanup(func() { _ = db.Close() })
	return func(b *testing.B) map[string]bool {
		who := map[string]bool{}
		err := db.Query(b.Context(), "SELECT submitter FROM v_findings WHERE rule = 'open-relay'", func(_ []string, values []any) error {
			if values != nil {
				who[fmt.Sprint(values[0])] = true
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		return who
	}
}

// busyServer writes the log of a server with ordinary mail.
type busyServer struct {
	text strings.Builder
	n    int
}

func (w *busyServer) header() {
	w.text.WriteString("#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n" +
		"#Fields: date time c-ip cs-username s-computername s-ip cs-method cs-uri-query sc-status cs-bytes\r\n")
}

func (w *busyServer) row(at time.Time, client, helo, verb, arg string, status int) {
	fmt.Fprintf(&w.text, "%s %s %s MAIL01 10.0.0.20 %s %s %d 40\r\n", at.UTC().Format("2006-01-02 15:04:05"), client, helo, verb, arg, status)
}

// message is one message of five rows, of one of 500 hosts to known people.
func (w *busyServer) message(at time.Time) {
	w.n++
	client, helo := fmt.Sprintf("10.1.%d.%d", w.n%2, w.n/2%250+1), fmt.Sprintf("ws%d", w.n%500)
	w.row(at, client, helo, "EHLO", "+"+helo, 250)
	w.row(at, client, helo, "MAIL", fmt.Sprintf("+FROM:<p%d@corp.example>", w.n%500), 250)
	w.row(at, client, helo, "RCPT", fmt.Sprintf("+TO:<c%d@corp.example>", w.n%7), 250)
	w.row(at, client, helo, "RCPT", fmt.Sprintf("+TO:<c%d@corp.example>", w.n%11), 250)
	w.row(at, client, helo, "QUIT", helo, 240)
}

// relay is a message from outside to outside that the server takes.
func (w *busyServer) relay(at time.Time, client string) {
	w.row(at, client, "x", "MAIL", "+FROM:<a@example.org>", 250)
	w.row(at, client, "x", "RCPT", "+TO:<b@example.net>", 250)
}

func (w *busyServer) flush(b *testing.B, log *os.File) {
	b.Helper()
	if _, err := log.WriteString(w.text.String()); err != nil {
		b.Fatal(err)
	}
	w.text.Reset()
}
