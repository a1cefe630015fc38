package alert

import (
	"encoding/json"
	"fmt"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// EventTest is an alert of `relaywatch alerts test`. The others are detect's.
const EventTest = "test"

// Message is an alert: what a machine is told of an episode.
type Message struct {
	ID          string    `json:"id"`          // The same in doubles, and in no other alert.
	Event       string    `json:"event"`       // opened, grown, withdrawn, or test.
	Episode     string    `json:"episode"`     // The same in all alerts of an episode.
	Step        int       `json:"step"`        // 0 for the first alert of an episode, 1 for the next.
	Grew        []string  `json:"grew"`        // Of a grown one; see detect.Told.Grew.
	Provisional bool      `json:"provisional"` // It rests on rows that later ones may still precede: it may be withdrawn.
	Made        time.Time `json:"made_at"`     // By the clock.
	Host        string    `json:"host"`        // Where relaywatch runs.

	Suspect
}

// Suspect is the episode, with the keys of `suspects --format json`.
type Suspect struct {
	Submitter    string          `json:"submitter"`
	Kind         string          `json:"kind"`
	Value        string          `json:"value"`
	FirstFlagged time.Time       `json:"first_flagged"`
	LastFlagged  time.Time       `json:"last_flagged"`
	Score        float64         `json:"score"`
	Severity     detect.Severity `json:"severity"`
	Rules        []string        `json:"rules"`
	Recipients   int             `json:"recipients"`
	External     *int            `json:"external_recipients"` // nil while own domains are not known.
	Transactions int             `json:"transactions"`
	State        string          `json:"state"`
	Summary      string          `json:"summary"`
}

// Test is an alert that accuses nobody.
func Test(host string, now time.Time) *Message {
	now = now.UTC().Truncate(time.Second)
	return &Message{
		ID: fmt.Sprintf("test-%d", now.Unix()), Event: EventTest, Episode: "test", Grew: []string{}, Made: now, Host: host,
		Suspect: Suspect{
			Submitter: "ip:192.0.2.1", Kind: mail.KindIP, Value: "192.0.2.1", FirstFlagged: now, LastFlagged: now, Severity: detect.Low,
			Rules: []string{}, State: "closed", Summary: "This is a test of relaywatch: nobody is accused.",
		},
	}
}

// How long a message may be. A syslog receiver should take 2,048 bytes (RFC 5424,
// section 6.1), and over TLS 8,192 (RFC 5425, section 4.3.1).
const (
	maxDatagram = 2048
	maxStream   = 8192
)

// longest is how many bytes of a text are kept where there is room, least where there
// is none. Real ones are shorter.
const (
	longest = 1024
	least   = 16
)

// fit renders the alert with its texts cut as far as it takes to be no longer than most.
func (a *Message) fit(most int, render func(a *Message) ([]byte, error)) ([]byte, error) {
	for n := longest; ; n /= 2 {
		b, err := render(a.cut(n))
		if err != nil || len(b) <= most || n <= least {
			return b, err
		}
	}
}

// cut is the alert with no text longer than n bytes.
func (a *Message) cut(n int) *Message {
	c := *a
	for _, s := range []*string{&c.Host, &c.Submitter, &c.Value, &c.Summary} {
		*s = cut(*s, n)
	}
	c.Rules = []string{}
	for _, r := range a.Rules {
		if n -= len(r); n < 0 {
			break // The heaviest come first.
		}
		c.Rules = append(c.Rules, r)
	}
	c.Grew = append([]string{}, a.Grew...)
	return &c
}

// JSON is the alert as an object on one line.
func (a *Message) JSON() ([]byte, error) {
	return a.fit(maxStream, func(a *Message) ([]byte, error) { return json.Marshal(a) })
}
