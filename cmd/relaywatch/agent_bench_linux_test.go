package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
)

// Size of BenchmarkAgentFootprint.
const (
	footSubmitters = 20_000
	footDays       = 30
	footServers    = 20
	footFiles      = 200
	footMessages   = 3  // Of a submitter on a working day.
	footIdle       = 60 // Seconds.
)

// BenchmarkAgentFootprint is what an agent takes that has nothing to do: it follows
// 200 logs, and its store holds 30 days of 20,000 submitters, 1.3 million messages.
// It runs once, for some three minutes. Its figures are those of the whole process:
// the most memory and the share of one core over a minute of rest, the most memory
// since the start, and how long it took from the start until it had read and judged all
// and followed the logs, as it tells systemd, and until it was at rest: the store is
// looked through for damage meanwhile.
func BenchmarkAgentFootprint(b *testing.B) {
	if b.N > 1 {
		b.Skip("runs once: -benchtime 1x")
	}
	dir, db := b.TempDir(), filepath.Join(b.TempDir(), "store.db")
	today := time.Now().UTC().Truncate(24 * time.Hour)
	writeHistory(b, db, today)
	for i := range footFiles {
		writeIdleLog(b, dir, i)
	}
	config := filepath.Join(b.TempDir(), "relaywatch.yaml")
	text := fmt.Sprintf("store: {path: %q}\nlogs: [{path: %q}]\nnetwork: {own_domains: [corp.example]}\n", db, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(b.Context(), []string{"--config", config, "ingest"}, &out, &out); code != exitDone { // Judges all.
		b.Fatal(out.String())
	}
	size, err := os.Stat(db)
	if err != nil {
		b.Fatal(err)
	}

	cmd := exec.CommandContext(b.Context(), "relaywatch", "--config", config, "--log-level", "error", "agent")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	systemd := listen(b)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+systemd.path)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	systemd.until("READY=1")
	ready := time.Since(start)
	took := untilQuiet(b, cmd.Process.Pid, start)
	before := cpuOf(b, cmd.Process.Pid)
	resident, peak := 0., 0.
	for range footIdle {
		time.Sleep(time.Second)
		var now float64
		now, peak = memoryOf(b, cmd.Process.Pid)
		resident = max(resident, now)
	}
	used := cpuOf(b, cmd.Process.Pid) - before
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(resident, "MB")
	b.ReportMetric(peak, "MB-peak")
	b.ReportMetric(100*used.Seconds()/footIdle, "%core")
	b.ReportMetric(ready.Seconds(), "s-to-ready")
	b.ReportMetric(took.Seconds(), "s-to-rest")
	b.ReportMetric(float64(size.Size())/1e6, "MB-store")
	b.ReportMetric(0, "ns/op")
}

// writeHistory fills a store with days of mail: people who write to those they know,
// and to somebody new now and then, on working days.
func writeHistory(b *testing.B, path string, today time.Time) {
	b.Helper()
	db, err := store.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	random := rand.New(rand.NewPCG(1, 1))
	for ago := footDays; ago > 0; ago-- {
		if ago%7 == 6 || ago%7 == 0 {
			continue // The weekends. Yesterday is a working day, whatever today is: an agent reads it again when it starts.
		}
		if err := db.Write(b.Context(), historyOf(random, today.AddDate(0, 0, -ago))); err != nil {
			b.Fatal(err)
		}
	}
}

