package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relaywatch/samples/traffic"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run([]string{"--out", dir, "--days", "3"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"infected   ip:10.1.4.7", `guessed    user:corp\d.mercer`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got output %q; want %q in it", out.String(), want)
		}
	}
	for _, name := range []string{"iis/ex261103.log", "iis/ex261105.log", "exchange/FrontEnd/ProtocolLog/SmtpReceive/RECV2026110503-1.LOG"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
}

// A world comes with a configuration and the truth.
func TestRunWorld(t *testing.T) {
	set := filepath.Join(t.TempDir(), "set.txt")
	var rows strings.Builder
	for i := range 500 { // Ten people who write to each other from nine to five.
		fmt.Fprintln(&rows, i%10, (i*7+3)%11, i/10*86_400+9*3600+i%8*3600)
	}
	if err := os.WriteFile(set, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{{"--people", "12"}, {"--people", "12", "--exchange"}, {"--behaviour", set}} {
		dir := t.TempDir()
		var out bytes.Buffer
		if err := run(append([]string{"--scenario", "world", "--days", "8", "--out", dir}, more...), &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "people who write like") {
			t.Errorf("got output %q", out.String())
		}
		data, err := os.ReadFile(filepath.Join(dir, "truth.json"))
		if err != nil {
			t.Fatal(err)
		}
		var truth traffic.Truth
		if err := json.Unmarshal(data, &truth); err != nil {
			t.Fatal(err)
		}
		if truth.Days != 8 || len(truth.People) < 5 || len(truth.Kinds) < len(truth.People) {
			t.Errorf("%v: got truth of %d days, %d people and %d submitters", more, truth.Days, len(truth.People), len(truth.Kinds))
		}
		config, err := os.ReadFile(filepath.Join(dir, "relaywatch.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(config), "submitter: 'ip:10.0.9.12'") {
			t.Errorf("got configuration %s; want the newsletter host on its allow-list", config)
		}
		logs, err := filepath.Glob(filepath.Join(dir, "logs", "ex*.log"))
		if err != nil {
			t.Fatal(err)
		}
		if more[len(more)-1] != "--exchange" && len(logs) < 8 {
			t.Errorf("%v: got %d logs; want one a day", more, len(logs))
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--out", t.TempDir(), "--days", "0"},
		{"--out", t.TempDir(), "--scenario", "bench", "--rows", "-1"},
		{"--out", t.TempDir(), "--scenario", "worm"},
		{"--out", t.TempDir(), "--scenario", "world", "--people", "-1"},
		{"--out", t.TempDir(), "--scenario", "world", "--behaviour", filepath.Join(t.TempDir(), "none.txt")},
	} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%v: got no error; want one", args)
		}
	}
}
