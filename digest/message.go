package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Head is what a message needs beside its Day.
type Head struct {
	ID   string    // Message-ID, as MessageID makes it.
	From string    // Address.
	To   []string  // Addresses.
	Date time.Time // When it was made.
	JSON bool      // Attach the Day as JSON.
}

// Message is a mail as it is sent, so that a retry sends the same bytes.
type Message struct {
	ID      string // With its brackets.
	From    string // Address of the reverse-path.
	To      []string
	Subject string
	Data    []byte // RFC 5322, lines end in CRLF.
}

// MessageID is the same for the same mail (RFC 5322, section 3.6.4): from is whose
// domain it is of, kind and key say which mail it is, and origin which relaywatch
// makes it.
func MessageID(from, kind, key, origin string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + key + "\x00" + origin))
	return fmt.Sprintf("<relaywatch.%s.%s@%s>", kind, hex.EncodeToString(sum[:10]), domainOf(from))
}

func domainOf(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 && i < len(address)-1 {
		return address[i+1:]
	}
	return "localhost.invalid"
}

// CheckAddress tells what is wrong with an address that mail is sent from or to.
func CheckAddress(address string) error {
	a, err := mail.ParseAddress(address)
	switch {
	case err != nil || a.Address != address || a.Name != "":
		return fmt.Errorf("%q is no address; write it as oncall@corp.example", address)
	case strings.ContainsFunc(address, func(r rune) bool { return r > '~' || r <= ' ' }):
		return fmt.Errorf("%q has letters that not every mail server takes; write it in ASCII", address)
	}
	return nil
}

// Compose makes the message of a Day.
func (d *Day) Compose(h Head) (*Message, error) {
	msg, err := newMessage(h, d.Subject())
	if err != nil {
		return nil, err
	}
	charts, err := d.charts()
	if err != nil {
		return nil, err
	}
	page, err := d.html(func(i int) template.URL { return template.URL("cid:" + chartName(i)) })
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, d.Text())
	msg.AddAlternativeString(gomail.TypeTextHTML, string(page))
	for i, png := range charts {
		if png == nil {
			continue
		}
		name := chartName(i)
		err := msg.EmbedReader(name, bytes.NewReader(png), gomail.WithFileContentType("image/png"), gomail.WithFileContentID("<"+name+">"))
		if err != nil {
			return nil, fmt.Errorf("put a chart into the mail: %w", err)
		}
	}
	if h.JSON {
		data, err := d.JSON()
		if err != nil {
			return nil, err
		}
		name := "relaywatch-" + d.Date + ".json"
		if err := msg.AttachReader(name, bytes.NewReader(data), gomail.WithFileContentType("application/json")); err != nil {
			return nil, fmt.Errorf("attach %s: %w", name, err)
		}
	}
	return finish(msg, h, d.Subject())
}

func chartName(i int) string { return fmt.Sprintf("chart%d.png", i+1) }

// JSON is the Day for programs: texts are as logged.
func (d *Day) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Subject string `json:"subject"`
		Now     string `json:"now"`
		*Day
	}{d.Subject(), d.Now(), d}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the mail's JSON: %w", err)
	}
	return append(b, '\n'), nil
}

// Test is a harmless mail that shows that mail arrives.
func Test(h Head, host string) (*Message, error) {
	subject := fmt.Sprintf("relaywatch on %s: test", clean(host, maxName))
	msg, err := newMessage(h, subject)
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, "This is a test: the daily mail of relaywatch will arrive here.\n\nNothing has to be done.\n")
	return finish(msg, h, subject)
}

// newMessage has the headers that mail servers want: nobody answers to it by
// himself (RFC 3834; X-Auto-Response-Suppress is what Exchange heeds), and it can be
// sorted by its List-Id (RFC 2919).
func newMessage(h Head, subject string) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat("relaywatch", h.From); err != nil {
		return nil, fmt.Errorf("digest.from %s: %w", h.From, err)
	}
	if err := msg.To(h.To...); err != nil {
		return nil, fmt.Errorf("digest.to: %w", err)
	}
	msg.Subject(subject)
	msg.SetMessageIDWithValue(strings.Trim(h.ID, "<>"))
	msg.SetDateWithValue(h.Date)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("List-Id", fmt.Sprintf("relaywatch <relaywatch.%s>", domainOf(h.From)))
	return msg, nil
}

func finish(msg *gomail.Msg, h Head, subject string) (*Message, error) {
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err)
	}
	return &Message{ID: h.ID, From: h.From, To: h.To, Subject: subject, Data: b.Bytes()}, nil
}
