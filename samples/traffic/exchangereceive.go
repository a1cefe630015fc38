package traffic

import (
	"fmt"
	"strings"
	"time"
)

// Way is the receive connector of the front end that a session comes to.
type Way int

const (
	Default Way = iota // Port 25, anonymous, own recipients only.
	Client             // Port 587, for people who log in.
	Relay              // Port 25, for application servers: anonymous, with the right to relay.
)

var exConnectors = [...]struct {
	name string
	port int
	may  string // Permissions before AUTH.
}{
	Default: {exName + `\Default Frontend ` + exName, 25, anonymous},
	Client:  {exName + `\Client Frontend ` + exName, 587, anonymous},
	Relay:   {exName + `\Anonymous Relay ` + exName, 25, "SMTPSubmit SMTPAcceptAnyRecipient SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders"},
}

// Permission sets as the log spells them. SMTPAcceptAnyRecipient is the right to
// relay.
const (
	anonymous = "SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders"
	logged    = "SMTPSubmit SMTPAcceptAnyRecipient BypassAntiSpam AcceptRoutingHeaders"
	exchange  = "SMTPSubmit SMTPSubmitForMLS SMTPAcceptAnyRecipient SMTPAcceptAuthenticationFlag SMTPAcceptAnySender " +
		"SMTPAcceptAuthoritativeDomainSender BypassAntiSpam BypassMessageSizeLimit SMTPAcceptEXCH50 AcceptRoutingHeaders " +
		"AcceptForestHeaders AcceptOrganizationHeaders SMTPAcceptXShadow SMTPAcceptXProxyFrom SMTPAcceptXSessionParams"
)

// exFront writes the front end's rows of one session.
type exFront struct {
	*exSession
	s       *Session
	started time.Time
	count   int // Of messages.
}

// frontSession writes the rows of a session, and returns its id and, for each of
// its messages, the reply to DATA: the hub's log shows them too.
func (l *exLog) frontSession(s *Session) (id string, replies []string) {
	way := exConnectors[s.Way]
	f := &exFront{exSession: l.open(way.name, endpoint(exIP, way.port), endpoint(s.Client, s.Port)), s: s, started: s.Start}
	f.write(s.Start, "+", "", "")
	f.write(s.Start, "*", way.may, "Set Session Permissions")
	f.write(s.Start.Add(time.Millisecond), ">", "220 "+exFQDN+" Microsoft ESMTP MAIL Service ready at "+s.Start.Format(time.RFC1123Z), "")
	if s.Greet == "" {
		f.write(s.End, "-", "", "Remote")
		return f.id, nil
	}
	f.greet()
	for i := range s.Messages {
		replies = append(replies, f.message(&s.Messages[i]))
	}
	end := s.End.Add(20 * time.Millisecond)
	if s.NoQuit {
		f.write(end, "-", "", "Remote(SocketError)")
		return f.id, replies
	}
	f.write(end, "<", "QUIT", "")
	f.write(end, ">", "221 2.0.0 Service closing transmission channel", "")
	f.write(end, "-", "", "Local")
	return f.id, replies
}

// greet writes EHLO, STARTTLS and AUTH.
func (f *exFront) greet() {
	at := f.s.Start.Add(greeting / 4)
	f.ehlo(at, f.s.TLS)
	if f.s.TLS {
		at = f.s.Start.Add(greeting / 2)
		f.write(at, "<", "STARTTLS", "")
		f.write(at, ">", "220 2.0.0 SMTP server ready", "")
		f.write(at.Add(28*time.Millisecond), "*", "", "TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption algorithm CALG_AES_256 with strength 256 bits, "+
			"MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm CALG_ECDHE with strength 384 bits")
		at = at.Add(30 * time.Millisecond)
		f.ehlo(at, false)
	}
	for _, account := range f.s.Failures {
		at = at.Add(5 * time.Millisecond)
		f.login(at)
		f.write(at.Add(40*time.Millisecond), "*", "", "Inbound AUTH LOGIN failed because of LogonDenied")
		f.write(at.Add(40*time.Millisecond), "*", "", "User Name: "+account)
		f.write(at.Add(40*time.Millisecond), "*", "Tarpit for '0.00:00:05'", "")
		f.write(at.Add(5050*time.Millisecond), ">", "535 5.7.3 Authentication unsuccessful", "")
		at = at.Add(failure - 5*time.Millisecond)
	}
	if f.s.Account != "" {
		at = at.Add(5 * time.Millisecond)
		f.login(at)
		f.write(at.Add(10*time.Millisecond), "*", logged, "Set Session Permissions")
		f.write(at.Add(10*time.Millisecond), "*", f.s.Account, "authenticated")
		f.write(at.Add(12*time.Millisecond), ">", "235 2.7.0 Authentication successful", "")
	}
}

