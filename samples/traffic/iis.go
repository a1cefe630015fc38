package traffic

import (
	"strconv"
	"strings"
	"time"
)

// iisLog writes the W3C Extended log of an IIS SMTP service with all 21 columns.
type iisLog struct {
	rows
	id int // Of the last Message-ID that the server made up.
}

// The IIS server.
const (
	iisName = "MAIL01"
	iisFQDN = "mail01.corp.example"
	iisIP   = "10.0.0.20"
	iisSite = "SMTPSVC1"
)

// The service pads the header with a blank.
const iisFields = "#Fields: date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query " +
	"sc-status sc-win32-status sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer) \r\n"

// iisHead begins a log file, or a stretch of it after a restart of the service.
func iisHead(at time.Time) string {
	return "#Software: Microsoft Internet Information Services 8.5\r\n#Version: 1.0\r\n#Date: " +
		at.Format(time.DateTime) + "\r\n" + iisFields
}

// iisRow is what differs from row to row.
type iisRow struct {
	at           time.Time
	client, user string
	ip, port     string // s-ip and s-port.
	verb, query  string
	status       int
	win32        int64 // QUIT: the session's milliseconds.
	sc, cs       int   // Bytes of the reply and of the command line.
	taken        int64 // Milliseconds.
}

func (l *iisLog) write(r iisRow) {
	b := r.at.AppendFormat(l.begin(), time.DateTime)
	for _, s := range [...]string{r.client, r.user, iisSite, iisName, r.ip, r.port, r.verb, "-", r.query} {
		b = append(append(b, ' '), s...)
	}
	for _, n := range [...]int64{int64(r.status), r.win32, int64(r.sc), int64(r.cs), r.taken} {
		b = strconv.AppendInt(append(b, ' '), n, 10)
	}
	l.add(r.at, append(b, " SMTP - - - -\r\n"...))
}

// session writes the rows of one inbound session.
func (l *iisLog) session(s *Session) {
	client := iisClient{l, s, iisRow{client: s.Client, user: "-", ip: iisIP, port: "0"}}
	at := s.Start.Add(greeting / 2)
	for _, c := range s.Strange {
		client.command(at, c.Verb, c.Arg, 500, len("500 5.3.3 Unrecognized command\r\n"))
	}
	if s.Greet != "" {
		client.last.user = s.HELO
		client.command(at, s.Greet, s.HELO, 250, helloBytes(s))
	}
	for i := range s.Messages {
		client.message(&s.Messages[i])
	}
	client.quit()
}

// helloBytes is the length of the reply to HELO or EHLO.
func helloBytes(s *Session) int {
	n := len("250 "+iisFQDN+" Hello []\r\n") + len(s.Client)
	if s.Greet == "EHLO" {
		n += len("250-TURN\r\n250-SIZE 20971520\r\n250-ETRN\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n" +
			"250-8bitmime\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250-VRFY\r\n250 OK\r\n")
	}
	return n
}

// iisClient writes the rows of one client's session.
type iisClient struct {
	log  *iisLog
	s    *Session
	last iisRow // The row before.
}

// command writes a row for verb and its argument: the log puts a plus before the
// argument and one for each blank in it.
func (c *iisClient) command(at time.Time, verb, arg string, status, replyBytes int) {
	r := c.last
	r.at, r.verb, r.query, r.status = at, verb, "+"+strings.ReplaceAll(arg, " ", "+"), status
	r.sc, r.cs, r.taken = replyBytes, len(verb)+len(" ")+len(arg), 0
	c.log.write(r)
	c.last = r
}

func (c *iisClient) message(m *Message) {
	c.command(m.At, "MAIL", c.s.shape("FROM", m.From, m), 250, len("250 2.1.0 ....Sender OK\r\n")+len(m.From))
	for i, to := range m.To {
		reply := len("250 2.1.5  \r\n") + len(to.Path)
		if to.Reply == 550 {
			reply = len("550 5.7.1 Unable to relay for \r\n") + len(to.Path)
		}
		c.command(m.rcptAt(i), "RCPT", c.s.shape("TO", to.Path, m), to.Reply, reply)
	}
	if m.accepted() == 0 {
		return
	}
	r := c.last
	id := "<" + m.ID + ">"
	r.query = "+" + id
	if m.ServerID {
		id = c.log.newID()
		r.query = id // Without a plus: the client sent none.
	}
	r.at, r.verb, r.status, r.cs, r.taken = m.endAt(), "DATA", 250, m.Size, m.Transfer.Milliseconds()
	r.sc = len("354 Start mail input; end with <CRLF>.<CRLF>\r\n250 2.6.0   Queued mail for delivery\r\n") + len(id)
	c.log.write(r)
	c.last = r
}

// newID is a Message-ID as the service makes it up.
func (l *iisLog) newID() string {
	l.id++
	n := strings.ToUpper(strconv.FormatInt(int64(l.id)*0x9E3779B1%0xFFFFFFF1, 36))
	return "<" + iisName + ("AAAAAAA" + n)[len(n):] + "0000" + strconv.FormatInt(int64(0x1e05+l.id), 16) + "@" + iisFQDN + ">"
}

// quit writes the QUIT row. The service writes one also for a client that hung
// up: that one repeats the byte counts of the row before.
func (c *iisClient) quit() {
	r := c.last
	r.at = c.s.End.Add(30 * time.Millisecond)
	r.verb, r.query, r.status, r.taken = "QUIT", r.user, 240, 0
	r.win32 = r.at.Sub(c.s.Start).Milliseconds()
	if !c.s.NoQuit {
		r.sc, r.cs = len("221 2.0.0 "+iisFQDN+" Service closing transmission channel\r\n"), len("QUIT")
	}
	c.log.write(r)
}
