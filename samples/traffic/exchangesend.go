package traffic

import (
	"fmt"
	"time"
)

// exSend writes the rows of one outbound session.
type exSend struct {
	*exSession
	d  *Delivery
	at time.Time
}

// sendConnector is the name of the send connector to the internet.
const sendConnector = "Internet"

func (l *exLog) delivery(d *Delivery) {
	s := &exSend{l.open(sendConnector, "", endpoint(d.Remote, 25)), d, d.Start}
	s.write(s.at, "*", "SendRoutingHeaders", "Set Session Permissions")
	s.write(s.at, "*", "", "attempting to connect")
	s.wait()
	s.local = endpoint(exIP, 10_000+int(l.server.session%50_000))
	s.write(s.at, "+", "", "")
	s.write(s.at, "<", "220 "+d.Host+" ESMTP", "")
	s.command("EHLO " + exFQDN)
	s.write(s.at, "<", "250  "+d.Host+" Hello "+exFQDN+" SIZE 52428800 PIPELINING 8BITMIME ENHANCEDSTATUSCODES", "")
	l.server.record++
	s.write(s.at, "*", "", fmt.Sprintf("sending message with RecordId %d and InternetMessageId <%s>", l.server.record, d.ID))
	s.write(s.at, ">", fmt.Sprintf("MAIL FROM:<%s> SIZE=%d", d.From, d.Size), "")
	s.transaction()
	s.command("QUIT")
	s.write(s.at, "<", "221 2.0.0 Bye", "")
	s.write(s.at, "-", "", "Local")
}

func (s *exSend) wait() { s.at = s.at.Add(s.d.Latency) }

func (s *exSend) command(line string) {
	s.write(s.at, ">", line, "")
	s.wait()
}

// transaction writes what follows MAIL: the RCPT commands are pipelined to remote
// servers, and all replies come after them (RFC 2920).
func (s *exSend) transaction() {
	if s.d.Busy {
		s.wait()
		s.write(s.at, "<", "421 4.7.0 too many messages from this address, try again later", "")
		return
	}
	for _, r := range s.d.To {
		s.write(s.at, ">", "RCPT TO:<"+r.Path+">", "")
	}
	s.wait()
	s.write(s.at, "<", "250 2.1.0 Ok", "")
	for _, r := range s.d.To {
		if r.Reply == 250 {
			s.write(s.at, "<", "250 2.1.5 Ok", "")
		} else {
			s.write(s.at, "<", "550 5.1.1 <"+r.Path+">: Recipient address rejected: User unknown", "")
		}
	}
	if s.d.delivered() == 0 {
		return
	}
	s.command("DATA")
	s.write(s.at, "<", "354 End data with <CR><LF>.<CR><LF>", "")
	s.wait()
	s.write(s.at, "<", "250 2.0.0 Ok: queued", "")
}

// unreachable is a delivery whose remote server does not answer.
func (l *exLog) unreachable(at time.Time, remote, domain string) {
	s := l.open(sendConnector, "", endpoint(remote, 25))
	s.write(at, "*", "SendRoutingHeaders", "Set Session Permissions")
	s.write(at, "*", "", "attempting to connect")
	s.write(at.Add(21*time.Second), "*", "", "Failed to connect. Winsock error code: 10060, Win32 error code: 10060, Destination domain: "+domain+
		", Error Message: A connection attempt failed because the connected party did not properly respond after a period of time "+endpoint(remote, 25)+".")
}
