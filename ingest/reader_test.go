package ingest

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"relaywatch/mail"
)

// kept is what a store keeps of Batches.
type kept struct {
	transactions map[mail.LogPos]mail.Transaction
	rejects      []mail.Reject
	resume       Resume
	batches      int
	rows         int64
	front        mail.Time
}

func newKept() *kept { return &kept{transactions: map[mail.LogPos]mail.Transaction{}} }

func (k *kept) sink(_ context.Context, b *Batch) error {
	for _, part := range b.Transactions {
		former, ok := k.transactions[part.Pos]
		if ok != part.Continued || len(former.Recipients) != part.Former {
			return fmt.Errorf("%v: continued %v after %d recipients; kept %v, %d", part.Pos, part.Continued, part.Former, ok, len(former.Recipients))
		}
		part.Recipients = append(former.Recipients, part.Recipients...)
		part.Former, part.Continued = 0, false
		k.transactions[part.Pos] = part
	}
	k.rejects = append(k.rejects, b.Rejects...)
	for _, l := range b.Logs {
		k.resume.Logs = slices.DeleteFunc(k.resume.Logs, func(o Log) bool { return o.ID == l.ID })
		k.resume.Logs = append(k.resume.Logs, l)
	}
	k.resume.Sessions = b.Sessions
	k.batches++
	k.rows += b.Rows
	k.front = b.Front
	return nil
}

// list returns the transactions in the order of time and place.
func (k *kept) list() []mail.Transaction {
	var list []mail.Transaction
	for _, t := range k.transactions {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b mail.Transaction) int { return cmp.Or(cmp.Compare(a.At, b.At), a.Pos.Compare(b.Pos)) })
	return list
}

func (k *kept) read(t testing.TB, batchRows int, paths ...string) (Result, error) {
	t.Helper()
	r := &Reader{Resume: k.resume, BatchRows: batchRows}
	for _, p := range paths {
		r.Sources = append(r.Sources, Source{Path: p})
	}
	return r.Run(t.Context(), k.sink)
}

