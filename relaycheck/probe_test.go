package relaycheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// relay is a real SMTP server on loopback. It is one session of itself, too.
type relay struct {
	accept func(to string) bool // Recipients outside.
	login  bool                 // It wants a login before MAIL.

	mu   sync.Mutex // Guards what follows.
	said []string   // MAIL and RCPT arguments, and DATA.
}

func (r *relay) NewSession(*smtp.Conn) (smtp.Session, error) { return r, nil }

func (r *relay) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, what)
}

func (r *relay) Mail(from string, _ *smtp.MailOptions) error {
	r.note("MAIL " + from)
	if r.login {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	return nil
}

func (r *relay) Rcpt(to string, _ *smtp.RcptOptions) error {
	r.note("RCPT " + to)
	if r.accept(to) {
		return nil
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 54}, Message: "SMTP; Unable to relay recipient in non-accepted domain"}
}

func (r *relay) Data(io.Reader) error {
	r.note("DATA")
	return nil
}

func (r *relay) Reset()        {}
func (r *relay) Logout() error { return nil }

// listen starts a server, and returns where.
func (r *relay) listen(t *testing.T) netip.AddrPort {
	t.Helper()
	s := smtp.NewServer(r)
	s.Domain = "mail.corp.example"
	return serve(t, func(l net.Listener) error { return s.Serve(l) }, s.Close)
}

func serve(t *testing.T, run func(net.Listener) error, end func() error) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run(l) }()
	t.Cleanup(func() {
		if err := end(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		l.Close() //nolint:errcheck // The server may have closed it.
		<-done
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

func probeOf(at netip.AddrPort) *Probe {
	return &Probe{Address: at, Host: "mail.corp.example", Domain: "example.org", HELO: "probe.corp.example", Timeout: 5 * time.Second, Limit: time.Minute}
}

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		name     string
		server   *relay
		inside   bool
		severity Severity
		found    string
		tried    int
	}{
		{"open", &relay{accept: func(string) bool { return true }}, false, Error, "the server is an open relay", 16},
		{"open, from inside", &relay{accept: func(string) bool { return true }}, true, Warning, "from here, which is inside", 16},
		{"closed", &relay{accept: func(string) bool { return false }}, false, Passed, "every recipient outside was refused", 16},
		{"closed but for addresses with its own name", &relay{accept: func(to string) bool {
			return strings.HasSuffix(to, "@mail.corp.example") || strings.HasSuffix(to, "@[127.0.0.1]")
		}}, false, Warning, "in forms that a server may rewrite", 16},
		{"wants a login", &relay{login: true}, false, Passed, "nothing is accepted without a login", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probeOf(tc.server.listen(t))
			p.Inside = tc.inside
			r, err := p.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Severity != tc.severity || !strings.Contains(r.Found, tc.found) || len(r.Details) != tc.tried {
				t.Errorf("got %s: %s with %d forms %s; want %s with %q and %d", r.Severity, r.Found, len(r.Details), strings.Join(r.Details, "\n"), tc.severity, tc.found, tc.tried)
			}
			if slices.Contains(tc.server.said, "DATA") {
				t.Error("got DATA; want that nothing is ever sent")
			}
		})
	}
}

// TestProbeSays: the forms as the server hears them.
func TestProbeSays(t *testing.T) {
	var mu sync.Mutex
	var said []string
	at := script(t, func(line string) string {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(line, "EHLO") && line != "RSET" && line != "QUIT" {
			said = append(said, line)
		}
		if strings.HasPrefix(line, "RCPT") {
			return "550-5.7.1 no\r\n550 5.7.1 relaying"
		}
		return "250 ok"
	})
	r, err := probeOf(at).Run(t.Context())
	if err != nil || r.Severity != Passed {
		t.Fatalf("got %+v, %v; want that nothing was found", r, err)
	}
	const who, ip, srv = "relaywatch-probe", "[127.0.0.1]", "mx.corp.example"
	var want []string
	for i, to := range []string{
		who + "@example.org", who + "@example.org", who + "@example.org", who + "@example.org", who + "%example.org@" + ip, who + "%example.org@" + srv,
		`"` + who + `@example.org"`, `"` + who + `%example.org"`, who + "@example.org@" + ip, `"` + who + `@example.org"@` + ip, who + "@example.org@" + srv,
		"@" + ip + ":" + who + "@example.org", "@" + srv + ":" + who + "@example.org", "example.org!" + who, "example.org!" + who + "@" + ip, "example.org!" + who + "@" + srv,
	} {
		from := who + "@" + ip
		switch i {
		case 0:
			from = ""
		case 1:
			from = who + "@example.org"
		case 2:
			from = who + "@" + srv
		}
		want = append(want, "MAIL FROM:<"+from+">", "RCPT TO:<"+to+">")
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if d := r.Details[0]; d != " 1  MAIL FROM:<> RCPT TO:<relaywatch-probe@example.org>: 550 5.7.1 no 5.7.1 relaying" {
		t.Errorf("got %q", d)
	}
}

// script is a server that answers each line, and hangs up where the answer is "".
func script(t *testing.T, answer func(line string) string) netip.AddrPort {
	return scripts(t, "220 mx.corp.example ESMTP", func() func(string) string { return answer })
}

// scripts is one with a script for each connection.
func scripts(t *testing.T, greeting string, next func() func(line string) string) netip.AddrPort {
	t.Helper()
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	return serve(t, func(l net.Listener) error {
		for {
			conn, err := l.Accept()
			if err != nil {
				open.Wait()
				return err
			}
			answer := next()
			open.Go(func() {
				defer conn.Close()
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				fmt.Fprintf(conn, "%s\r\n", greeting)
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					reply := answer(lines.Text())
					if reply == "" {
						return
					}
					fmt.Fprintf(conn, "%s\r\n", reply)
				}
			})
		}
	}, func() error { cancel(); return nil })
}

