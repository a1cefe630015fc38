package digest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/log"
	"github.com/wneessen/go-mail/smtp"
)

// How a connection is made safe.
const (
	STARTTLS = "starttls" // RFC 3207; without it nothing is sent.
	Implicit = "implicit" // TLS from the first byte (RFC 8314).
	NoTLS    = "none"
)

// How long a mail server may take (RFC 5321, section 4.5.3.2). It has the longest
// for its answer to the end of the message: whoever gives up before that sends the
// mail twice.
const (
	stepTimeout = 2 * time.Minute
	doneTimeout = 10 * time.Minute
)

// Relay is the mail server that takes the mail.
type Relay struct {
	Host     string
	Port     int
	TLS      string         // STARTTLS, Implicit or NoTLS.
	Roots    *x509.CertPool // Who may have signed its certificate; nil: whom the system trusts.
	User     string         // "" for no AUTH.
	Password string
	Timeout  time.Duration     // For each step; 0 is what RFC 5321 asks for.
	Dialogue func(line string) // Optional: hears what is said, without passwords.
}

// Send hands a message to the server for some of its recipients, and returns those
// that the server took it for. The error tells why it did not take it for others.
//
// An error after the end of the message was sent, as for a connection that breaks,
// leaves open whether the server has it: to be certain that it arrives it must be
// sent again, with the same Message-ID, by which the reader's server knows it.
func (r *Relay) Send(ctx context.Context, m *Message, to []string) (taken []string, err error) {
	var l line
	defer l.hangUp()
	client, err := r.client(&l)
	if err != nil {
		return nil, err
	}
	// Whoever ends ctx ends the connection, whatever it waits for.
	defer context.AfterFunc(ctx, l.hangUp)()
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, r.explain(ctx, "connect", err)
	}
	taken, err = r.transaction(ctx, session, m, to)
	if quit := session.Quit(); quit != nil && err == nil && len(taken) == 0 {
		err = r.explain(ctx, "QUIT", quit)
	}
	return taken, err
}

// client sets up go-mail. l holds its connection.
func (r *Relay) client(l *line) (*gomail.Client, error) {
	config := &tls.Config{ServerName: r.Host, RootCAs: r.Roots, MinVersion: tls.VersionTLS12}
	dial := func(ctx context.Context, network, address string) (c net.Conn, err error) {
		if r.TLS == Implicit {
			c, err = (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
		} else {
			c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		}
		if err == nil {
			l.hold(c)
		}
		return c, err
	}
	options := []gomail.Option{
		gomail.WithPort(r.Port), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial), gomail.WithTimeout(r.step()),
	}
	switch r.TLS {
	case STARTTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		options = append(options, gomail.WithSSL())
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("TLS %q: use starttls, implicit or none", r.TLS)
	}
	if r.User != "" {
		// PLAIN and LOGIN refuse by themselves to go over the network in the clear.
		options = append(options, gomail.WithUsername(r.User), gomail.WithPassword(r.Password), gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5, gomail.SMTPAuthNTLM))
	}
	if r.Dialogue != nil {
		options = append(options, gomail.WithDebugLog(), gomail.WithLogger(dialogue{r.Dialogue}))
	}
	client, err := gomail.NewClient(r.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail server %s: %w", r.Host, err)
	}
	return client, nil
}

// line is a connection that can be broken from elsewhere.
type line struct {
	mu   sync.Mutex // Guards what follows.
	conn net.Conn   // nil before it is there.
}

func (l *line) hold(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // After QUIT it is closed already.
	}
}

// transaction is one mail transaction (RFC 5321, section 3.3).
func (r *Relay) transaction(ctx context.Context, c *smtp.Client, m *Message, to []string) (taken []string, err error) {
	step := func(what string, f func() error) error {
		if err := c.UpdateDeadline(r.step()); err != nil {
			return r.explain(ctx, what, err)
		}
		if err := f(); err != nil {
			return r.explain(ctx, what, err)
		}
		return nil
	}
	if err := step("MAIL", func() error { return c.Mail("<" + m.From + ">") }); err != nil {
		return nil, err
	}
	var refused []error
	for _, address := range to {
		if err := step("RCPT "+address, func() error { return c.Rcpt("<" + address + ">") }); err != nil {
			refused = append(refused, err)
			continue
		}
		taken = append(taken, address)
	}
	if len(taken) == 0 {
		return nil, errors.Join(refused...)
	}
	if err := step("DATA", func() error { return r.data(c, m) }); err != nil {
		return nil, errors.Join(append(refused, err)...)
	}
	return taken, errors.Join(refused...)
}

func (r *Relay) data(c *smtp.Client, m *Message) error {
	w, err := c.Data()
	if err != nil {
		return err
	}
	if r.Dialogue != nil {
		r.Dialogue(fmt.Sprintf("> (the message, %d bytes)", len(m.Data)))
	}
	if _, err := w.Write(m.Data); err != nil {
		return err
	}
	if err := c.UpdateDeadline(r.done()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if closer, ok := w.(*smtp.DataCloser); ok && r.Dialogue != nil {
		r.Dialogue("< 250 " + clean(closer.ServerResponse(), maxSentence))
	}
	return nil
}

func (r *Relay) step() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return stepTimeout
}

func (r *Relay) done() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return doneTimeout
}

// explain says at which step the server failed. What it answered comes from the
// network: it is made harmless.
func (r *Relay) explain(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("mail server %s: %s: %w", r.address(), what, context.Cause(ctx))
	}
	return &serverError{fmt.Sprintf("mail server %s: %s: %s", r.address(), what, clean(err.Error(), maxSentence)), err}
}

type serverError struct {
	text string
	err  error
}

func (e *serverError) Error() string { return e.text }
func (e *serverError) Unwrap() error { return e.err }

func (r *Relay) address() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// dialogue hands go-mail's debug log on, line by line.
type dialogue struct{ line func(string) }

func (d dialogue) Debugf(l log.Log) {
	sign := "< "
	if l.Direction == log.DirClientToServer {
		sign = "> "
	}
	for line := range strings.SplitSeq(fmt.Sprintf(l.Format, l.Messages...), "\n") {
		d.line(sign + clean(line, maxSentence))
	}
}

func (d dialogue) Infof(l log.Log)  { d.Debugf(l) }
func (d dialogue) Warnf(l log.Log)  { d.Debugf(l) }
func (d dialogue) Errorf(l log.Log) { d.Debugf(l) }
