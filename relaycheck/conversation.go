package relaycheck

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// conversation is one session with the server.
type conversation struct {
	probe *Probe
	conn  net.Conn
	text  *textproto.Conn
	name  string      // The server's, of its greeting.
	leave func() bool // The session ends with its context until this is called.
}

// maxSaid is how many bytes a server may say in one session.
const maxSaid = 1 << 20

// connect opens a session and says who we are.
func (p *Probe) connect(ctx context.Context) (*conversation, error) {
	dialer := net.Dialer{Timeout: p.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", p.Address.String())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Host, err)
	}
	c := &conversation{probe: p, conn: conn, name: p.Host}
	c.leave = context.AfterFunc(ctx, func() { _ = conn.Close() })
	c.text = textproto.NewConn(struct {
		io.Reader
		io.Writer
		io.Closer
	}{io.LimitReader(conn, maxSaid), conn, conn})
	code, greeting, err := c.read()
	switch {
	case err != nil:
		c.close()
		return nil, fmt.Errorf("%s at %s does not greet as a mail server: %w", p.Host, p.Address, err)
	case code != 220:
		c.quit()
		return nil, fmt.Errorf("%s at %s greets with %d %s", p.Host, p.Address, code, greeting)
	}
	if name, _, _ := strings.Cut(greeting, " "); IsHostName(name) {
		c.name = name
	}
	for _, hello := range []string{"EHLO ", "HELO "} {
		if code, _, err = c.say(hello + p.HELO); err != nil || code == 250 {
			break
		}
	}
	switch {
	case err != nil:
		c.close()
		return nil, fmt.Errorf("%s at %s answers neither EHLO nor HELO: %w", p.Host, p.Address, err)
	case code != 250:
		c.quit()
		return nil, fmt.Errorf("%s at %s takes no EHLO and no HELO (%d)", p.Host, p.Address, code)
	}
	return c, nil
}

// IsHostName tells whether a text can stand in a command as the name of a host or
// domain: it has letters of ASCII, digits, hyphens and dots only.
func IsHostName(s string) bool {
	return len(s) > 0 && len(s) < 254 && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", r)
	}) < 0
}

// try says MAIL and RCPT in a form, and takes both back. The error is errGone if the
// server hung up before it answered, errLogin or errTLS.
func (c *conversation) try(o *outcome) error {
	o.from, o.to = o.form.addresses(c.probe.Domain, c.probe.Address.Addr(), c.name)
	code, text, err := c.say("MAIL FROM:<" + o.from + ">")
	if err == nil && code/100 == 2 {
		code, text, err = c.say("RCPT TO:<" + o.to + ">")
		o.answered = err == nil && code != 421
	}
	o.gone = err != nil || code == 421 // RFC 5321, section 3.8: it closes the connection.
	switch {
	case o.gone:
		return errGone
	case code == 530:
		o.answered, o.reply = false, reply(code, text)
		if strings.Contains(strings.ToUpper(text), "STARTTLS") {
			return errTLS
		}
		return errLogin
	}
	o.accepted = o.answered && code/100 == 2
	o.reply = reply(code, text)
	_, _, _ = c.say("RSET") // If that fails, so does the next MAIL.
	return nil
}

func reply(code int, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxReply {
		text = text[:maxReply] + "…"
	}
	return fmt.Sprintf("%d %s", code, text)
}

// maxReply is how much of a reply is shown.
const maxReply = 160

// say sends a command and reads the reply.
func (c *conversation) say(command string) (code int, text string, err error) {
	if err := c.text.PrintfLine("%s", command); err != nil {
		return 0, "", err
	}
	return c.read()
}

func (c *conversation) read() (code int, text string, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(c.probe.Timeout)); err != nil {
		return 0, "", err
	}
	return c.text.ReadResponse(0)
}

// quit ends the session in good order.
func (c *conversation) quit() {
	_, _, _ = c.say("QUIT") // Whatever the answer is, the session ends.
	c.close()
}

func (c *conversation) close() {
	c.leave()
	_ = c.conn.Close() // Nothing waits to be sent.
}
