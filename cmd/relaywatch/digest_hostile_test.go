package main

import (
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHostileDigest takes hostile text from the logs into the mail: markup, line
// ends, control characters and those that turn the direction.
func TestHostileDigest(t *testing.T) {
	dir := t.TempDir()
	config, db := filepath.Join(dir, "relaywatch.yaml"), filepath.Join(dir, "hostile.db")
	text := fmt.Sprintf("store: {path: %q}\nnetwork: {own_domains: [corp.example]}\ndigest: {from: relaywatch@corp.example, to: [oncall@corp.example]}\n", db)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, 0, "--config", config, "ingest", hostileLogs(t))
	args := []string{"--config", config, "digest", "--date", "2026-11-05"}
	plain := mustRun(t, 0, args...)
	steerless(t, "digest", plain)
	if n := strings.Count(plain, " - critical") + strings.Count(plain, " - high"); n < 15 {
		t.Errorf("got %d suspects; want one for nearly each hostile text", n)
	}
	for _, name := range []string{"day.html", "day.eml", "day.json"} {
		mustRun(t, 0, append(args, "--out", filepath.Join(dir, name))...)
	}
	page := read(t, filepath.Join(dir, "day.html"))
	steerless(t, "day.html", strings.ReplaceAll(page, "\r", ""))
	knownTags := regexp.MustCompile(`^(!doctype|/?html|/?head|meta|/?title|/?style|/?body|/?table|/?tr|/?td|/?p|/?b|br|img|!--\[if|!\[endif\]--)$`)
	for _, tag := range regexp.MustCompile(`<([/!]?[a-zA-Z\[][^\s>]*)[^>]*>`).FindAllStringSubmatch(page, -1) {
		if !knownTags.MatchString(strings.ToLower(tag[1])) || strings.Contains(tag[0], " on") || strings.Contains(tag[0], "href") {
			t.Errorf("got the tag %.100q", tag[0])
		}
		if strings.HasPrefix(tag[0], "<img") && !strings.Contains(tag[0], `src="data:image/png;base64,`) {
			t.Errorf("got the picture %.100q", tag[0])
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(read(t, filepath.Join(dir, "day.eml"))))
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.Header {
		switch name {
		case "Subject", "From", "To", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id":
		default:
			t.Errorf("got the header %s: %q", name, m.Header[name])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
