package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
)

// Pseudonyms give names to recipients by which they can be told apart, and not known.
// The same address always has the same name, and keeps its domain and its form: see
// Path.Disguise. A nil Pseudonyms changes nothing.
type Pseudonyms struct {
	key []byte // nil: of an address nothing is kept but its domain.
}

// NewPseudonyms are those of a key; without one all addresses of a domain are one.
func NewPseudonyms(key []byte) *Pseudonyms { return &Pseudonyms{key: key} }

// Apart is true where each address has a name of its own.
func (p *Pseudonyms) Apart() bool { return p == nil || p.key != nil }

// pseudonymSign begins the local part of each.
const pseudonymSign = "~"

// 60 bits, so that among 100 million addresses hardly two share a name.
const pseudonymLetters = 12

var (
	letters   = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	pseudonym = regexp.MustCompile(`^[@"]?~([a-z2-7]{12})?[@%!]*(@|$)`)
)

// Path is what is kept of a recipient. What is a pseudonym already stays; without a key
// it loses what tells it apart.
func (p *Pseudonyms) Path(path Path) Path {
	if p == nil || path == "" || !path.Known() {
		return path
	}
	if of := pseudonym.FindStringSubmatch(string(path)); of != nil && (p.key != nil || of[1] == "") {
		return path
	}
	name := pseudonymSign
	if p.key != nil {
		mac := hmac.New(sha256.New, p.key)
		mac.Write([]byte(path)) // Never an error.
		name += letters.EncodeToString(mac.Sum(nil))[:pseudonymLetters]
	}
	return path.Disguise(name)
}

var (
	quotedAddress = regexp.MustCompile(`"[^"]*"@[^\s<>,;:"'()]+|[^\s<>,;:"'()\[\]]+(?:'[^\s<>,;:"'()\[\]]+)*@[^\s<>,;:"'()]*`)
	word          = regexp.MustCompile(`[\pL\pN._+-]+`)
	dotString     = regexp.MustCompile(`[\pL\pN._+-]+(?:[!#$%&'*/=?^{|}\x60]+[\pL\pN._+-]+)*`) // RFC 5321, section 4.1.2: also one word, as o'brien.
	statusCode    = regexp.MustCompile(`^\d\.\d{1,3}\.\d{1,3}\b`)
)

// Text is what is kept of a text that may name recipients, as a remote server's answer
// about to, or a row that was not understood (to is then ""). Without a key nothing can
// tell a name from a word: only the status code stays (RFC 3463).
func (p *Pseudonyms) Text(text string, to Path) string {
	switch {
	case p == nil:
		return text
	case p.key == nil && to != "":
		return statusCode.FindString(text)
	}
	text = quotedAddress.ReplaceAllStringFunc(text, func(address string) string {
		trimmed := strings.TrimRight(address, ".!?")
		return string(p.Path(Path(strings.ToLower(trimmed)))) + address[len(trimmed):]
	})
	domain := to.Domain()
	if domain == "" {
		return text
	}
	// The local part alone, as in: user ann unknown.
	hide := func(w string) string {
		trimmed := strings.TrimRight(w, ".-")
		if p.Path(Path(strings.ToLower(trimmed)+"@"+domain)) == to {
			return strings.TrimSuffix(string(to), "@"+domain) + w[len(trimmed):]
		}
		return w
	}
	return dotString.ReplaceAllStringFunc(text, func(w string) string {
		if hidden := hide(w); hidden != w || len(word.FindString(w)) == len(w) {
			return hidden
		}
		return word.ReplaceAllStringFunc(w, hide) // As in: user=ann.
	})
}
