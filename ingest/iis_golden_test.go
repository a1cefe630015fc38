package ingest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relaywatch/mail"
)

// The logs have the shape of rows from the field: columns, quirks and order are as
// servers wrote them, names are invented.
func TestIISGolden(t *testing.T) {
	for _, path := range iisLogs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, strings.TrimSuffix(path, ".log")+".golden.json", readIIS(t, string(log)))
		})
	}
}

func iisLogs(t testing.TB) []string {
	t.Helper()
	logs, err := filepath.Glob("testdata/iis/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("testdata/iis: got %d logs, %v; want some", len(logs), err)
	}
	return logs
}

// Any bytes: each line that is no header is a row that is understood or has a
// reason, each recipient stands at a row of its own, and stops change nothing.
func FuzzIIS(f *testing.F) {
	for _, path := range iisLogs(f) {
		log, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		through, stopped := newIISRun(t), newIISRun(t)
		rows := map[int64]bool{}
		for line := range bytes.Lines(log) {
			body := strings.Trim(strings.TrimPrefix(strings.TrimSuffix(string(line), "\n"), "\xEF\xBB\xBF"), " \t\r")
			rejects, offset := len(through.rejects), through.offset
			through.feed(string(line))
			stopped.feed(string(line))
			stopped.stop()
			noRow := body == "" || strings.HasPrefix(body, "#")
			if noRow && len(through.rejects) > rejects {
				t.Fatalf("line %q: got reject %v; want none", line, through.rejects[rejects])
			}
			rows[offset] = !noRow && len(through.rejects) == rejects
		}
		got := through.batch()
		if a, b := batchJSON(t, got), batchJSON(t, stopped.batch()); !bytes.Equal(a, b) {
			t.Fatalf("without stops %s; with stops %s", a, b)
		}
		for _, tx := range got.Transactions {
			for _, to := range tx.Recipients {
				if !rows[to.Pos.Offset] {
					t.Fatalf("recipient at %d is no row, or is told twice", to.Pos.Offset)
				}
				rows[to.Pos.Offset] = false
			}
			if tx.Direction == mail.In && len(tx.Recipients) > mail.MaxRecipients {
				t.Fatalf("got %d recipients; want at most %d", len(tx.Recipients), mail.MaxRecipients)
			}
		}
	})
}