func (f *exFront) ehlo(at time.Time, tls bool) {
	offer := "SIZE 37748736 PIPELINING DSN ENHANCEDSTATUSCODES"
	if tls {
		offer += " STARTTLS"
	}
	if f.s.Way == Client {
		offer += " AUTH LOGIN"
	}
	f.write(at, "<", f.s.Greet+" "+f.s.HELO, "")
	f.write(at, ">", "250  "+exFQDN+" Hello ["+f.s.Client+"] "+offer+" 8BITMIME BINARYMIME CHUNKING", "")
}

func (f *exFront) login(at time.Time) {
	f.write(at, "<", "AUTH LOGIN", "")
	f.write(at, ">", "334 <authentication response>", "")
	f.write(at.Add(2*time.Millisecond), ">", "334 <authentication response>", "")
}

// message writes one transaction and returns the reply to its DATA.
func (f *exFront) message(m *Message) string {
	f.count++
	f.write(m.At, "<", "MAIL "+f.s.shape("FROM", m.From, m), "")
	f.write(m.At, "*", f.id+";"+f.started.Format(exTime)+";"+itoa(f.count), "receiving message")
	if f.s.Pipelined {
		for _, r := range m.To {
			f.write(m.At, "<", "RCPT "+f.s.shape("TO", r.Path, m), "")
		}
	}
	f.write(m.At.Add(2*time.Millisecond), ">", "250 2.1.0 Sender OK", "")
	for i, r := range m.To {
		at := m.rcptAt(i)
		if !f.s.Pipelined {
			f.write(at, "<", "RCPT "+f.s.shape("TO", r.Path, m), "")
		}
		f.rcptReply(at, r)
	}
	if m.accepted() == 0 {
		return ""
	}
	f.write(m.dataAt(), "<", "DATA", "")
	f.write(m.dataAt(), ">", "354 Start mail input; end with <CRLF>.<CRLF>", "")
	f.write(m.endAt(), "*", "", "receiving message with InternetMessageId <"+m.ID+">")
	reply := f.log.server.queued(m)
	f.write(m.endAt(), ">", reply, "")
	return reply
}

// refusal is how long the server lets a refused client wait.
const refusal = 5 * time.Second

func (f *exFront) rcptReply(at time.Time, r Recipient) {
	if r.Reply == 250 {
		f.write(at.Add(time.Millisecond), ">", "250 2.1.5 Recipient OK", "")
		return
	}
	f.write(at, "*", "Tarpit for '0.00:00:05'", "")
	reply := "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"
	if own(r.Path) {
		reply = "550 5.1.1 User unknown"
	}
	f.write(at.Add(refusal), ">", reply, "")
}

// queued is the reply to a message that was taken.
func (x *exServer) queued(m *Message) string {
	x.internal++
	seconds := max(m.Transfer.Seconds(), 0.001)
	kilobytes := float64(m.Size) / 1024
	return fmt.Sprintf("250 2.6.0 <%s> [InternalId=%d, Hostname=%s] %d bytes in %.3f, %.3f KB/sec Queued mail for delivery",
		m.ID, x.internal, strings.ToUpper(exName)+"."+OwnDomain, m.Size, seconds, kilobytes/seconds)
}
