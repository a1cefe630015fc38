package alert

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// certificate is one that httptest knows, and who has signed it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}

// receive takes connections one after the other, and returns what came over each, also
// where it broke off.
func receive(t *testing.T, listener net.Listener) <-chan string {
	t.Helper()
	t.Cleanup(func() { _ = listener.Close() })
	got := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			data, _ := io.ReadAll(conn) // The test looks at what there is.
			got <- string(data)
			_ = conn.Close()
		}
	}()
	return got
}

// A stream has its length before each message, as a parser of somebody else's reads it.
func TestSyslogStream(t *testing.T) {
	own, roots := certificate(t)
	for _, transport := range []string{TCP, TLS} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &Syslog{Transport: transport, Address: listener.Addr().String(), Facility: "local0", Format: CEF, Version: "1.2.3"}
		if transport == TLS {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{own}})
			s.Roots = roots
		}
		got := receive(t, listener)
		answer, err := s.Send(t.Context(), worm())
		if err != nil || answer != "the server has read it and ended the connection" {
			t.Errorf("%s: got %q, %v", transport, answer, err)
			continue
		}
		var results []*syslog.Result
		parser := octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) { results = append(results, r) }))
		parser.Parse(strings.NewReader(<-got))
		if len(results) != 1 || results[0].Error != nil {
			t.Fatalf("%s: got %d results, the first with %v; want one message", transport, len(results), results[0].Error)
		}
		text, err := worm().syslog("local0", CEF, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		m, ok := results[0].Message.(*rfc5424.SyslogMessage)
		if !ok || *m.Message != *parsed(t, text).Message || (*m.StructuredData)[sdID]["id"] != worm().ID {
			t.Errorf("%s: got %+v", transport, results[0].Message)
		}
	}
}

func TestSyslogDatagram(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Syslog{Transport: UDP, Address: conn.LocalAddr().String(), Facility: "authpriv", Format: ECS, Version: "1.2.3"}
	if answer, err := s.Send(t.Context(), worm()); err != nil || answer != "sent; over UDP nobody says whether it arrived" {
		t.Errorf("got %q, %v", answer, err)
	}
	buffer := make([]byte, 10000)
	n, _, err := conn.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if m := parsed(t, buffer[:n]); *m.Facility != 10 || !strings.HasPrefix(*m.Message, `{"@timestamp":"2026-11-05T02:16:01Z"`) {
		t.Errorf("got %+v", m)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if answer, err := s.Send(t.Context(), worm()); err == nil {
		t.Errorf("got %q; want an error, as nobody listens any more and the host says so", answer)
	}
}

// A server that is not who it should be gets nothing; one that breaks off has not taken
// it.
func TestSyslogFails(t *testing.T) {
	own, _ := certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{own}}))
	s := &Syslog{Transport: TLS, Address: listener.Addr().String(), Facility: "local0", Format: CEF}
	if answer, err := s.Send(t.Context(), worm()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %q, %v; want that the certificate is not trusted", answer, err)
	}
	if text := <-got; text != "" {
		t.Errorf("got %q; want nothing", text)
	}

	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	go func() {
		conn, err := broken.Accept()
		if err != nil {
			return
		}
		_, _ = bufio.NewReaderSize(conn, 16).ReadByte()
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // A reset, as of a server that is killed.
		}
		_ = conn.Close()
	}()
	s = &Syslog{Transport: TCP, Address: broken.Addr().String(), Facility: "local0", Format: CEF}
	if answer, err := s.Send(t.Context(), worm()); err == nil {
		t.Errorf("got %q; want an error, as the connection was reset", answer)
	}
}

// A server that keeps the connection open, and says nothing, is taken for one that has
// it: others wait otherwise, and no syslog server ever says more.
func TestSyslogKeptOpen(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := &Syslog{Transport: TCP, Address: listener.Addr().String(), Facility: "local0", Format: CEF, Closing: 50 * time.Millisecond}
	answer, err := s.Send(t.Context(), worm()) // The host takes it, though nobody accepts it.
	if err != nil || answer != "sent; the server keeps the connection open and says nothing" {
		t.Errorf("got %q, %v", answer, err)
	}
}

// A server that asks for a certificate gets ours.
func TestSyslogClientCertificate(t *testing.T) {
	own, roots := certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert}))
	s := &Syslog{Transport: TLS, Address: listener.Addr().String(), Facility: "local0", Format: CEF, Roots: roots}
	if _, err := s.Send(t.Context(), worm()); err == nil {
		t.Error("got no error; want that the server asks for a certificate")
	}
	if text := <-got; text != "" {
		t.Errorf("got %q without a certificate; want nothing", text)
	}
	s.Certificates = []tls.Certificate{own}
	if _, err := s.Send(t.Context(), worm()); err != nil {
		t.Error(err)
	}
	if text := <-got; !strings.HasPrefix(text, fmt.Sprint(len(text)-4)) {
		t.Errorf("got %q", text)
	}
}
