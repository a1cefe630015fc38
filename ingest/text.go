package ingest

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"relaywatch/mail"
)

// texts turns bytes of a log into strings: UTF-8 as it is, anything else through
// a code page, so that no byte is lost. Equal bytes give the same string without
// a second allocation, as long as the memory of strings lasts.
type texts struct {
	page   encoding.Encoding
	seed   maphash.Seed
	recent []string          // UTF-8 that was read lately, each at the place of its hash, where the next one takes over. The length is a power of two.
	misses int               // How many were not there since it has this length.
	known  map[string]string // What else was made of bytes, by these and what it is.
	hide   *mail.Pseudonyms  // Of recipients; nil shows them.
}

const (
	// leastRecent and mostRecent bound how many strings are kept of a log: few rows need
	// few, and a log of a year has more addresses than are worth remembering.
	leastRecent = 1 << 6
	mostRecent  = 1 << 14
	// maxKnownTexts does the same for what is made with more work.
	maxKnownTexts = 1 << 14
)

// DefaultCodePage is what text that is no UTF-8 is read as where the
// configuration does not say: Western European Windows.
const DefaultCodePage = "windows-1252"

// CheckCodePage tells whether a code page is known by that WHATWG name, as
// windows-1251. The empty name is DefaultCodePage.
func CheckCodePage(name string) error {
	_, err := newTexts(name)
	return err
}

func newTexts(codePage string) (*texts, error) {
	if codePage == "" {
		codePage = DefaultCodePage
	}
	page, err := htmlindex.Get(codePage)
	if err != nil {
		return nil, fmt.Errorf("code page %q is not known: use a name like windows-1251 or iso-8859-2", codePage)
	}
	return &texts{page: page, seed: maphash.MakeSeed(), recent: make([]string, leastRecent), known: make(map[string]string)}, nil
}

// str is b as a string.
func (t *texts) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	place := &t.recent[maphash.Bytes(t.seed, b)&uint64(len(t.recent)-1)]
	if *place == string(b) {
		return *place
	}
	if utf8.Valid(b) {
		*place = string(b)
		s := *place
		if t.misses++; t.misses > 2*len(t.recent) && len(t.recent) < mostRecent {
			t.recent, t.misses = make([]string, 4*len(t.recent)), 0
		}
		return s
	}
	if s, ok := t.known[string(b)]; ok {
		return s
	}
	s := t.decode(b)
	t.keep(string(b), s)
	return s
}

// lower is b as a string in lower case.
func (t *texts) lower(b []byte) string {
	if isLower(b) {
		return t.str(b)
	}
	return strings.ToLower(t.str(b))
}

// path is b, an address without brackets, as a Path.
func (t *texts) path(b []byte) mail.Path { return mail.Path(t.lower(b)) }

// recipient is path as it is kept of a recipient.
func (t *texts) recipient(path mail.Path) mail.Path {
	if t.hide == nil {
		return path
	}
	k := "\x00to" + string(path)
	s, ok := t.known[k]
	if !ok {
		s = string(t.hide.Path(path))
		t.keep(k, s)
	}
	return mail.Path(s)
}

func (t *texts) keep(k, s string) {
	if len(t.known) >= maxKnownTexts {
		clear(t.known)
	}
	t.known[k] = s
}

func (t *texts) decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s, err := t.page.NewDecoder().Bytes(b)
	if err != nil {
		return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
	}
	return string(s)
}

// ip is the canonical text of an address (IPv4 in IPv6 unwrapped, no zone), or
// the text as logged where it is no address, since logs may mask them.
func (t *texts) ip(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	k := string(b)
	if s, ok := t.known["\x00ip"+k]; ok {
		return s
	}
	s := t.decode(b)
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		s = a.Unmap().WithZone("").String()
	}
	t.keep("\x00ip"+k, s)
	return s
}

func isLower(b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