func (k *kept) mustRead(t testing.TB, batchRows int, paths ...string) Result {
	t.Helper()
	result, err := k.read(t, batchRows, paths...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

const headerW3C = "#Software: Microsoft Internet Information Services 6.0\r\n#Version: 1.0\r\n#Date: 2026-11-05 00:00:01\r\n" +
	"#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status cs-bytes \r\n"

// w3c writes a log of one server: n messages of each client, one a minute.
func w3c(server string, hour, n int, clients ...string) string {
	var b strings.Builder
	b.WriteString(headerW3C)
	for i := range n {
		for _, c := range clients {
			row := func(verb, arg string, status, size int) {
				fmt.Fprintf(&b, "2026-11-05 %02d:%02d:%02d %s pc-%s %s %s %s %d %d\r\n", hour+i/60, i%60, len(c)%60, c, c, server, verb, arg, status, size)
			}
			row("EHLO", "+pc", 250, 10)
			row("MAIL", "+FROM:<ann@corp.example>", 250, 30)
			row("RCPT", fmt.Sprintf("+TO:<u%d@example.net>", i), 250, 30)
			row("RCPT", fmt.Sprintf("+TO:<v%d@example.org>", i), 250, 30)
			row("DATA", "+<id@corp.example>", 250, 2000)
			row("QUIT", "pc", 240, 4)
		}
	}
	return b.String()
}

func writeLog(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is read does not depend on the size of batches, on the order in which logs
// are named, on how often the run is stopped, or on how far a log was written by
// then.
func TestReadInAnyPortions(t *testing.T) {
	logs := map[string]string{
		"a.log": w3c("MAIL01", 8, 20, "10.0.0.1", "10.0.0.22"),
		"b.log": w3c("MAIL02", 8, 20, "10.0.0.1", "10.0.0.3"),
		"c.log": w3c("MAIL01", 9, 20, "10.0.0.1"),
		"d.log": w3c("MAIL03", 8, 5, "10.0.0.9") + "not a row\r\n" + w3c("MAIL03", 10, 5, "10.0.0.9"),
	}
	dir := t.TempDir()
	for name, content := range logs {
		writeLog(t, dir, name, content)
	}
	want := newKept()
	want.mustRead(t, 0, dir)
	if len(want.transactions) != 110 || len(want.rejects) != 1 {
		t.Fatalf("got %d transactions, %d rejects; want 110, 1", len(want.transactions), len(want.rejects))
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		names := rapid.Permutation([]string{"a.log", "b.log", "c.log", "d.log"}).Draw(rt, "order")
		var paths []string
		for _, n := range names {
			paths = append(paths, filepath.Join(dir, n))
		}
		got := newKept()
		for range rapid.IntRange(0, 3).Draw(rt, "stops") {
			for _, n := range []string{"a.log", "b.log", "d.log"} {
				written := rapid.IntRange(0, len(logs[n])).Draw(rt, "written")
				if info, err := os.Stat(filepath.Join(dir, n)); err == nil && info.Size() > int64(written) {
					continue
				}
				writeLog(t, dir, n, logs[n][:written])
			}
			if _, err := got.read(t, rapid.IntRange(1, 50).Draw(rt, "batch"), dir); err != nil && !errors.Is(err, ErrNoLogs) {
				rt.Fatal(err)
			}
		}
		for n, content := range logs {
			writeLog(t, dir, n, content)
		}
		got.mustRead(t, rapid.IntRange(1, 100).Draw(rt, "batch"), paths...)
		if diff := gocmp.Diff(want.list(), got.list()); diff != "" {
			rt.Fatalf("transactions (-whole +portions):\n%s", diff)
		}
		if diff := gocmp.Diff(want.rejects, got.rejects); diff != "" {
			rt.Fatalf("rejects (-whole +portions):\n%s", diff)
		}
		ignore := cmpopts.IgnoreFields(Log{}, "Path")
		byID := cmpopts.SortSlices(func(a, b Log) bool { return a.ID < b.ID })
		if diff := gocmp.Diff(want.resume.Logs, got.resume.Logs, ignore, byID); diff != "" {
			rt.Fatalf("logs (-whole +portions):\n%s", diff)
		}
	})
}

// The same log again adds nothing, wherever it lies and however it is packed.
func TestSameLogAddsNothing(t *testing.T) {
	content := w3c("MAIL01", 8, 300, "10.0.0.1")
	tests := []struct {
		name  string
		again func(dir string) string
	}{
		{"read again", func(dir string) string { return filepath.Join(dir, "ex.log") }},
		{"renamed", func(dir string) string { return writeLog(t, t.TempDir(), "old.log", content) }},
		{"an excerpt", func(dir string) string { return writeLog(t, t.TempDir(), "x.log", content[:700]) }},
		{"compressed", func(dir string) string { return gzipLog(t, t.TempDir(), "ex.log.gz", content) }},
		{"compressed and cut off", func(dir string) string {
			path := gzipLog(t, t.TempDir(), "ex.log.gz", content)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return writeLog(t, t.TempDir(), "cut.gz", string(b[:len(b)/2]))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeLog(t, dir, "ex.log", content)
			k := newKept()
			k.mustRead(t, 0, dir)
			rows := k.rows
			result := k.mustRead(t, 0, tt.again(dir))
			if k.rows != rows || result.Rows != 0 || result.Same != 1 {
				t.Errorf("got %d rows more, result %+v; want none, 1 the same", k.rows-rows, result)
			}
		})
	}
	t.Run("two copies in one run, one of them longer", func(t *testing.T) {
		dir := t.TempDir()
		half := strings.LastIndex(content[:len(content)/2], "\n") + 1
		writeLog(t, dir, "a.log", content[:half])
		gzipLog(t, dir, "b.log.gz", content)
		k := newKept()
		k.mustRead(t, 0, dir)
		if len(k.transactions) != 300 || k.rows != 1800 {
			t.Errorf("got %d transactions of %d rows; want 300 of 1800", len(k.transactions), k.rows)
		}
	})
}

func gzipLog(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Logs overlap in time, so their rows come in turn, and a Batch's front never
// passes a row that is still to come.
func TestMergeByTime(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, "a.log", w3c("MAIL01", 8, 50, "10.0.0.1"))
	writeLog(t, dir, "b.log", w3c("MAIL02", 8, 50, "10.0.0.22"))
	writeLog(t, dir, "c.log", w3c("MAIL01", 9, 50, "10.0.0.1"))
	r := &Reader{Sources: []Source{{Path: dir}}, BatchRows: 7}
	front := mail.Time(0)
	_, err := r.Run(t.Context(), func(_ context.Context, b *Batch) error {
		for _, tx := range b.Transactions {
			if !tx.Continued && tx.At < front {
				t.Errorf("row of %v after front %v", tx.At, front)
			}
		}
		if b.Front < front {
			t.Errorf("front went back from %v to %v", front, b.Front)
		}
		front = b.Front
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "2026-11-05T08:49:08Z"; front.String() != want {
		t.Errorf("last front is %v; want %v, of the slowest log of the last hour", front, want)
	}
}

func TestReadProblems(t *testing.T) {
	good := w3c("MAIL01", 8, 1, "10.0.0.1")
	tests := []struct {
		name  string
		paths func(dir string) []string
		want  error  // To be in the error's chain.
		says  string // To be in its text.
		rows  int64
	}{
		{"an empty folder", func(dir string) []string { return []string{dir} }, ErrNoLogs, "check the path", 0},
		{"a wrong path", func(dir string) []string { return []string{filepath.Join(dir, "nowhere")} }, fs.ErrNotExist, "nowhere", 0},
		{"a glob without match", func(dir string) []string { return []string{filepath.Join(dir, "ex*.log")} }, fs.ErrNotExist, "no file matches", 0},
		{"a file that is no log", func(dir string) []string { return []string{writeLog(t, dir, "diary.txt", "Dear diary\n")} }, nil, "is no SMTP log", 0},
		{"a refused log beside a good one", func(dir string) []string {
			writeLog(t, dir, "ncsa.log", "192.0.2.121 - pc7 [05/Nov/2026:13:16:39 -0600] \"EHLO -?+pc7 SMTP\" 250 46\n")
			writeLog(t, dir, "ex.log", good)
			return []string{dir}
		}, nil, "NCSA", 6},
		{"a diary in a folder of logs", func(dir string) []string {
			writeLog(t, dir, "diary.txt", "Dear diary\n")
			writeLog(t, dir, "ex.log", good)
			return []string{dir}
		}, nil, "", 6},
		{"broken compression", func(dir string) []string { return []string{writeLog(t, dir, "ex.gz", "\x1f\x8bnonsense")} }, nil, "decompress", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKept()
			_, err := k.read(t, 0, tt.paths(t.TempDir())...)
			if (err != nil) != (tt.says != "") {
				t.Fatalf("got error %v; want one: %v", err, tt.says != "")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v; want %v", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q; want it to say %q", err, tt.says)
			}
			if k.rows != tt.rows {
				t.Errorf("got %d rows; want %d", k.rows, tt.rows)
			}
		})
	}
}

// A log that is renamed after the folder was listed is read under its new name, and the
// one that takes its place is read too.
func TestRollBetweenListAndLook(t *testing.T) {
	one, two := w3c("MAIL01", 8, 60, "10.0.0.1"), w3c("MAIL01", 9, 3, "10.0.0.1")
	for _, c := range []struct {
		name string
		next string // What lies in the log's place; "" for nothing.
		want int64
	}{
		{"the next is begun", two, rowsIn(one) + rowsIn(two)},
		{"the next is not begun", "", rowsIn(one)},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeLog(t, dir, "broken.gz", "\x1f\x8bnonsense") // It is told of before the log is looked at.
			path := writeLog(t, dir, "ex.log", one)
			k := newKept()
			r := &Reader{Sources: []Source{{Path: dir}}, Problem: func(of string, err error) {
				if filepath.Base(of) != "broken.gz" {
					t.Errorf("got %s: %v; want no trouble", of, err)
					return
				}
				must(t, os.Rename(path, filepath.Join(dir, "ex-0.log")))
				if c.next != "" {
					writeLog(t, dir, "ex.log", c.next)
				}
			}}
			result, _ := r.Run(t.Context(), k.sink)
			if k.rows != c.want || result.Rows != c.want {
				t.Errorf("got %d rows, %+v; want %d", k.rows, result, c.want)
			}
		})
	}
}

