package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"relaywatch/mail"
)

// While a backlog is read, what is written meanwhile at the ends of logs is handed to
// Ahead within a slice: at the end of a log, in one that is new, and in space that was
// reserved. What is old is not, also of a log that is renamed. Sink gets all in its turn,
// as a quiet run does.
func TestFollowAhead(t *testing.T) {
	dir := t.TempDir()
	row := func(second int, client, verb, arg string) string {
		return fmt.Sprintf("2026-11-05 23:00:%02d %s pc-%s MX1 %s %s 250 30\r\n", second, client, client, verb, arg)
	}
	message := func(client string) string {
		return row(1, client, "MAIL", "+FROM:<eve@corp.example>") + row(2, client, "RCPT", "+TO:<x@example.net>") + row(3, client, "DATA", "+<id@corp.example>")
	}
	other := strings.Replace(headerW3C, "c-ip cs-username", "cs-username c-ip", 1)
	old := []string{w3c("MX1", 1, 600, "10.0.0.1"), w3c("MX2", 2, 600, "10.0.0.2"), w3c("MX3", 3, 600, "10.0.0.3")}
	// Columns changed; of the session that is open, only the rest is live.
	live := w3c("MX1", 12, 60, "10.0.0.4") + other + "2026-11-05 22:59:00 pc-10.0.0.5 10.0.0.5 MX1 MAIL +FROM:<ann@corp.example> 250 30\r\n"
	grown := "2026-11-05 23:00:00 pc-10.0.0.5 10.0.0.5 MX1 RCPT +TO:<late@example.net> 250 30\r\n" + headerW3C + message("10.9.9.1")
	for i, text := range old {
		writeLog(t, dir, fmt.Sprintf("old%d.log", i), text)
	}
	livePath := writeLog(t, dir, "live.log", live)
	reserved := w3c("MX4", 11, 60, "10.0.0.6")
	reservedPath := writeLog(t, dir, "reserved.log", reserved+strings.Repeat("\x00", 8<<10))
	reserved += message("10.9.9.3")

	k := newKept()
	ahead := map[string]int{} // By client, at which batch of the backlog.
	over := 0
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ticks := make(chan time.Time)
	w := &following{t: t}
	writeAll := func() {
		if err := os.Rename(filepath.Join(dir, "old2.log"), filepath.Join(dir, "old2.bak")); err != nil {
			t.Fatal(err)
		}
		w.append(livePath, grown)
		w.append(filepath.Join(dir, "new.log"), headerW3C+message("10.9.9.2"))
		f, err := os.OpenFile(reservedPath, os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(reserved), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	inTurn := map[string]int{}
	f := &Follower{Sources: []Source{{Path: dir}}, Tick: ticks, BatchRows: 100, Poll: PollAlways}
	f.Ahead = func(_ context.Context, b *Batch) error {
		if b == nil {
			over++
			return nil
		}
		for _, tx := range b.Transactions {
			if ahead[tx.ClientIP] == 0 {
				ahead[tx.ClientIP] = k.batches
			}
			for _, r := range tx.Recipients {
				if r.Path != "x@example.net" && r.Path != "late@example.net" {
					t.Errorf("%s, %s was handed on though it is old", tx.ClientIP, r.Path)
				}
			}
		}
		return nil
	}
	looks := 0
	f.Looked = func() {
		if looks++; looks > 3*(slowLooks+1) {
			stop()
		}
	}
	go func() {
		for {
			select {
			case ticks <- time.Now():
			case <-ctx.Done():
				return
			}
		}
	}()
	err := f.Run(ctx, func(ctx context.Context, b *Batch) error {
		if k.batches == aheadEvery {
			writeAll()
		}
		for _, tx := range b.Transactions {
			if inTurn[tx.ClientIP] == 0 {
				inTurn[tx.ClientIP] = k.batches + 1
			}
		}
		return k.sink(ctx, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"10.9.9.1", "10.9.9.2", "10.9.9.3"} {
		if ahead[client] == 0 || ahead[client] > 2*aheadEvery || inTurn[client] <= 4*aheadEvery {
			t.Errorf("%s: handed on after batch %d of the backlog, and in its turn in batch %d; want the first within %d, long before", client, ahead[client], inTurn[client], 2*aheadEvery)
		}
	}
	if over != 1 {
		t.Errorf("got told %d times that all had its turn; want once", over)
	}
	w.compare(k, append(old, live+grown, reserved, headerW3C+message("10.9.9.2"))...)
}

// Before Run, what is not read yet is handed to Ahead once, also of a log that is renamed
// since or new, and sink gets it in its turn.
func TestFollowAheadOfRun(t *testing.T) {
	dir := t.TempDir()
	w := &following{t: t}
	message := func(client string) (rows string) {
		for i, command := range []string{"MAIL +FROM:<eve@corp.example>", "RCPT +TO:<x@example.net>", "DATA +<id@corp.example>"} {
			rows += fmt.Sprintf("2026-11-05 23:00:%02d %s pc-1 MX1 %s 250 30\r\n", i, client, command)
		}
		return rows
	}
	old := w3c("MX1", 11, 2, "10.0.0.1")
	path := writeLog(t, dir, "live.log", old)
	k := newKept()
	k.mustRead(t, 0, dir)
	w.append(path, message("10.9.9.0"))
	old += message("10.9.9.0")
	var got []string
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ticks := make(chan time.Time)
	f := &Follower{Sources: []Source{{Path: dir}}, Resume: k.resume, Tick: ticks, Poll: PollAlways}
	over := false
	f.Ahead = func(_ context.Context, b *Batch) error {
		if over = b == nil; over {
			stop()
			return nil
		}
		for _, tx := range b.Transactions {
			got = append(got, tx.ClientIP)
		}
		return nil
	}
	look := func(want ...string) {
		t.Helper()
		got = nil
		if err := f.LookAhead(ctx); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got mail of %v; want %v", got, want)
		}
	}
	look("10.9.9.0")
	look()
	w.append(path, message("10.9.9.1"))
	look("10.9.9.1")
	look()
	moved := filepath.Join(dir, "moved.log")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	w.append(moved, message("10.9.9.2"))
	w.append(path, headerW3C+message("10.9.9.3"))
	look("10.9.9.2", "10.9.9.3")
	go func() {
		for {
			select {
			case ticks <- time.Now():
			case <-ctx.Done():
				return
			}
		}
	}()
	if err := f.Run(ctx, k.sink); err != nil {
		t.Fatal(err)
	}
	if !over {
		t.Error("nobody said that all had its turn")
	}
	w.compare(k, old+message("10.9.9.1")+message("10.9.9.2"), headerW3C+message("10.9.9.3"))
}

// Where much waits in the logs before Run, only what is written since is ahead.
func TestFollowAheadOfMuch(t *testing.T) {
	dir := t.TempDir()
	w := &following{t: t}
	old := w3c("MX1", 11, 60, "10.0.0.1") + strings.Repeat("#"+strings.Repeat(" ", 1021)+"\r\n", littleWaits>>10)
	path := writeLog(t, dir, "live.log", old)
	var got []string
	f := &Follower{Sources: []Source{{Path: dir}}, Ahead: func(_ context.Context, b *Batch) error {
		for _, tx := range b.Transactions {
			got = append(got, tx.ClientIP)
		}
		return nil
	}}
	for range 2 {
		if err := f.LookAhead(t.Context()); err != nil || len(got) > 0 {
			t.Fatalf("got %v, mail of %v; want none", err, got)
		}
	}
	w.append(path, w3c("MX1", 23, 1, "10.9.9.1"))
	if err := f.LookAhead(t.Context()); err != nil || fmt.Sprint(got) != "[10.9.9.1]" {
		t.Errorf("got %v, mail of %v; want that of 10.9.9.1", err, got)
	}
}

// compare compares what was kept with a quiet run over whole logs.
func (w *following) compare(k *kept, logs ...string) {
	w.t.Helper()
	dir, want := w.t.TempDir(), newKept()
	for i, content := range logs {
		writeLog(w.t, dir, string(rune('a'+i))+".log", content)
	}
	want.mustRead(w.t, 0, dir)
	if k.rows != want.rows {
		w.t.Errorf("got %d rows; want %d", k.rows, want.rows)
	}
	byPos := map[mail.LogPos]mail.Transaction{}
	for _, tx := range k.list() {
		byPos[tx.Pos] = tx
	}
	for _, tx := range want.list() {
		if got := byPos[tx.Pos]; fmt.Sprint(got) != fmt.Sprint(tx) {
			w.t.Errorf("got %v; want %v", got, tx)
		}
	}
}
