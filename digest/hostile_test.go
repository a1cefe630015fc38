package digest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	relaymail "relaywatch/mail"
)

// hostile is what strangers may write into names, addresses and rows.
var hostile = []string{
	"<script>alert(1)</script>",
	`"><img src=http://evil.example/p.png onerror=alert(1)>`,
	"<a href='http://evil.example'>log in</a>",
	"</td></table><h1>all quiet</h1>",
	"{{.Subject}}",
	"&lt;b&gt;",
	"x\r\nBcc: victim@example.org\r\n\r\nhello",
	"x\nSubject: other",
	"=?utf-8?q?=0D=0ABcc:_victim@example.org?=",
	"\u202eexe.cod\u2066\u200b",
	"\x1b[31mred\x00\x07\x7f\u0085",
	"http://evil.example/login?x=1",
	"WWW.evil.example",
	"javascript://alert(1)",
	"cid:chart1.png",
	"' -or $true -or '",
	"\u2019; Remove-Item C:\\ -Recurse; \u2018",
	"$(calc) `calc`",
	`"; rm -rf / #`,
	"%COMSPEC%",
	"--help",
	"a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
	strings.Repeat("A", 5000),
	strings.Repeat("\x01", 5000),
	"\xff\xfe\x80",
	"",
}

// hostileDay has a text everywhere that a log can bring it to.
func hostileDay(h string) *Day {
	d := busyDay()
	d.Servers = []string{h}
	for i := range d.Suspects {
		s := &d.Suspects[i]
		s.Submitter.Value, s.Why = h, h+" mailed 600 recipients"
		s.HELOs, s.ReversePaths, s.Clients = []Use{{h, 1}}, []Use{{h, 1}}, []Use{{h, 1}}
		s.Accounts, s.Domains, s.Advice = []string{h}, []Domain{{h, 1, false}}, []string{h}
		for j := range s.Servers {
			s.Servers[j].Name = h
		}
		s.Proof = []Row{{h, 1, 1, h + " "}, {h, 0, 1, ""}}
	}
	d.Closed[0].Submitter = relaymail.Submitter{Kind: "user", Value: h}
	d.Closed[1].Note = h
	d.Silenced[0].Submitter, d.Silenced[0].Reason = relaymail.Submitter{Kind: "user", Value: h}, h
	d.Ending[0].Submitter, d.Ending[0].Reason = h, h
	d.Health.Troubles = []Trouble{{h, h, h}, {h, h, h}}
	d.Health.Notes = []string{h}
	d.Health.Blind = []Blind{{h, h, h}}
	return d
}

// Hostile texts stay texts: the HTML has the tags and attributes of a harmless day,
// the headers are the same, and nothing steers.
func TestHostileText(t *testing.T) {
	harmless := hostileDay("{no name}") // As none of them is one, either.
	page, err := harmless.HTML()
	if err != nil {
		t.Fatal(err)
	}
	wantTags := tagsOf(string(page))
	wantHeader, _ := parts(t, harmless)
	for _, h := range hostile {
		d := hostileDay(h)
		page, err := d.HTML()
		if err != nil {
			t.Fatal(err)
		}
		// An empty text leaves lines out.
		if diff := cmp.Diff(wantTags, tagsOf(string(page))); h != "" && diff != "" {
			t.Errorf("%.40q: got other tags in the HTML than those of a harmless day:\n%s", h, diff)
		}
		header, bodies := parts(t, d)
		for name := range header {
			if _, ok := wantHeader[name]; !ok {
				t.Errorf("%.40q: got a header %s; want none", h, name)
			}
		}
		for _, name := range []string{"To", "From", "Message-Id", "List-Id", "Auto-Submitted"} {
			if got, want := header.Get(name), wantHeader.Get(name); got != want {
				t.Errorf("%.40q: got %s: %s; want %s", h, name, got, want)
			}
		}
		if !strings.HasPrefix(header.Get("Subject"), "relaywatch ") && !strings.HasPrefix(header.Get("Subject"), "=?UTF-8?q?relaywatch") {
			t.Errorf("%.40q: got the subject %q", h, header.Get("Subject"))
		}
		for _, text := range append(bodies, d.Subject(), d.Now()) {
			harmlessText(t, h, text)
		}
		if n := len(d.Text()); n > 40_000 {
			t.Errorf("%.40q: got a text of %d bytes; want it cut", h, n)
		}
	}
}