// historyOf is the mail of a day, in the order of time.
func historyOf(random *rand.Rand, day time.Time) *ingest.Batch {
	const messages = footSubmitters * footMessages
	batch := &ingest.Batch{Front: mail.Of(day.Add(18 * time.Hour)), Rows: messages * 4}
	for i := range footServers {
		id := mail.LogID(uint64(day.Unix())<<8 | uint64(i))
		batch.Logs = append(batch.Logs, ingest.Log{
			ID: id, Path: fmt.Sprintf("/logs/mail%02d/ex%s.log", i, day.Format("060102")), Format: ingest.FormatIISW3C,
			Server: fmt.Sprintf("MAIL%02d", i), Head: ingest.Head{{End: 100, Hash: uint64(id)}}, ReadBytes: messages * 400, Rows: messages * 4 / footServers,
			FirstTime: mail.Of(day.Add(8 * time.Hour)), LastTime: batch.Front, State: ingest.LogRead,
		})
	}
	for n := range messages {
		who := random.IntN(footSubmitters)
		at := mail.Of(day.Add(8*time.Hour + time.Duration(n)*10*time.Hour/messages))
		server := who % footServers
		t := mail.Transaction{
			Pos: mail.LogPos{Log: batch.Logs[server].ID, Offset: int64(n) * 400}, At: at, Server: batch.Logs[server].Server, ServerIP: "10.0.0.20",
			ClientIP: fmt.Sprintf("10.%d.%d.%d", 1+who/62500, who/250%250, who%250+1), HELO: fmt.Sprintf("ws%d", who), Exact: true,
			ReversePath: mail.Path(fmt.Sprintf("p%d@corp.example", who)), SizeBytes: 20_000 + int64(random.IntN(50_000)), EndAt: at + 1, Outcome: mail.Accepted,
		}
		for i := range 1 + random.IntN(2) {
			to := mail.Path(fmt.Sprintf("p%d@corp.example", (who+random.IntN(8))%footSubmitters))
			switch random.IntN(20) {
			case 0:
				to = mail.Path(fmt.Sprintf("new%d.%d@d%d.example", who, day.Unix(), random.IntN(2000)))
			case 1, 2, 3, 4, 5, 6:
				to = mail.Path(fmt.Sprintf("c%d.%d@d%d.example", who, random.IntN(6), who%2000))
			}
			t.Recipients = append(t.Recipients, mail.Recipient{Pos: mail.LogPos{Log: t.Pos.Log, Offset: t.Pos.Offset + int64(i+1)*100}, At: at, Path: to, Reply: 250})
		}
		batch.Transactions = append(batch.Transactions, t)
	}
	return batch
}

// writeIdleLog writes a log of the last minutes.
func writeIdleLog(b *testing.B, dir string, n int) {
	b.Helper()
	w := &busyServer{n: n * 20}
	w.header()
	for i := range 20 {
		w.message(time.Now().Add(time.Duration(i-60) * time.Second))
	}
	text := strings.ReplaceAll(w.text.String(), "MAIL01", fmt.Sprintf("MAIL%02d", n%footServers))
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("ex%03d.log", n)), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// untilQuiet waits until a process has used next to no time for two seconds, and tells
// when they began.
func untilQuiet(b *testing.B, pid int, start time.Time) time.Duration {
	b.Helper()
	const look, quiet, lasts = 100 * time.Millisecond, 20 * time.Millisecond, 2 * time.Second
	began := time.Now()
	for before := cpuOf(b, pid); time.Since(began) < lasts; {
		time.Sleep(look)
		now := cpuOf(b, pid)
		if now-before > quiet {
			began = time.Now()
		}
		if before = now; time.Since(start) > 5*time.Minute {
			b.Fatal("the agent was not quiet in 5 minutes")
		}
	}
	return began.Sub(start)
}

// cpuOf is the time on processors that a process has used: proc(5), fields 14 and 15
// of stat, in ticks of a hundredth of a second.
func cpuOf(b testing.TB, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memoryOf is the resident memory of a process, and the most it ever had, in MB.
func memoryOf(b *testing.B, pid int) (now, peak float64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var name string
		var kB float64
		if n, _ := fmt.Sscan(line, &name, &kB); n == 2 {
			switch name {
			case "VmRSS:":
				now = kB * 1024 / 1e6
			case "VmHWM:":
				peak = kB * 1024 / 1e6
			}
		}
	}
	return now, peak
}
