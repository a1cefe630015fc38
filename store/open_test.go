package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/ingest"
)

func TestOpenErrors(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	newStoreAt := func(name, then string) string {
		db := open(t, in(name))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if then != "" {
			execute(t, in(name), then)
		}
		return in(name)
	}
	if err := os.WriteFile(in("notes.txt"), []byte(strings.Repeat("these are notes\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, in("other.db"), `CREATE TABLE songs (title TEXT)`)

	for _, tc := range []struct {
		name     string
		path     string
		is       error  // Of Open; nil: one without a name.
		says     string // Of Open; "" if it succeeds.
		readIs   error
		readSays string
	}{
		{"missing folder", in("no/such/x.db"), nil, "folder " + in("no/such") + " does not exist: create it", ErrNoStore, "run relaywatch ingest first"},
		{"a folder", folder, nil, "it is a folder: add a file name", nil, "it is a folder"},
		{"folder is a file", in("notes.txt/x.db"), nil, "notes.txt is no folder", nil, ""},
		{"text", in("notes.txt"), ErrNotDatabase, "no SQLite database", ErrNotDatabase, "no SQLite database"},
		{"another program's", in("other.db"), ErrNotDatabase, "a database of another program", ErrNotDatabase, "a database of another program"},
		{"newer", newStoreAt("newer.db", `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`), ErrNewer, "was written by a newer relaywatch (schema 9999; this one knows", ErrNewer, "update relaywatch"},
		{"older", newStoreAt("older.db", `DELETE FROM goose_db_version WHERE version_id >= 2; DROP VIEW v_logs`), nil, "already exists", ErrOlder, "run relaywatch ingest once"},
		{"whole", newStoreAt("whole.db", ""), nil, "", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// First for reading, which changes nothing.
			db, err := OpenReadOnly(t.Context(), tc.path)
			if err == nil {
				db.Close()
			}
			if tc.readIs != nil && !errors.Is(err, tc.readIs) {
				t.Errorf("OpenReadOnly: got %v; want %v", err, tc.readIs)
			}
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.readSays) {
				t.Errorf("OpenReadOnly: got %v; want %q", err, tc.readSays)
			}
			db, err = Open(t.Context(), tc.path)
			if err == nil {
				db.Close()
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("Open: got %v; want %v", err, tc.is)
			}
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Open: got %v; want %q", err, tc.says)
			}
		})
	}
}

// TestExplain names the remedy for errors that a test cannot provoke on every
// machine.
func TestExplain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	readOnly := syscall.EROFS
	if runtime.GOOS == "windows" {
		readOnly = 19 // ERROR_WRITE_PROTECT
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&os.PathError{Op: "open", Path: path, Err: syscall.EACCES}, "must be allowed to write the file and folder " + filepath.Dir(path)},
		{&os.PathError{Op: "open", Path: path, Err: readOnly}, "the disk of folder " + filepath.Dir(path) + " is read-only"},
	} {
		if got := explain(path, tc.err).Error(); !strings.Contains(got, tc.want) {
			t.Errorf("got %q; want %q in it", got, tc.want)
		}
	}
}

func TestNewFileIsNotForAll(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes: a file has the rights of its folder")
	}
	db := newStore(t)
	info, err := os.Stat(db.path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got&0o137 != 0 {
		t.Errorf("mode: got %o; want no more than 640", got)
	}
}

// TestOddPaths has names that a URI would read otherwise.
func TestOddPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	paths := []string{"b#c.db", "50%20.db", "d e.db", "h&i.db"}
	if runtime.GOOS != "windows" {
		paths = append(paths, "a?mode=memory.db", "./f:g.db", "/"+dir+"/j.db")
	}
	for _, path := range paths {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		db.Close()
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: got %v, %v; want the store under that name", path, info, err)
		}
	}
}

func TestReadOnlyNeverWrites(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	db.Close()
	before, err := os.ReadFile(db.path)
	if err != nil {
		t.Fatal(err)
	}
	read, err := OpenReadOnly(t.Context(), db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	for name, err := range map[string]error{
		"Write":          read.Write(t.Context(), &ingest.Batch{}),
		"WriteJudgement": read.WriteJudgement(t.Context(), detect.Judgement{}),
		"SetOwnDomains":  read.SetOwnDomains(t.Context(), []string{"corp.example"}),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: got %v; want ErrReadOnly", name, err)
		}
	}
	if got := rows(t, read, `SELECT count(*) FROM v_transactions`); got[0] != "3" {
		t.Errorf("transactions: got %s; want 3", got[0])
	}
	after, err := os.ReadFile(db.path)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the file changed")
	}
}

