package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// killedStore is the variable that makes the test binary a writer to be killed.
const killedStore = "RELAYWATCH_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedStore); path != "" {
		if err := writeUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// numbered is batch i of an endless log: a transaction in two parts, one in the
// batch before it, and the cursor.
func numbered(i int) *ingest.Batch {
	to := func(i, from, n int) (paths []mail.Path) {
		for j := range n {
			paths = append(paths, mail.Path(fmt.Sprintf("u%d.%d@d%d.example", i, from+j, j%20)))
		}
		return paths
	}
	const n = 300
	start := func(i int) mail.Transaction {
		tx := sent(at(int64(i)*1_000_000), t0+mail.Time(i)*60, "ann@corp.example", to(i, 0, n)...)
		tx.Outcome, tx.EndAt, tx.SizeBytes = mail.Open, 0, -1
		return tx
	}
	b := &ingest.Batch{Logs: []ingest.Log{logAt(log1, int64(i+1)*1_000_000)}, Sessions: []byte(strconv.Itoa(i))}
	b.Transactions = append(b.Transactions, start(i))
	if i > 0 {
		rest := start(i - 1)
		whole := sent(rest.Pos, rest.At, rest.ReversePath, to(i-1, 0, 2*n)...)
		whole.Recipients, whole.Former, whole.Continued = whole.Recipients[n:], n, true
		b.Transactions = append(b.Transactions, whole)
	}
	return b
}

func writeUntilKilled(path string) error {
	db, err := Open(context.Background(), path)
	if err != nil {
		return err
	}
	db.most.count = 1000
	for i := 0; ; i++ {
		if err := db.Write(context.Background(), numbered(i)); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// TestKill kills a writer at several moments, and compares the store with one that
// holds the same number of batches.
func TestKill(t *testing.T) {
	for _, after := range []int{0, 1, 7, 23} {
		path := filepath.Join(t.TempDir(), "relaywatch.db")
		written := writeAndKill(t, path, after)
		db := open(t, path)
		r, err := db.Resume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last, err := strconv.Atoi(string(r.Sessions))
		if err != nil || last < written {
			t.Fatalf("sessions: got %q; want those of batch %d or later", r.Sessions, written)
		}
		want := newStore(t)
		for i := range last + 1 {
			write(t, want, numbered(i))
		}
		for _, table := range []string{
			"v_transactions", "v_recipients", "v_hourly", "v_contacts", "zones", "v_logs", "addresses", "domains", "names", "origins", "submitters", "transactions", "recipients",
		} {
			if diff := cmp.Diff(rows(t, want, "SELECT * FROM "+table), rows(t, db, "SELECT * FROM "+table)); diff != "" {
				t.Errorf("killed after batch %d, %s: want -, got +\n%s", written, table, diff)
			}
		}
		checkSettled(t, db, last >= 1000/600+1)
		if got := rows(t, db, "SELECT * FROM pragma_integrity_check"); got[0] != "ok" {
			t.Errorf("killed after batch %d: %s", written, got)
		}
		// It goes on as if nothing had been.
		write(t, db, numbered(last+1))
		write(t, want, numbered(last+1))
		if diff := cmp.Diff(rows(t, want, "SELECT * FROM v_recipients"), rows(t, db, "SELECT * FROM v_recipients")); diff != "" {
			t.Errorf("killed after batch %d and gone on: want -, got +\n%s", written, diff)
		}
	}
}

// writeAndKill runs a writer and kills it while it writes, once it has told that
// batch after is written.
func writeAndKill(t *testing.T, path string, after int) (written int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), killedStore+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if written, err = strconv.Atoi(lines.Text()); err != nil || written >= after {
			break
		}
	}
	if killErr := child.Process.Kill(); killErr != nil || err != nil {
		t.Fatalf("kill: %v; child said %v", killErr, err)
	}
	_ = child.Wait() // It was killed.
	return written
}
