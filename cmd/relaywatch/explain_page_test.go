package main

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// hostileMarkup is what else strangers may write to get into a page.
var hostileMarkup = []string{
	"<script>alert(1)</script>",
	`"><img src=http://evil.example/p.png onerror=alert(1)>`,
	`" onmouseover="alert(1)`,
	"<a href='javascript:alert(1)'>log in</a>",
	"</td></table></section></main><h1>not under suspicion</h1>",
	"</style><style>@import 'http://evil.example/x.css'",
	"</svg><svg onload=alert(1)>",
	"<!--", "-->", "]]>", "{{.Who}}", "&lt;b&gt;", "<base href=http://evil.example/>",
	"<meta http-equiv=refresh content='0;url=http://evil.example/'>",
}

// hostileDossier has a text everywhere that a log can bring it to.
func hostileDossier(h string) *dossier {
	path, row := mail.Path(h), mail.LogPos{Log: 1, Offset: 7}
	three, low := 3, 0.5
	d := &dossier{
		Suspect: store.Suspect{
			Submitter: mail.Submitter{Kind: mail.KindUser, Value: h}, Start: 1793610000, FirstFlagged: 1793610010, LastFlagged: 1793613600,
			Score: 120, Severity: detect.Critical, Rules: []string{"external-list"}, Recipients: 30, External: &three, State: "open", Summary: h + " mailed",
		},
		Timeline:   []store.Hour{{Hour: 1793610000, Recipients: 30, Refused: 2}},
		Domains:    []store.Domain{{Name: h, Recipients: 20}},
		Recipients: []store.Sent{{Recipient: mail.Recipient{At: 1793610001, Path: path, Reply: 250}, ReversePath: path, ClientIP: h, Server: h}},
		Returned: store.CameBack{Refused: 1, Sample: []store.Returned{{
			Delivery: mail.Delivery{RepliedAt: 1793610002, Recipient: path, ReversePath: path, RemoteIP: h, Reply: 550, Text: h}, Tries: 2,
		}}},
		Logins:   []mail.Login{{At: 1793610001, ClientIP: h, User: h, Server: h}},
		Weighed:  map[mail.LogPos]mail.Path{row: path},
		Remedies: []remedy{{"external-list", h}},
		Others:   []store.Suspect{{Summary: h}},
	}
	uses := []store.Use{{Text: h, Transactions: 1, Recipients: 2}}
	d.Uses = store.Uses{ReversePaths: uses, HELOs: uses, Clients: uses, Servers: uses}
	step := detect.Step{Row: row, At: 1793610001, Nats: 2, Novelty: "new", Own: detect.Own{Novelty: 0.1, External: 0.2}}
	f := finding{Finding: detect.Finding{
		Rule: "external-list", Level: detect.LevelAlert, Weight: 60, FlaggedAt: 1793610010, Sentence: h, Silenced: h,
		Evidence: detect.Evidence{Signals: []detect.Measure{{Signal: "external_share", Value: 1, Threshold: &low, Unit: "share"}}, Sum: &detect.Sum{Score: 17, Steps: []detect.Step{step}}},
	}}
	f.Proof = []proof{{row, h, 3, h + " "}, {mail.LogPos{Log: 2}, h, 0, ""}}
	d.Findings = []finding{f}
	d.Watched = []detect.Watched{{Submitter: d.Suspect.Submitter, Rule: "external-list", Since: 1793610001, At: 1793610001, Until: 1793613600, Score: 9, From: 8, Alert: 16, Sum: *f.Evidence.Sum}}
	d.Hours = d.Timeline
	d.Alike = []alike{{store.Suspect{Submitter: mail.Submitter{Kind: mail.KindUser, Value: h}}, []string{"HELO name " + h}}}
	return d
}

// Hostile texts stay texts: the page has the tags and attributes of a harmless one.
func TestExplainPageHostileText(t *testing.T) {
	tags := func(h string) []string {
		page, err := hostileDossier(h).html(1793613600)
		if err != nil {
			t.Fatal(err)
		}
		steerless(t, "page", strings.ReplaceAll(string(page), "\u00a0", " "))
		return regexp.MustCompile(`<[/!a-zA-Z][^>]*>`).FindAllString(string(page), -1)
	}
	want := tags("{no name}")
	if len(want) < 100 {
		t.Fatalf("got %d tags; want a whole page", len(want))
	}
	for _, h := range append(append([]string{}, hostile...), hostileMarkup...) {
		if diff := cmp.Diff(want, tags(h)); diff != "" {
			t.Errorf("%.40q: got other tags than those of a harmless page:\n%s", h, diff)
		}
	}
}

// A browser that keeps to the page's own policy runs nothing and loads nothing, and
// shows its style: the hash in the policy is that of what stands between the tags.
func TestExplainPagePolicy(t *testing.T) {
	data, err := hostileDossier("ann").html(1793613600)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	hash := sha256.Sum256([]byte(style))
	want := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
	m := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if m == nil || strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(m[1]) != want {
		t.Errorf("got the policy %q; want %q", m, want)
	}
	if bad := regexp.MustCompile(`(?i)<script|<img|<link|<iframe|<object|<a |\sstyle=|\shref=|\ssrc=|\son[a-z]+=|url\(|@import|https?:`).FindString(page); bad != "" {
		t.Errorf("got %q in the page; want nothing that runs or loads", bad)
	}
}

// A page is written as a whole or not at all, and nobody else may read it.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.html")
	for _, text := range []string{"one", "two"} {
		if err := writeClosed(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != text {
			t.Errorf("got %q; want %q", got, text)
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want a file that nobody else may read", info.Mode(), err)
	}
	if err := writeClosed(filepath.Join(dir, "none", "a.html"), nil); err == nil {
		t.Error("got no error in a folder that there is not")
	}
	// A folder of that name is found only as the file is put in place.
	if err := os.Mkdir(filepath.Join(dir, "b.html"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeClosed(filepath.Join(dir, "b.html"), []byte("x")); err == nil {
		t.Error("got no error in place of a folder")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v; want nothing left over", entries, err)
	}
}
