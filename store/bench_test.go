package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// The shape of a log of a million IIS rows: see syntheticLog.
const (
	benchHosts        = 500
	benchTransactions = 115_000
	benchRecipients   = 590_000
	benchAddresses    = 150_000
	benchRowBytes     = 139
	benchBatch        = 6_000 // Transactions in a batch: some 50,000 rows.
)

// syntheticLog is what a log of a million rows over five days tells: 115,000
// transactions of 500 hosts, whose rows interleave, with 590,000 recipients at
// 150,000 addresses in 8,000 domains.
func syntheticLog() []*ingest.Batch {
	random := rand.New(rand.NewPCG(1, 2))
	paths := make([]mail.Path, benchAddresses)
	for i := range paths {
		paths[i] = mail.Path(fmt.Sprintf("user.%d@%s%d.example", random.IntN(1_000_000)+i*10, []string{"mail", "corp", "firm"}[i%8_000%3], i%8_000))
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
	for i := range benchTransactions {
		if i%benchBatch == 0 {
			batches = append(batches, &ingest.Batch{Sessions: make([]byte, 20_000)})
		}
		b := batches[len(batches)-1]
		tx := hosts[random.IntN(benchHosts)]
		tx.Pos, tx.At = at(offset), t0+mail.Time(i*5*86400/benchTransactions)
		tx.ReversePath, tx.SizeBytes = paths[random.IntN(benchHosts*2)], random.Int64N(60_000)
		// Half have one recipient, few have many: five on average.
		n := 1
		if random.IntN(2) == 0 {
			n = 1 + random.IntN(2*(benchRecipients/benchTransactions*2-1)-1)
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

func BenchmarkWrite(b *testing.B) {
	batches := syntheticLog()
	recipients := 0
	for _, batch := range batches {
		for i := range batch.Transactions {
			recipients += len(batch.Transactions[i].Recipients)
		}
	}
	var size int64
	b.ReportAllocs()
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "relaywatch.db")
		db, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if err := db.SetOwnDomains(b.Context(), []string{"corp1.example"}); err != nil {
			b.Fatal(err)
		}
		for _, batch := range batches {
			write(b, db, batch)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	b.ReportMetric(float64(size)/float64(recipients), "bytes/recipient")
	b.ReportMetric(float64(recipients)*float64(b.N)/b.Elapsed().Seconds(), "recipients/s")
}
