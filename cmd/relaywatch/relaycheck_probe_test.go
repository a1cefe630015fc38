package main

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"relaywatch/detect"
)

// openServer takes mail for anybody, or for nobody.
type openServer struct{ open bool }

func (s openServer) NewSession(*smtp.Conn) (smtp.Session, error) { return s, nil }
func (openServer) Mail(string, *smtp.MailOptions) error          { return nil }
func (openServer) Data(io.Reader) error                          { return nil }
func (openServer) Reset()                                        {}
func (openServer) Logout() error                                 { return nil }

func (s openServer) Rcpt(string, *smtp.RcptOptions) error {
	if s.open {
		return nil
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Unable to relay\x1b[2J"}
}

func TestRelaycheckProbe(t *testing.T) {
	for _, tc := range []struct {
		open bool
		want []string
	}{
		{true, []string{"WARNING  probe: what 127.0.0.1 answers to the address forms of relay tests\n", "found  6 recipients for example.org accepted without a login, from here, which is inside", "   2  MAIL FROM:<relaywatch-probe@example.org> RCPT TO:<relaywatch-probe@example.org>: 250 "}},
		{false, []string{"PASSED  probe: ", "every recipient outside was refused\n", `: 550 5.7.1 Unable to relay\x1b[2J`}},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := smtp.NewServer(openServer{tc.open})
		server.Domain = "mail.corp.example"
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		var out, errOut bytes.Buffer
		db := filepath.Join(t.TempDir(), "none.db")
		if code := run(t.Context(), []string{"--db", db, "relaycheck", "--probe", l.Addr().String()}, &out, &errOut); code != exitDone {
			t.Errorf("got exit code %d, %s", code, errOut.String())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
		for _, want := range tc.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("got %s; want %q", out.String(), want)
			}
		}
		if said := errOut.String(); !strings.HasPrefix(said, "PROBE of 127.0.0.1 ("+l.Addr().String()+") from 127.0.0.1, which is inside: 16 address forms up to RCPT, never DATA") {
			t.Errorf("got %s; want a clear banner before", said)
		}
	}
}

func TestProbeTarget(t *testing.T) {
	for _, tc := range []struct {
		target, host string
		port         uint16 // 0 is an error.
	}{
		{"mail.corp.example", "mail.corp.example", 25},
		{"mail.corp.example:2525", "mail.corp.example", 2525},
		{"192.0.2.25", "192.0.2.25", 25},
		{"192.0.2.25:587", "192.0.2.25", 587},
		{"2001:db8::25", "2001:db8::25", 25},
		{"[2001:db8::25]", "2001:db8::25", 25},
		{"[2001:db8::25]:587", "2001:db8::25", 587},
		{"", "", 0},
		{":25", "", 0},
		{"mail.corp.example:0", "", 0},
		{"mail.corp.example:smtp", "", 0},
		{"192.0.2.0/24", "", 0}, // One host, never a network.
		{"a.example,b.example", "", 0},
	} {
		host, port, err := probeTarget(tc.target)
		if (err != nil) != (tc.port == 0) || err == nil && (host != tc.host || port != tc.port) {
			t.Errorf("%q: got %s, %d, %v; want %s, %d", tc.target, host, port, err, tc.host, tc.port)
		}
	}
	site := detect.Site{OwnDomains: []string{"corp.example"}}
	for domain, ok := range map[string]bool{"example.org": true, "Example.NET.": true, "corp.example": false, "mx.corp.example": false, "notcorp.example": true, "a b": false, "x>": false, "": false} {
		if _, err := probedDomain(site, domain); (err == nil) != ok {
			t.Errorf("%q: got %v; want that it is fine: %t", domain, err, ok)
		}
	}
}
