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

// ruleText is a rule file with some lines more.
func ruleText(name, more string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("rule: " + name + `
about: Test.
remedy: None.
submitters: [ip]
window: 1h
when: recipients >= 1
weight: 50
level: alert
says: sent
tests:
  - {name: finds, sent: {from: "ip:10.1.1.1", to: u@example.net}, finds: {submitter: "ip:10.1.1.1"}}
  - {name: silent, sent: {from: "ip:198.51.100.7", to: u@example.net}, finds: []}
` + more + "\n")}
}

func TestWrongVariants(t *testing.T) {
	_, err := detect.LoadRules(fstest.MapFS{
		"fanout.yaml":  ruleText("fanout", ""),
		"slow.yaml":    ruleText("slow", "variant_of: fanout"),
		"slower.yaml":  ruleText("slower", "variant_of: slow"),
		"self.yaml":    ruleText("self", "variant_of: self"),
		"typed.yaml":   ruleText("typed", "variant_of: fanuot"),
		"wrong.yaml":   ruleText("wrong", "wight: 1"),
		"wronger.yaml": ruleText("wronger", "variant_of: wrong"), // Exists, though it is wrong.
	})
	want := `wrong.yaml:13:1: no key "wight" here (did you mean weight?)
self.yaml:13:13: a rule is no variant of itself
slower.yaml:13:13: rule "slow" is a variant itself (name fanout)
typed.yaml:13:13: no rule "fanuot" in this folder (did you mean fanout?)`
	if err == nil {
		t.Fatal("got no error; want some")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// Who allows a newsletter host to mail many in an hour means many in a day too.
func TestVariantsAreAllowedTogether(t *testing.T) {
	for _, c := range []struct {
		name   string
		except string // Of rule fanout.
		allow  string // Rule of an allow-list entry.
		want   []string
	}{
		{"neither", "ip:10.1.4.8", "other", []string{"fanout", "slow"}},
		{"allowed for the rule", "ip:10.1.4.8", "fanout", []string{}},
		{"allowed for the variant", "ip:10.1.4.8", "slow", []string{"fanout"}},
		{"excepted from the rule", "ip:10.1.4.7", "other", []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := detect.LoadRules(fstest.MapFS{
				"fanout.yaml": ruleText("fanout", `except: ["`+c.except+`"]`),
				"slow.yaml":   ruleText("slow", "variant_of: fanout"),
				"other.yaml":  ruleText("other", `except: ["ip:10.1.4.7"]`),
			})
			if err != nil {
				t.Fatal(err)
			}
			site := corp()
			site.Allow = []detect.Allow{{Submitter: "ip:10.1.4.7", Rules: []string{c.allow}, Reason: "newsletter"}}
			got := []string{}
			for _, f := range judged(t, rules, site, sending{from: "10.1.4.7", at: noon, times: 1, to: "u@example.net"}).Findings {
				if f.Silenced == "" {
					got = append(got, f.Rule)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("rules that accuse (-want +got):\n%s", diff)
			}
		})
	}
}
