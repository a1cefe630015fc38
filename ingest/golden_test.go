package ingest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// update rewrites the golden files with what the code says now. Read them before
// they are committed.
var update = flag.Bool("update", false, "rewrite testdata/*/*.golden.json")

// checkGolden compares what b tells with the golden file at path.
func checkGolden(t *testing.T, path string, b *Batch) {
	t.Helper()
	got := batchJSON(t, b)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go test ./ingest/ -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// goldenBatch is a Batch for people: offsets without the log, times and outcomes
// as words, recipients in one line each.
type goldenBatch struct {
	Transactions []goldenTransaction `json:"transactions,omitempty"`
	Logins       []string            `json:"logins,omitempty"`
	Deliveries   []string            `json:"deliveries,omitempty"`
	Rejects      []string            `json:"rejects,omitempty"`
	Missing      []string            `json:"missing,omitempty"`
}

type goldenTransaction struct {
	Row        string   `json:"row"` // Offset and time.
	Server     string   `json:"server,omitempty"`
	Client     string   `json:"client,omitempty"`
	HELO       string   `json:"helo,omitempty"`
	User       string   `json:"user,omitempty"`
	From       string   `json:"from"`
	To         []string `json:"to,omitempty"`
	End        string   `json:"end,omitempty"`
	SizeBytes  int64    `json:"size_bytes"`
	Properties []string `json:"properties,omitempty"`
}

func batchJSON(t *testing.T, b *Batch) []byte {
	t.Helper()
	var g goldenBatch
	for i := range b.Transactions {
		g.Transactions = append(g.Transactions, goldenOf(&b.Transactions[i]))
	}
	for _, l := range b.Logins {
		g.Logins = append(g.Logins, fmt.Sprintf("%d %v %s %s user %q ok %t", l.Pos.Offset, l.At, l.Server, l.ClientIP, l.User, l.OK))
	}
	for _, d := range b.Deliveries {
		g.Deliveries = append(g.Deliveries, fmt.Sprintf("%d %v %s to %s: %s > %s: %q %d %q after %d s", d.Pos.Offset, d.At, d.Server, d.RemoteIP,
			pathText(d.ReversePath), pathText(d.Recipient), d.Outcome, d.Reply, d.Text, max(0, d.RepliedAt-d.At)))
	}
	for _, r := range b.Rejects {
		g.Rejects = append(g.Rejects, fmt.Sprintf("%d %s: %q", r.Pos.Offset, r.Reason, r.Text))
	}
	for _, l := range b.Logs {
		g.Missing = append(g.Missing, l.Missing...)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(g); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func goldenOf(tx *mail.Transaction) goldenTransaction {
	g := goldenTransaction{
		Row: fmt.Sprintf("%d %v", tx.Pos.Offset, tx.At), Server: tx.Server, Client: tx.ClientIP, HELO: tx.HELO,
		User: tx.User, From: pathText(tx.ReversePath), SizeBytes: tx.SizeBytes,
	}
	if tx.ServerIP != "" {
		g.Server += " " + tx.ServerIP
	}
	for _, r := range tx.Recipients {
		g.To = append(g.To, fmt.Sprintf("%d %v %s %d", r.Pos.Offset, r.At, pathText(r.Path), r.Reply))
	}
	if tx.Outcome != mail.Open {
		g.End = fmt.Sprintf("%v %v", tx.Outcome, tx.EndAt)
	}
	for _, p := range []struct {
		name string
		is   bool
	}{
		{"out", tx.Direction == mail.Out},
		{"authenticated", tx.Authenticated},
		{"relay right", tx.RelayRight},
		{"hop", tx.Hop},
		{"probe", tx.Probe},
		{"inexact", !tx.Exact},
	} {
		if p.is {
			g.Properties = append(g.Properties, p.name)
		}
	}
	return g
}

func pathText(p mail.Path) string {
	if !p.Known() {
		return "?"
	}
	return "<" + string(p) + ">"
}