// A server that hangs up on those who are refused is asked again.
func TestProbeGoesOn(t *testing.T) {
	connections := 0
	at := scripts(t, "220 mx.corp.example", func() func(string) string {
		connections++
		refused := 0
		return func(line string) string {
			if !strings.HasPrefix(line, "RCPT") {
				return "250 ok"
			}
			if refused++; refused > 5 {
				return "421 4.7.0 Too many errors on this connection, closing transmission channel"
			}
			return "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"
		}
	})
	r, err := probeOf(at).Run(t.Context())
	if err != nil || r.Severity != Passed || len(r.Details) != 16 {
		t.Errorf("got %+v, %v; want all forms refused", r, err)
	}
	if connections != 4 {
		t.Errorf("got %d connections; want 4 for 16 forms, five a time", connections)
	}
}

// Servers that can't be judged, and such that are none.
func TestProbeGivesUp(t *testing.T) {
	type scene = func(context.Context) func(string) string
	answerAll := func(reply string) scene {
		return func(context.Context) func(string) string { return func(string) string { return reply } }
	}
	answer := func(verb, reply string) scene {
		return func(context.Context) func(string) string {
			return func(line string) string {
				if strings.HasPrefix(line, verb) {
					return reply
				}
				return "250 ok"
			}
		}
	}
	for _, tc := range []struct {
		name, greeting string
		next           func(context.Context) func(string) string // Of a connection, what it answers.
		edit           func(*Probe)
		severity       Severity
		want           string // In what was found, or the error.
	}{
		{"hangs up at every MAIL", "220 mx", answer("MAIL", ""), nil, NotJudged, "no form came as far as RCPT; then the probe ended, as the server hung up 8 times"},
		{"hangs up on some forms", "220 mx", func(context.Context) func(string) string {
			return func(line string) string {
				switch {
				case strings.HasPrefix(line, "RCPT TO:<example.org!"):
					return ""
				case strings.HasPrefix(line, "RCPT"):
					return "550 5.7.1 no"
				}
				return "250 ok"
			}
		}, nil, Passed, "no recipient outside was accepted, but the server hung up on 3 forms instead of an answer"},
		{"hangs up at once", "220 mx", answerAll(""), nil, "", "answers neither EHLO nor HELO: EOF"},
		{"wants TLS", "220 mx", answer("MAIL", "530 5.7.0 Must issue a STARTTLS command first"), nil, NotJudged, "the server wants TLS first"},
		{"refuses every sender", "220 mx", answer("MAIL", "550 5.1.8 no"), nil, NotJudged, "no form came as far as RCPT"},
		{"takes no client", "554 5.7.1 go away", answerAll("221 bye"), nil, "", "greets with 554 5.7.1 go away"},
		{"is no mail server", "+OK POP3 server ready", answerAll("no"), nil, "", "does not greet as a mail server"},
		{"does not know EHLO", "220 mx", answerAll("500 what?"), nil, "", "takes no EHLO and no HELO (500)"},
		{"says more than anybody reads", "220-" + strings.Repeat("x", maxSaid), answerAll("250 ok"), nil, "", "does not greet as a mail server"},
		{"makes us wait", "220 mx", func(ctx context.Context) func(string) string {
			return func(line string) string {
				if strings.HasPrefix(line, "RCPT") {
					<-ctx.Done()
				}
				return "250 ok"
			}
		}, func(p *Probe) { p.Limit = 100 * time.Millisecond }, NotJudged, "it took longer than 100ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probeOf(scripts(t, tc.greeting, func() func(string) string { return tc.next(t.Context()) }))
			if tc.edit != nil {
				tc.edit(p)
			}
			r, err := p.Run(t.Context())
			got := r.Found
			if err != nil {
				got = err.Error()
			}
			if r.Severity != tc.severity || !strings.Contains(got, tc.want) {
				t.Errorf("got %s %q; want %s with %q", r.Severity, got, tc.severity, tc.want)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := probeOf(at).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "connect to mail.corp.example") {
		t.Errorf("nobody listens: got %v; want that it can't be reached", err)
	}
}

// Whoever ends the program ends the probe.
func TestProbeIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := scripts(t, "220 mx", func() func(string) string {
		return func(line string) string {
			if strings.HasPrefix(line, "RCPT") {
				cancel()
				<-ctx.Done()
			}
			return "250 ok"
		}
	})
	p := probeOf(at)
	p.Limit = time.Hour
	if r, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v; want that it was cancelled", r, err)
	}
}

func TestFormsOfIPv6(t *testing.T) {
	_, to := forms[4].addresses("example.org", netip.MustParseAddr("2001:db8::25"), "mx")
	if want := "relaywatch-probe%example.org@[IPv6:2001:db8::25]"; to != want {
		t.Errorf("got %s; want %s", to, want)
	}
}
