package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"relaywatch/store"
)

// decidedStore is a store of the shipped logs, with a decision and an entry of the
// allow-list.
func decidedStore(t *testing.T) string {
	t.Helper()
	db := filepath.Join(t.TempDir(), "samples.db")
	mustRun(t, 0, "--config", "samples/relaywatch.yaml", "--db", db, "ingest")
	mustRun(t, 0, "--db", db, "triage", "ip:10.1.4.7", "confirmed", "--note", "off the network")
	mustRun(t, 0, "--db", db, "allow", "add", "ip:10.1.7.31", "--reason", "letters", "--until", "never")
	mustRun(t, 0, "--config", "samples/relaywatch.yaml", "--db", db, "ingest") // Which judges anew with the entry.
	return db
}

// parquetRows are the rows of a file as text, by the library's own reader: NULL as a
// dash, times as the views tell them.
func parquetRows(t *testing.T, path string) (columns, rows []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	times := map[int]bool{}
	for i, field := range f.Schema().Fields() {
		columns = append(columns, field.Name())
		logical := field.Type().LogicalType()
		times[i] = logical != nil && strings.HasPrefix(logical.String(), "TIMESTAMP")
	}
	reader := parquet.NewGenericReader[any](f)
	defer reader.Close()
	buffer := make([]parquet.Row, 10)
	for err == nil {
		var n int
		n, err = reader.ReadRows(buffer)
		for _, row := range buffer[:n] {
			cells := make([]string, len(row))
			for i, v := range row {
				switch {
				case v.IsNull():
					cells[i] = "-"
				case times[i]:
					cells[i] = time.UnixMilli(v.Int64()).UTC().Format(time.RFC3339)
				case v.Kind() == parquet.Double:
					cells[i] = fmt.Sprint(v.Double())
				default:
					cells[i] = v.String()
				}
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return columns, rows
}

// viewRows are the rows of a query in the same form.
func viewRows(t *testing.T, path, sql string) (columns, rows []string) {
	t.Helper()
	db, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Query(t.Context(), sql, func(names []string, values []any) error {
		columns = slices.Clone(names)
		if values == nil {
			return nil
		}
		cells := make([]string, len(values))
		for i, v := range values {
			if cells[i] = fmt.Sprint(v); v == nil {
				cells[i] = "-"
			}
		}
		rows = append(rows, strings.Join(cells, " | "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return columns, rows
}

// TestExport: a Parquet file has the rows of its view, of every view, and of a period
// those that the text of the time tells.
func TestExport(t *testing.T) {
	t.Chdir("../..")
	db := decidedStore(t)
	dir := t.TempDir()
	_, views := viewRows(t, db, `SELECT name FROM sqlite_schema WHERE type = 'view'`)
	mustRun(t, 0, append([]string{"--db", db, "export", "--out", dir}, views...)...)
	for _, view := range views {
		wantColumns, want := viewRows(t, db, `SELECT * FROM `+view)
		columns, got := parquetRows(t, filepath.Join(dir, view+".parquet"))
		if diff := cmp.Diff(wantColumns, columns); diff != "" {
			t.Errorf("%s: columns (- of the view, + of the file):\n%s", view, diff)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: rows (- of the view, + of the file):\n%.2000s", view, diff)
		}
	}
	for view, where := range map[string]string{
		"v_transactions": `time >= '2026-11-05T02:14:12Z' AND time < '2026-11-05T02:15:30Z'`,
		"v_recipients":   `time >= '2026-11-05T02:14:12Z' AND time < '2026-11-05T02:15:30Z'`,
		"v_suspects":     `submitter = 'ip:10.1.4.7'`, // Since 02:14:42.
	} {
		path := filepath.Join(dir, "period-"+view+".parquet")
		mustRun(t, 0, "--db", db, "export", "--since", "2026-11-05T02:14:12Z", "--until", "2026-11-05T02:15:30Z", "--out", path, view)
		_, want := viewRows(t, db, `SELECT * FROM `+view+` WHERE `+where)
		_, got := parquetRows(t, path)
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s of a minute: %d rows (- of the view, + of the file):\n%.2000s", view, len(want), diff)
		}
	}
}

// TestExportInterrupted: no half file stays of a view that is still being read.
func TestExportInterrupted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "endless.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	const endless = `CREATE VIEW v_endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n`
	if _, err := file.ExecContext(t.Context(), endless); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		p := &program{out: io.Discard, err: io.Discard}
		code <- p.run(ctx, []string{"--db", path, "export", "--out", filepath.Join(dir, "all.parquet"), "v_endless"})
	}()
	for begun := false; !begun; {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		begun = len(files) > 0
	}
	cancel()
	if got := <-code; got != exitFailed {
		t.Errorf("got exit code %d; want %d", got, exitFailed)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("got %v, %v beside it; want nothing", files, err)
	}
}

// TestReadingLeavesTheStore: no command that reads changes a byte of the store, or
// leaves a file beside it.
func TestReadingLeavesTheStore(t *testing.T) {
	t.Chdir("../..")
	db := decidedStore(t)
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	for i, args := range [][]string{
		{"suspects"},
		{"explain"},
		{"explain", "--check"},
		{"triage"},
		{"triage", "ip:10.1.4.7"},
		{"allow", "list"},
		{"allow", "test", "ip:10.1.4.7"},
		{"senders"},
		{"relaycheck"},
		{"query", "SELECT * FROM v_recipients"},
		{"schema"},
		{"status"},
		{"rules", "replay", "--rules", "rules"},
		{"rules", "calibrate"},
		{"digest", "--date", "2026-11-05"},
		{"export", "--out", filepath.Join(t.TempDir(), "a.csv")},
		{"backup", filepath.Join(t.TempDir(), "copy.db")},
	} {
		var out, errOut bytes.Buffer
		p := &program{out: &out, err: &errOut}
		if code := p.run(t.Context(), append([]string{"--config", "samples/relaywatch.yaml", "--db", db}, args...)); code != exitDone {
			t.Errorf("%q: got exit code %d: %s", args, code, errOut.String())
		}
		after, err := os.ReadFile(db)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Fatalf("%q changed the store (%d)", args, i)
		}
		if files, err := filepath.Glob(db + "?*"); err != nil || len(files) > 0 {
			t.Errorf("%q left %v, %v beside the store", args, files, err)
		}
	}
}
