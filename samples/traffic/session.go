package traffic

import (
	"strings"
	"time"
)

// OwnDomain is the domain of the company.
const OwnDomain = "corp.example"

// Case is a spammer. The zero Case is ordinary mail.
type Case struct {
	Name      string // One word, as in the README's table.
	Submitter string // Who must be accused, written as relaywatch writes it.
}

// Session is one SMTP session (RFC 5321, section 3.1) that a client opened.
type Session struct {
	Start time.Time // The client connected. Milliseconds count.
	End   time.Time // Of what happened last; the session closes after it.

	Client  string // IP address.
	Port    int    // The client's; only Exchange logs it.
	Greet   string // EHLO or HELO; "" says nothing at all.
	HELO    string
	NoQuit  bool          // The client hangs up without QUIT.
	Pause   time.Duration // Between messages.
	MailArg string        // How this client writes MAIL and RCPT arguments, see shape. "" is plain.

	Way       Way      // Exchange: the connector it came to.
	TLS       bool     // Exchange: STARTTLS before anything else.
	Failures  []string // Exchange: accounts whose AUTH failed, in order, 7 s each.
	Account   string   // Exchange: account whose AUTH succeeded; "" for none.
	Pipelined bool     // Exchange: MAIL and RCPT are sent in one go (RFC 2920).

	Messages []Message
	Strange  []Command // IIS: commands before the greeting, all answered 500.
	Case     Case
	Unknown  float64 // Of a Case: share of its recipients outside who exist nowhere; 0 is what the scene says.
}

// Command is a command line that the server does not know.
type Command struct{ Verb, Arg string }

// Message is one mail transaction.
type Message struct {
	At       time.Time     // Of MAIL.
	Gap      time.Duration // Between MAIL, each RCPT, and DATA.
	Transfer time.Duration // From DATA to its last reply.
	From     string        // "" is the null reverse-path.
	To       []Recipient
	ID       string // Message-ID without brackets.
	ServerID bool   // The client sent none: the server made it up.
	Size     int    // Bytes.
}

// Recipient is one RCPT command.
type Recipient struct {
	Path  string
	Reply int // 250, or 550 where the server refuses.
}

// greeting is the time a client takes until its first MAIL.
const greeting = 140 * time.Millisecond

// failure is the time that one failed AUTH takes: 5 s of tarpit and its rows.
const failure = 7 * time.Second

// newSession returns a session that opens with EHLO.
func newSession(start time.Time, client, helo string) *Session {
	return &Session{Start: start, End: start.Add(greeting), Client: client, Greet: "EHLO", HELO: helo, Pause: 250 * time.Millisecond}
}

// send adds m after all that the session holds so far.
func (s *Session) send(m Message) {
	m.At = s.End.Add(s.Pause)
	s.Messages = append(s.Messages, m)
	s.End = m.endAt()
}

// fail adds failed logins.
func (s *Session) fail(account string, times int) {
	for range times {
		s.Failures = append(s.Failures, account)
		s.End = s.End.Add(failure)
	}
}

func (m *Message) rcptAt(i int) time.Time { return m.At.Add(m.Gap * time.Duration(i+1)) }
func (m *Message) dataAt() time.Time      { return m.rcptAt(len(m.To)) }
func (m *Message) endAt() time.Time       { return m.dataAt().Add(m.Transfer) }

// accepted counts recipients answered 250; without one there is no DATA.
func (m *Message) accepted() int {
	n := 0
	for _, r := range m.To {
		if r.Reply == 250 {
			n++
		}
	}
	return n
}

// shape is the argument of MAIL or RCPT in the form that the session's client
// writes: plain, spaced (a blank after the colon), mixed (From: instead of FROM:)
// or sized (SIZE=n after a reverse-path, RFC 1870).
func (s *Session) shape(keyword, path string, m *Message) string {
	switch s.MailArg {
	case "spaced":
		return keyword + ": <" + path + ">"
	case "mixed":
		return keyword[:1] + strings.ToLower(keyword[1:]) + ": <" + path + ">"
	case "sized":
		if keyword == "FROM" {
			return keyword + ":<" + path + "> SIZE=" + itoa(m.Size)
		}
	}
	return keyword + ":<" + path + ">"
}

func own(path string) bool { return strings.EqualFold(domainOf(path), OwnDomain) }

func domainOf(path string) string { return path[strings.LastIndexByte(path, '@')+1:] }

// to makes recipients that the server accepts.
func to(paths ...string) []Recipient {
	rs := make([]Recipient, len(paths))
	for i, p := range paths {
		rs[i] = Recipient{p, 250}
	}
	return rs
}
