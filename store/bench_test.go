package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// The shape of a log of a million IIS rows: see syntheticLog.
const (
	benchHosts        = 500
	benchTransactions = 115_000
	benchPerMail      = 5 // Recipients of a transaction, on average.
	benchAddresses    = 150_000
	benchDomains      = 8_000
	benchRowBytes     = 139
	benchDays         = 5
	benchBatch        = 6_000 // Transactions in a batch: some 50,000 rows.
)

// syntheticLog is the first transactions of what a log of a million rows over five
// days tells: 115,000 transactions of 500 hosts, whose rows interleave, with some
// 575,000 recipients at 120,000 addresses in 8,000 domains.
func syntheticLog(transactions int) []*ingest.Batch {
	random := rand.New(rand.NewPCG(1, 2))
	paths := make([]mail.Path, benchAddresses)
	for i := range paths {
		paths[i] = mail.Path(fmt.Sprintf("user.%d@%s%d.example", random.IntN(1_000_000)+i*10, [...]string{"mail", "corp", "firm"}[i%benchDomains%3], i%benchDomains))
	}
	hosts := make([]mail.Transaction, benchHosts)
	for i := range hosts {
		hosts[i] = mail.Transaction{
			Server: "MX1", ServerIP: "10.0.0.25", ClientIP: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1), HELO: fmt.Sprintf("PC-%d", i),
			Exact: true, Outcome: mail.Accepted,
		}
	}
	var batches []*ingest.Batch
	var offset int64
	for i := range transactions {
		if i%benchBatch == 0 {
			batches = append(batches, &ingest.Batch{Sessions: make([]byte, 20_000)})
		}
		b := batches[len(batches)-1]
		tx := hosts[random.IntN(benchHosts)]
		tx.Pos, tx.At = at(offset), t0+mail.Time(i*benchDays*86400/benchTransactions)
		tx.ReversePath, tx.SizeBytes = paths[random.IntN(benchHosts*2)], random.Int64N(60_000)
		// Half have one recipient, few have many: five on average.
		n := 1
		if random.IntN(2) == 0 {
			n = 1 + random.IntN(4*benchPerMail-3)
		}
		for j := range n {
			path := paths[random.IntN(1+i*benchAddresses/benchTransactions)]
			reply := 250
			if random.IntN(30) == 0 {
				reply = 550
			}
			// Rows of other hosts stand between.
			tx.Recipients = append(tx.Recipients, mail.Recipient{
				Pos: at(offset + int64(j+1)*benchRowBytes*int64(1+random.IntN(8))), At: tx.At + mail.Time(j/3), Path: path, Reply: reply,
			})
		}
		tx.EndAt = tx.At + mail.Time(n/3+1)
		offset += benchRowBytes * int64(n+3)
		b.Transactions = append(b.Transactions, tx)
		b.Logs = []ingest.Log{logAt(log1, offset)}
	}
	return batches
}

func countRecipients(batches []*ingest.Batch) (n int) {
	for _, batch := range batches {
		for i := range batch.Transactions {
			n += len(batch.Transactions[i].Recipients)
		}
	}
	return n
}

