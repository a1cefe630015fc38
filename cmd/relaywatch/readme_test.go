package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the README shows first is what the program prints of the samples, but for the
// lines that it leaves out.
func TestReadmeShowsTheSamples(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```\n$ relaywatch suspects\n")
	shown, _, found := strings.Cut(after, "```\n")
	suspects, explained, both := strings.Cut(shown, "\n$ relaywatch explain ip:10.1.4.7\n")
	if !found || !both {
		t.Fatal("README.md does not show suspects and explain any more")
	}
	db := filepath.Join(t.TempDir(), "samples.db")
	do := func(args ...string) string {
		return mustRun(t, 0, append([]string{"--config", "samples/relaywatch.yaml", "--db", db}, args...)...)
	}
	do("ingest")
	if got := do("suspects"); got != suspects {
		t.Errorf("suspects: got\n%s\nthe README shows\n%s", got, suspects)
	}
	lines := strings.Split(do("explain", "ip:10.1.4.7"), "\n")
	for line := range strings.Lines(explained) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimSpace(line) == "…" {
			continue
		}
		i := 0
		for i < len(lines) && lines[i] != line {
			i++
		}
		if i == len(lines) {
			t.Fatalf("explain does not print this, or not in this place:\n%s", line)
		}
		lines = lines[i+1:]
	}
}
