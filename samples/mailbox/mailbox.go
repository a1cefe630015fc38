// Package mailbox is a mail server for tests: a real one, with TLS and AUTH, that
// keeps what it takes, and fails in the ways in which servers do.
//
// New starts one; Mails is what a reader sees: mail with the same Message-ID shows
// once, as at Exchange and other servers that detect duplicates. Takes counts how
// often each was taken.
package mailbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options say what kind of server it is. The zero Options is one that takes all
// mail in the clear.
type Options struct {
	TLS            bool   // It offers STARTTLS.
	Implicit       bool   // TLS from the first byte.
	User, Password string // It wants AUTH where User is set.

	// Fail is asked before each step: "MAIL", "RCPT address", "DATA" when the
	// beginning of a message was read, and "TAKEN" when all of it is kept and before
	// that is told. nil goes on; ErrDrop breaks the connection, ErrStall keeps the client
	// waiting, and a *smtp.SMTPError is the answer.
	Fail func(step string) error
}

var (
	// ErrDrop breaks the connection.
	ErrDrop = errors.New("drop")
	// ErrStall answers nothing until the server is closed.
	ErrStall = errors.New("stall")
)

// Server is a running mail server.
type Server struct {
	Host string
	Port int
	CA   []byte // Its certificate, PEM.

	options Options
	smtp    *smtp.Server
	done    chan struct{}

	mu    sync.Mutex // Guards what follows.
	mails []Mail
	takes map[string]int
}

// Mail is a message as it was taken.
type Mail struct {
	ID   string // Message-ID.
	From string
	To   []string // Of every time it was taken.
	Data []byte
}

// New starts a server on this machine that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, done: make(chan struct{}), takes: map[string]int{}}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	s.smtp.Domain = "localhost"
	s.smtp.ErrorLog = silent{}
	s.smtp.AllowInsecureAuth = !o.TLS && !o.Implicit
	certificate, ca := newCertificate(t)
	s.CA = ca
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if o.TLS {
		s.smtp.TLSConfig = config
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Host = host
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	if o.Implicit {
		l = tls.NewListener(l, config)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.smtp.Serve(l) // Its error is that it was closed.
	}()
	t.Cleanup(func() {
		close(s.done)
		_ = s.smtp.Close()
		<-ended
	})
	return s
}

// Mails is what a reader sees, in the order in which it came.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Takes is how often a message was taken, by its Message-ID.
func (s *Server) Takes() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	takes := map[string]int{}
	for id, n := range s.takes {
		takes[id] = n
	}
	return takes
}

func (s *Server) fail(step string) error {
	if s.options.Fail == nil {
		return nil
	}
	return s.options.Fail(step)
}

// session is what a client does. It wants AUTH if the server does.
type session struct {
	server *Server
	conn   *smtp.Conn
	from   string
	to     []string
	authed bool
}

func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

// step asks whether to go on.
func (s *session) step(name string) error {
	err := s.server.fail(name)
	switch {
	case errors.Is(err, ErrDrop):
		_ = s.conn.Conn().Close()
	case errors.Is(err, ErrStall):
		<-s.server.done
	}
	return err
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.authed {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return s.step("MAIL")
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.step("RCPT " + to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, 100); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := s.step("DATA"); err != nil {
		return err
	}
	if _, err := io.Copy(&b, r); err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(b.Bytes()))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "this is no message: " + err.Error()}
	}
	s.server.keep(Mail{ID: m.Header.Get("Message-Id"), From: s.from, To: s.to, Data: b.Bytes()})
	return s.step("TAKEN")
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes[m.ID]++
	for i := range s.mails {
		if s.mails[i].ID == m.ID {
			s.mails[i].To = append(s.mails[i].To, m.To...)
			return
		}
	}
	s.mails = append(s.mails, m)
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

// silent drops what the server says of connections that break: they are meant to.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// newCertificate is one for this machine, and itself as who signed it.
func newCertificate(t testing.TB) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
