package traffic

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The logs in samples/ are what this package writes:
// go run ./samples/traffic/maketraffic --out samples
func TestShippedLogs(t *testing.T) {
	for folder, scene := range map[string]Scene{"iis": IIS(DemoSeed, DemoDays), "exchange": exchangeDemo()} {
		want := map[string][]byte{}
		size := 0
		for _, f := range scene.Files {
			want[f.Path] = f.Data
			size += len(f.Data)
		}
		if size < 300_000 || size > 1_200_000 {
			t.Errorf("%s: got %d bytes; want 300,000 to 1,200,000: they are in every clone", folder, size)
		}
		dir := os.DirFS(path.Join("..", folder))
		err := fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			got, err := fs.ReadFile(dir, name)
			if !bytes.Equal(got, want[name]) {
				t.Errorf("%s/%s: got %d bytes; want %d: make the logs anew", folder, name, len(got), len(want[name]))
			}
			delete(want, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(want) > 0 {
			t.Errorf("%s: these files are missing: %v", folder, slices.Sorted(maps.Keys(want)))
		}
	}
}

// README.md tells the truth: its table has the numbers of the generator.
func TestReadmeTruth(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(IIS(DemoSeed, DemoDays).Spammers, exchangeDemo().Spammers...) {
		row := regexp.MustCompile("\\| `" + regexp.QuoteMeta(s.Submitter) + "` \\| [a-z]+ \\| " + s.First.Format(time.DateTime) +
			" \\| " + s.Last.Format(time.TimeOnly) + " \\| " + itoa(s.Messages) + " \\| " + itoa(s.Distinct) + " \\|")
		if !row.Match(readme) {
			t.Errorf("got no row like %v in README.md; want one", row)
		}
	}
}

func TestSeedDecides(t *testing.T) {
	whole := func(seed uint64) []byte {
		var b []byte
		for _, s := range []Scene{IIS(seed, 3), Exchange(seed, 2), Bench(seed, 5000)} {
			for _, f := range s.Files {
				b = append(append(b, f.Path...), f.Data...)
			}
		}
		return b
	}
	a, again, b := whole(7), whole(7), whole(8)
	if !bytes.Equal(a, again) {
		t.Error("got other logs from seed 7 the second time; want the same")
	}
	if bytes.Equal(a, b) {
		t.Error("got the same logs from seeds 7 and 8; want others")
	}
}

var (
	addressOf = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	mailboxOf = regexp.MustCompile(`<[^<>@]+@([^<>@]+)>`)
)

// Nobody's real network or domain is in the logs (RFC 5737, RFC 2606).
func TestReservedNamesOnly(t *testing.T) {
	var nets []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"} {
		nets = append(nets, netip.MustParsePrefix(p))
	}
	for _, scene := range []Scene{IIS(DemoSeed, DemoDays), exchangeDemo(), Bench(1, 5000)} {
		for _, f := range scene.Files {
			body := strings.ReplaceAll(string(f.Data), "#Version: 15.0.0.0", "")
			for _, ip := range addressOf.FindAllString(body, -1) {
				a, err := netip.ParseAddr(ip)
				if err != nil || !slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) }) {
					t.Fatalf("%s: address %s is not reserved", f.Path, ip)
				}
			}
			for _, m := range mailboxOf.FindAllStringSubmatch(body, -1) {
				d := m[1]
				if strings.Contains(d, ".") && !strings.HasSuffix(d, ".example") && d != "example.org" && d != "example.net" && d != "example.com" {
					t.Fatalf("%s: domain %s is not reserved", f.Path, d)
				}
			}
		}
	}
}

// The bench log has the measures it says: five recipients a message, and a
// quarter or so of the recipients different.
func TestBenchMeasures(t *testing.T) {
	const rowCount = 100_000
	scene := Bench(DemoSeed, rowCount)
	rows := readW3C(t, scene.Files)
	if len(rows) != rowCount {
		t.Errorf("got %d rows; want %d", len(rows), rowCount)
	}
	verbs, distinct, hosts := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		verbs[r.verb]++
		hosts[r.client] = true
		if r.verb == "RCPT" {
			distinct[r.argument()] = true
		}
	}
	facts := []struct {
		name             string
		got, least, most float64
	}{
		{"recipients a row", float64(verbs["RCPT"]) / rowCount, 0.56, 0.62},
		{"messages a row", float64(verbs["DATA"]) / rowCount, 0.105, 0.125},
		{"distinct recipients a recipient", float64(len(distinct)) / float64(verbs["RCPT"]), 0.22, 0.36},
		{"hosts", float64(len(hosts)), 495, 500},
		{"bytes a row", float64(len(scene.Files[0].Data)) / rowCount, 132, 146},
		{"mass mailers", float64(len(scene.Spammers)), 4, 4},
	}
	for _, f := range facts {
		if f.got < f.least || f.got > f.most {
			t.Errorf("%s: got %.3f; want %.3f to %.3f", f.name, f.got, f.least, f.most)
		}
	}
	for _, s := range scene.Spammers {
		n := 0
		for _, r := range rows {
			if "ip:"+r.client == s.Submitter && r.verb == "RCPT" {
				n++
			}
		}
		if n != s.Recipients {
			t.Errorf("%s: got %d recipients in the rows; want %d", s.Name, n, s.Recipients)
		}
	}
}

// Figures that were measured on the bench log stand for this one: its bytes do not
// change.
func TestBenchStaysTheSame(t *testing.T) {
	const want = "ed6f18f999a7469021b2544d1bd224f1fec50a1daf137b37ebbcbcb8d54dae60"
	if got := fmt.Sprintf("%x", sha256.Sum256(Bench(DemoSeed, 20_000).Files[0].Data)); got != want {
		t.Errorf("got SHA-256 %s of the bench log; want %s", got, want)
	}
}

func BenchmarkBench(b *testing.B) {
	for b.Loop() {
		Bench(DemoSeed, 100_000)
	}
}