// Half a row at the end of a log is counted and told, by the copy that shows it, until
// the rest is read.
func TestReadUnfinished(t *testing.T) {
	whole := w3c("MAIL01", 8, 3, "10.0.0.1")
	cut := whole[:len(whole)-20]
	rest := int64(len(cut) - strings.LastIndex(cut, "\n") - 1)
	header := whole[:strings.Index(whole, "\n2026-")+1]
	for _, c := range []struct {
		name  string
		files map[string]string // A name with .gz is that of a compressed one.
		want  map[string]int64  // Unfinished bytes by name.
	}{
		{"whole", map[string]string{"a.log": whole}, nil},
		{"nothing but half a row", map[string]string{"a.log": header + "2026-11-05 10"}, map[string]int64{"a.log": 13}},
		{"another file without a line", map[string]string{"a.log": whole, "a.db": "SQLite format 3\x00\x10"}, nil},
		{"no row yet", map[string]string{"a.log": header}, nil},
		{"half a row", map[string]string{"a.log": cut}, map[string]int64{"a.log": rest}},
		{"in reserved space", map[string]string{"a.log": cut + strings.Repeat("\x00", 70_000)}, map[string]int64{"a.log": rest}},
		{"compressed", map[string]string{"a.log.gz": cut}, map[string]int64{"a.log.gz": rest}},
		{"a shorter copy is read last", map[string]string{"a.log": cut, "b.log": whole[:len(whole)/2]}, map[string]int64{"a.log": rest}},
		{"a longer copy is read last", map[string]string{"a.log": whole[:len(whole)/2], "b.log": cut}, map[string]int64{"b.log": rest}},
		{"a whole copy is read last", map[string]string{"a.log": cut, "b.log": whole}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, k := t.TempDir(), newKept()
			for name, content := range c.files {
				if strings.HasSuffix(name, ".gz") {
					gzipLog(t, dir, name, content)
				} else {
					writeLog(t, dir, name, content)
				}
			}
			for _, run := range []string{"first", "second"} {
				got := map[string]int64{}
				for _, l := range k.mustRead(t, 7, dir).Unfinished {
					got[filepath.Base(l.Path)] = l.Unfinished()
				}
				if diff := gocmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s run (-want +got):\n%s", run, diff)
				}
			}
			for _, l := range k.resume.Logs {
				if want := c.want[filepath.Base(l.Path)]; l.Unfinished() != want {
					t.Errorf("%s: got %d bytes kept; want %d", l.Path, l.Unfinished(), want)
				}
			}
		})
	}
}

