package detect_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
)

var update = flag.Bool("update", false, "write the golden files")

// Each *.bad.yaml stands beside the message that it must produce.
func TestBadRules(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.bad.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %d bad rules, %v; want some", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".bad.yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(path), ".bad.yaml") + ".yaml"
			rules, err := detect.LoadRules(fstest.MapFS{name: {Data: text}})
			if err == nil || rules != nil {
				t.Fatalf("got %d rules, error %v; want no rule and an error", len(rules), err)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
