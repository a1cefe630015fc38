package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
	"relaywatch/store"
)

// A store that is changed to keep less is what it would be, had it kept so little from
// its first row on: every view, to the last row, and an open session that goes on. No
// byte of what it kept is left.
func TestRecipientsChanged(t *testing.T) {
	open := []string{"+,,", "<,EHLO pc,", ">,250 ok,", "<,MAIL FROM:<ann.adler@corp.example>,", ">,250 ok,", "<,RCPT TO:<waits.for.reply@example.net>,"}
	end := []string{">,250 ok,", "<,DATA,", ">,354 go on,", ">,250 ok,", "<,QUIT,", ">,221 bye,", "-,,Remote"}
	log := filepath.Join(t.TempDir(), "RECV.LOG")
	writeSession(t, log, open...)
	full, args := sampleStore(t, log)
	before := mustRun(t, 0, append(args, "query", "SELECT DISTINCT reverse_path FROM v_transactions")...)
	recipients := strings.Fields(mustRun(t, 0, append(args, "query", "SELECT DISTINCT recipient FROM v_recipients WHERE recipient LIKE '%@%'", "--format", "csv")...))[1:]
	for _, mode := range []string{"hash", "domain"} { // One after the other.
		t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", mode)
		var errOut bytes.Buffer
		if code := run(t.Context(), append(args, "ingest", log), &errOut, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "run `relaywatch recipients` once") {
			t.Errorf("%s: got %d, %s; want it to say what to do", mode, code, &errOut)
		}
		if out := mustRun(t, 0, append(args, "recipients", "--yes")...); !strings.Contains(out, "judged anew") {
			t.Errorf("%s: got %q; want it done", mode, out)
		}
		if out := mustRun(t, 0, append(args, "recipients")...); !strings.Contains(out, "nothing to change") {
			t.Errorf("%s: got %q; want it to be done already", mode, out)
		}
		data, lower := filesOf(t, full)
		for _, r := range append(recipients, "waits.for.reply@") {
			if local, _, _ := strings.Cut(r, "@"); len(local) >= 8 && !strings.Contains(before, local) && (bytes.Contains(data, []byte(local)) || bytes.Contains(lower, []byte(local))) {
				t.Fatalf("%s: got %s in the store; want none of it", mode, r)
			}
		}
		mustRun(t, 0, append(args, "explain", "--check")...)
		sameAsAlways(t, args, full, log)
	}
	writeSession(t, log, append(open, end...)...)
	mustRun(t, 0, append(args, "ingest", log)...)
	sameAsAlways(t, args, full, log)

	t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", "hash")
	var errOut bytes.Buffer
	if code := run(t.Context(), append(args, "recipients", "--yes"), &errOut, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "can't be brought back") {
		t.Errorf("got %d, %s; want it to say that there is no way back", code, &errOut)
	}
}

// sameAsAlways compares a store with one that has had its key from the first row on.
func sameAsAlways(t *testing.T, args []string, db, log string) {
	t.Helper()
	always := filepath.Join(t.TempDir(), "samples.db")
	if err := os.WriteFile(always, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile(always), []byte(read(t, keyFile(db))), 0o600); err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(args)
	other[slices.Index(args, "--db")+1] = always
	samples, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, append(other, "ingest", log, filepath.Join(samples, "iis"), filepath.Join(samples, "exchange"))...)
	if diff := cmp.Diff(viewsOf(t, always), viewsOf(t, db)); diff != "" {
		t.Errorf("want the views as if it had always been so -, got +\n%.4000s", diff)
	}
}

// Killed before the store is changed, nothing is; killed behind that, the new key holds.
func TestRecipientsChangeKilled(t *testing.T) {
	for _, committed := range []bool{false, true} {
		db, args := sampleStore(t)
		t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", "hash")
		key := bytes.Repeat([]byte{7}, keyBytes)
		data := keyText(recipientsHash, key)
		if err := os.WriteFile(changedKeyFile(db), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if committed {
			d, err := store.Open(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Hide(t.Context(), mail.NewPseudonyms(key), keyMark(data)); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var errOut bytes.Buffer
		if code := run(t.Context(), append(args, "ingest", "../../samples/iis"), &errOut, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "was interrupted") {
			t.Errorf("got %d, %s; want it to say that it was interrupted", code, &errOut)
		}
		mustRun(t, 0, append(args, "recipients", "--yes")...)
		if _, got, err := readKey(db); err != nil || bytes.Equal(got, key) != committed {
			t.Errorf("committed %t: got key %x, %v", committed, got, err)
		}
		mustRun(t, 0, append(args, "explain", "--check")...)
		t.Setenv("RELAYWATCH_PRIVACY_RECIPIENTS", "full")
	}
}
