package alert

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Transports of syslog.
const (
	UDP = "udp" // RFC 5426: nobody answers, and what is lost is lost.
	TCP = "tcp" // RFC 6587, with the length before each message.
	TLS = "tls" // RFC 5425.
)

// Syslog is a server that takes alerts as RFC 5424 writes them.
type Syslog struct {
	Transport    string // UDP, TCP or TLS.
	Address      string // Host and port.
	Facility     string // One of Facilities.
	Format       string // CEF or ECS.
	Roots        *x509.CertPool
	Certificates []tls.Certificate // Our own, for a server that asks for it.
	Version      string            // Of relaywatch.
	Closing      time.Duration     // How long the server may take to end a connection that we have ended; 0 is closing.
	Dialogue     func(line string)
}

func (s *Syslog) String() string { return "syslog " + s.Transport + "://" + s.Address }

// closing is how long is waited for a server to end a connection that we have ended:
// one that does has read all that was sent. unreachable is how long it takes until a
// host says that nobody listens on a port.
const (
	closing     = 3 * time.Second
	unreachable = 200 * time.Millisecond
)

// Send hands the alert over on a connection of its own. Syslog knows no answer. Over
// TCP and TLS an alert counts as taken when the server has read up to our end of the
// connection and ended it, too, or keeps it open without complaint: a connection that
// is reset is an error, as bytes may be lost that were sent.
func (s *Syslog) Send(ctx context.Context, a *Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	most := maxStream
	if s.Transport == UDP {
		most = maxDatagram
	}
	message, err := a.fit(most, func(a *Message) ([]byte, error) { return a.syslog(s.Facility, s.Format, s.Version) })
	if err != nil {
		return "", err
	}
	if s.Dialogue != nil {
		s.Dialogue("> " + string(message))
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return "", explain(ctx, s, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // Whatever it waits for.
	if s.Transport != UDP {
		message = fmt.Appendf(nil, "%d %s", len(message), message)
	}
	if _, err := conn.Write(message); err != nil {
		return "", explain(ctx, s, err)
	}
	answer, err := s.hear(conn)
	if err != nil {
		return "", explain(ctx, s, err)
	}
	return answer, nil
}

func (s *Syslog) dial(ctx context.Context) (net.Conn, error) {
	if s.Transport != TLS {
		return (&net.Dialer{}).DialContext(ctx, s.Transport, s.Address)
	}
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, RootCAs: s.Roots, Certificates: s.Certificates, MinVersion: tls.VersionTLS12}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Address)
}

// hear waits for what tells that the message did not arrive.
func (s *Syslog) hear(conn net.Conn) (answer string, err error) {
	wait := cmp.Or(s.Closing, closing)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return "", err
		}
	} else {
		wait = unreachable
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if s.Transport == UDP {
		_, err = conn.Read(make([]byte, 1))
	} else {
		_, err = io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	}
	var slow net.Error
	switch {
	case err == nil && s.Transport != UDP, errors.Is(err, io.ErrUnexpectedEOF): // It ended without TLS's farewell.
		return "the server has read it and ended the connection", nil
	case err == nil:
		return "sent, and the server sent something back", nil
	case errors.As(err, &slow) && slow.Timeout() && s.Transport == UDP:
		return "sent; over UDP nobody says whether it arrived", nil
	case errors.As(err, &slow) && slow.Timeout():
		return "sent; the server keeps the connection open and says nothing", nil
	}
	return "", err
}