var link = regexp.MustCompile(`(?i)[a-z]://|\bwww\.`)

// harmlessText fails for what steers a terminal or a reader, or becomes a link.
func harmlessText(t *testing.T, h, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%.40q: got invalid UTF-8", h)
	}
	for i, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\r' || unicode.In(r, unicode.Cf) {
			t.Errorf("%.40q: got %U in %q; want it escaped", h, r, text[max(0, i-20):i])
			return
		}
	}
	if m := link.FindString(text); m != "" {
		t.Errorf("%.40q: got %q, which mail programs make a link of", h, m)
	}
}

var tag = regexp.MustCompile(`<[/!a-zA-Z][^>]*>`)

// tagsOf are the tags of a page, without the pictures and texts of attributes.
func tagsOf(page string) []string {
	var tags []string
	for _, s := range tag.FindAllString(page, -1) {
		s = regexp.MustCompile(`src="(cid|data):[^"]*"`).ReplaceAllString(s, `src="$1"`)
		tags = append(tags, regexp.MustCompile(`alt="[^"<>]*"`).ReplaceAllString(s, "alt"))
	}
	return tags
}

// parts takes a message apart, as the reader's program does.
func parts(t *testing.T, d *Day) (mail.Header, []string) {
	t.Helper()
	m, err := d.Compose(head)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	walk(t, parsed.Header.Get("Content-Type"), "", parsed.Body, func(kind string, body []byte) {
		if strings.HasPrefix(kind, "text/") {
			bodies = append(bodies, string(body))
		}
	})
	if len(bodies) != 2 {
		t.Fatalf("got %d texts; want text and HTML", len(bodies))
	}
	return parsed.Header, bodies
}

func walk(t *testing.T, contentType, encoding string, r io.Reader, leaf func(kind string, body []byte)) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		body, err := io.ReadAll(decoded(r, encoding))
		if err != nil {
			t.Fatal(err)
		}
		leaf(kind, body)
		return
	}
	for m := multipart.NewReader(r, params["boundary"]); ; {
		p, err := m.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		walk(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, leaf)
	}
}

// A stranger's name is in a command only if it is nothing but a name.
func TestHostileCommands(t *testing.T) {
	harmless := regexp.MustCompile(`ADDRESS|ACCOUNT|SERVER|NAME`)
	for _, h := range hostile {
		d := hostileDay(h)
		for i := range d.Suspects {
			s := &d.Suspects[i]
			for _, step := range s.Remedy() {
				for _, c := range step.Commands {
					if h != "" && strings.Contains(c, h) {
						t.Errorf("%.40q is in the command %q", h, c)
					}
				}
			}
			for _, c := range s.Answers() {
				if h != "" && strings.Contains(c, h) || !harmless.MatchString(c) {
					t.Errorf("%.40q is in the command %q", h, c)
				}
			}
		}
	}
	plainNames := []string{"d.mercer", `corp\d.mercer`, "ann@corp.example", "CORP$", "Jürgen Groß"}
	for _, name := range plainNames {
		if !plain(name) {
			t.Errorf("%q is taken for no name", name)
		}
	}
}

// FuzzClean: a cleaned text is no longer than allowed, is valid, and steers nothing.
func FuzzClean(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, 50)
		harmlessText(t, s, got)
		// Each www. and :// grows by two.
		if n := utf8.RuneCountInString(got); n > 51+2*17 {
			t.Errorf("got %d characters; want at most 50", n)
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("got a line break in %q", got)
		}
	})
}
