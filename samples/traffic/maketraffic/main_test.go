package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--out", t.TempDir(), "--days", "0"},
		{"--out", t.TempDir(), "--scenario", "bench", "--rows", "-1"},
		{"--out", t.TempDir(), "--scenario", "worm"},
	} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%v: got no error; want one", args)
		}
	}
}