// TestReadOnlyLeavesNothing: no file stays beside a store that was read, neither
// where this user may write it nor where he may not; what a writer needs stays.
func TestReadOnlyLeavesNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		mode    os.FileMode
		writing bool // A writer has it open.
		want    []string
	}{
		{"own", 0o640, false, []string{"relaywatch.db"}},
		{"another's", 0o440, false, []string{"relaywatch.db"}},
		{"beside a writer", 0o640, true, []string{"relaywatch.db", "relaywatch.db-shm", "relaywatch.db-wal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := newStore(t)
			write(t, db, everything())
			if !tc.writing {
				db.Close()
			}
			if err := os.Chmod(db.path, tc.mode); err != nil {
				t.Fatal(err)
			}
			read, err := OpenReadOnly(t.Context(), db.path)
			if err != nil {
				t.Fatal(err)
			}
			if got := rows(t, read, `SELECT count(*) FROM v_transactions`); got[0] != "3" {
				t.Errorf("transactions: got %s; want 3", got[0])
			}
			if err := read.Close(); err != nil {
				t.Error(err)
			}
			entries, err := os.ReadDir(filepath.Dir(db.path))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("files: want -, got +\n%s", diff)
			}
		})
	}
}

// TestPlainShell reads every view as an analyst without our program would.
func TestPlainShell(t *testing.T) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("no sqlite3 on this machine: the views were not tried in the plain shell")
	}
	db := newStore(t)
	write(t, db, everything())
	judge(t, db, detect.Judgement{Until: t0 + 100, Findings: []detect.Finding{finding("recipient-fanout", t0)}, Episodes: []detect.Episode{episode(t0, t0+60)}})
	for view, want := range map[string]string{
		"v_transactions": "3", "v_recipients": "6", "v_auth": "2", "v_deliveries": "2", "v_findings": "1", "v_silenced": "0",
		"v_suspects": "1", "v_logs": "2", "v_quarantine": "1", "v_hourly": "2", "v_contacts": "3", "v_origins": "3",
	} {
		// Each column is computed, not only counted.
		out, err := exec.CommandContext(t.Context(), shell, "-batch", db.path, "SELECT * FROM "+view+"; SELECT 'rows', count(*) FROM "+view).CombinedOutput()
		if err != nil || !strings.HasSuffix(string(out), "rows|"+want+"\n") {
			t.Errorf("%s: got %s, %v; want %s rows", view, out, err, want)
		}
	}
}

// TestViewsForDuckDB is about what DuckDB's sqlite extension does to a view: it parses the
// text and, where it lacks a function, gives it back to SQLite in its own words. A view
// that is lost on the way can't be read, and keeps DuckDB from listing the others.
func TestViewsForDuckDB(t *testing.T) {
	comment := regexp.MustCompile(`--.*`)
	lost := map[string]*regexp.Regexp{
		"count(*), which becomes count_star()": regexp.MustCompile(`(?i)\bcount\(\s*\*?\s*\)`),
		"CROSS JOIN with ON, no syntax there":  regexp.MustCompile(`(?i)\bCROSS\s+JOIN\s+\w+\s+(AS\s+)?(\w+\s+)?ON\b`),
	}
	db := newStore(t)
	views := 0
	err := db.Query(t.Context(), `SELECT name, sql FROM sqlite_schema WHERE type = 'view'`, func(_ []string, row []any) error {
		views++
		for what, re := range lost {
			if found := re.FindString(comment.ReplaceAllString(fmt.Sprint(row[1]), "")); found != "" {
				t.Errorf("%s: got %q: %s", row[0], found, what)
			}
		}
		return nil
	})
	if err != nil || views < 15 {
		t.Errorf("got %d views, %v; want all", views, err)
	}
}

// TestContract is the names and the order of the columns that analysts rely on.
func TestContract(t *testing.T) {
	db := newStore(t)
	for view, want := range map[string]string{
		"v_transactions": "id, time, server, direction, client_ip, helo, user, authenticated, reverse_path, sender_domain, recipients, accepted, refused, external, size_bytes, outcome, exact, log, log_offset, mail_unix, origin_number, reverse_path_number",
		"v_recipients":   "transaction_id, time, client_ip, user, reverse_path, recipient, domain, external, reply, accepted, mail_unix, rcpt_unix, recipient_number, submitter_number",
		"v_sources":      "server, connector, client_ip, helo, user, authenticated, relay_right, tls, transactions, recipients, external, first_time, last_time, tried, refused",
		"v_origins":      "origin_number, server, connector, direction, client_ip, helo, user, authenticated, relay_right, tls",
		"v_contacts":     "domain, external, first_time, client_ip, helo, user, recipients",
		"v_auth":         "time, server, client_ip, user, outcome",
		"v_deliveries":   "time, server, remote_ip, reverse_path, recipient, reply, text, outcome",
		"v_findings":     "id, rule, submitter, window_start, window_end, flagged_at, weight, sentence, evidence",
		"v_suspects":     "submitter, kind, value, first_flagged, last_flagged, score, severity, rules, recipients, external_recipients, transactions, state, summary",
		"v_watched":      "submitter, kind, value, rule, first_time, last_time, nats, watch_nats, alert_nats, fades_at, recipients, evidence",
		"v_logs":         "log, path, format, server, size_bytes, read_bytes, rows, quarantined, first_time, last_time, state",
		"v_quarantine":   "log, log_offset, reason, text",
		"v_hourly":       "hour, submitter, transactions, recipients, external, refused, submitter_number, hour_unix",
	} {
		err := db.Query(t.Context(), "SELECT * FROM "+view, func(cols []string, _ []any) error {
			if got := strings.Join(cols, ", "); got != want {
				t.Errorf("%s: got %s; want %s", view, got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