// A file that is named by itself is looked for once: there is no other to find.
func TestNamedFileIsLookedForOnce(t *testing.T) {
	path := writeLog(t, t.TempDir(), "broken.gz", "\x1f\x8bnonsense")
	told := 0
	r := &Reader{Sources: []Source{{Path: path}}, Problem: func(string, error) {
		told++
		_ = os.Remove(path) // It would be told again, as missing.
	}}
	if _, err := r.Run(t.Context(), newKept().sink); err == nil || told != 1 {
		t.Errorf("got told %d times, %v; want it once", told, err)
	}
}

// Rows are read back from where they stand.
func TestRows(t *testing.T) {
	content := w3c("MAIL01", 8, 300, "10.0.0.1")
	dir := t.TempDir()
	path := writeLog(t, dir, "ex.log", content)
	k := newKept()
	k.mustRead(t, 0, path)
	l := k.resume.Logs[0]
	lines := strings.Split(content, "\r\n")
	var offsets []int64
	at := int64(0)
	for i, line := range lines {
		if i == 4 || i == 1000 {
			offsets = append(offsets, at)
		}
		at += int64(len(line)) + 2
	}
	rows, err := Rows(l, []int64{offsets[1], offsets[0], offsets[1]})
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{mail.LogPos{Log: l.ID, Offset: offsets[0]}, path, 5, lines[4]},
		{mail.LogPos{Log: l.ID, Offset: offsets[1]}, path, 1001, lines[1000]},
	}
	if diff := gocmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(path, []byte(w3c("MAIL09", 8, 9, "10.0.0.9")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rows(l, offsets); !errors.Is(err, ErrLogGone) {
		t.Errorf("got %v after the log was replaced; want ErrLogGone", err)
	}
}

// A log that was read to its end takes no memory any more: a year has hundreds.
func TestLogsAreLetGo(t *testing.T) {
	dir := t.TempDir()
	const logs = 12
	for n := range logs {
		writeLog(t, dir, fmt.Sprintf("%d.log", n), w3c("MAIL01", n, 3500, fmt.Sprintf("10.0.0.%d", n)))
	}
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	r := &Reader{Sources: []Source{{Path: dir}}}
	before := inUse()
	got, err := r.Run(t.Context(), func(context.Context, *Batch) error { return nil })
	must(t, err)
	if kept := inUse() - before; got.Files != logs || kept > logs*readSize/2 {
		t.Errorf("got %d logs, %d bytes kept after them; want %d, and less than half of what reading them takes", got.Files, kept, logs)
	}
	runtime.KeepAlive(r)
}