// store writes the batches to a new store, and returns the size of its file.
func store(t testing.TB, batches []*ingest.Batch) int64 {
	t.Helper()
	db := newStore(t)
	if err := db.SetOwnDomains(t.Context(), []string{"corp1.example"}); err != nil {
		t.Fatal(err)
	}
	for _, batch := range batches {
		write(t, db, batch)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return sizeOf(db.path)
}

func BenchmarkWrite(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	recipients := float64(countRecipients(batches))
	var size int64
	b.ReportAllocs()
	for b.Loop() {
		size = store(b, batches)
	}
	b.ReportMetric(float64(size)/recipients, "bytes/recipient")
	b.ReportMetric(recipients*float64(b.N)/b.Elapsed().Seconds(), "recipients/s")
}

func BenchmarkReplay(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	db := newStore(b)
	for _, batch := range batches {
		write(b, db, batch)
	}
	n := 0
	for b.Loop() {
		if err := db.Replay(b.Context(), 0, func(tx mail.Transaction) { n += len(tx.Recipients) }, func(mail.Login) {}, func(mail.Delivery) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "recipients/s")
}

// BenchmarkExplain asks for an hour of one client in a store of a million rows.
func BenchmarkExplain(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	db := newStore(b)
	for _, batch := range batches {
		write(b, db, batch)
	}
	who := mail.Submitter{Kind: mail.KindIP, Value: "10.1.0.7"}
	for b.Loop() {
		_, err1 := db.Timeline(b.Context(), who, t0, t0+5*86400)
		_, err2 := db.TopDomains(b.Context(), who, t0+86400, t0+90000, 10)
		_, err3 := db.Recipients(b.Context(), who, t0+86400, t0+90000, 10)
		_, err4 := db.Uses(b.Context(), who, t0+86400, t0+90000, 10)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStatus(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	db := newStore(b)
	for _, batch := range batches {
		write(b, db, batch)
	}
	for b.Loop() {
		if _, err := db.Status(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetOwnDomains(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	db := newStore(b)
	for _, batch := range batches {
		write(b, db, batch)
	}
	for n := 0; b.Loop(); n++ {
		if err := db.SetOwnDomains(b.Context(), []string{"corp1.example", fmt.Sprintf("corp%d.example", n)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPrune removes three days of five.
func BenchmarkPrune(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	var p Pruned
	for b.Loop() {
		b.StopTimer()
		db := newStore(b)
		for _, batch := range batches {
			write(b, db, batch)
		}
		b.StartTimer()
		var err error
		if p, err = db.Prune(b.Context(), KeepAll(2*day), farAhead); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(p.Recipients), "recipients")
}

// BenchmarkPruneBeside removes half of a store while a writer stores small batches,
// as the agent does: longest-ms is the longest that one of them took, alone-ms the
// same while nothing is pruned.
func BenchmarkPruneBeside(b *testing.B) {
	batches := syntheticLog(benchTransactions)
	var longest, alone time.Duration
	var before, after int64
	for b.Loop() {
		b.StopTimer()
		db := newStore(b)
		for _, batch := range batches {
			write(b, db, batch)
		}
		last := batches[len(batches)-1].Transactions
		next := last[len(last)-1].Pos.Offset + 1_000_000
		small := func() time.Duration {
			batch := &ingest.Batch{Sessions: make([]byte, 20_000)}
			for _, tx := range last[len(last)-100:] {
				tx.Pos = at(next)
				next += 10_000
				batch.Transactions = append(batch.Transactions, tx)
			}
			batch.Logs = []ingest.Log{logAt(log1, next)}
			began := time.Now()
			write(b, db, batch)
			return time.Since(began)
		}
		for range 50 {
			alone = max(alone, small())
		}
		before = sizeOf(db.path)
		done := make(chan error, 1)
		b.StartTimer()
		go func() {
			_, err := db.Prune(b.Context(), KeepAll(day*benchDays/2), farAhead)
			done <- err
		}()
		for running := true; running; {
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				running = false
			default:
			}
			d := small()
			if d > 60*time.Millisecond {
				println("WRITE", d.Milliseconds())
			}
			longest = max(longest, d)
			time.Sleep(20 * time.Millisecond)
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		after = sizeOf(db.path)
		b.StartTimer()
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
	b.ReportMetric(float64(alone.Microseconds())/1000, "alone-ms")
	b.ReportMetric(float64(before)/1e6, "MB-before")
	b.ReportMetric(float64(after)/1e6, "MB-after")
}

// TestSize stores a quarter of the log with all indexes.
func TestSize(t *testing.T) {
	batches := syntheticLog(benchTransactions / 4)
	got := float64(store(t, batches)) / float64(countRecipients(batches))
	if want := 45.0; got > want {
		t.Errorf("got %.1f bytes a recipient; want at most %v", got, want)
	}
	t.Logf("%.1f bytes a recipient", got)
}
