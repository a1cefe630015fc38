package digest

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"relaywatch/samples/mailbox"
)

// relayTo is a Relay that trusts the server.
func relayTo(s *mailbox.Server, tls string) *Relay {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	return &Relay{Host: s.Host, Port: s.Port, TLS: tls, Roots: pool, Timeout: 2 * time.Second}
}

func message(t *testing.T) *Message {
	t.Helper()
	m, err := busyDay().Compose(head)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSend(t *testing.T) {
	for name, tc := range map[string]struct {
		options mailbox.Options
		tls     string
	}{
		"in the clear":          {mailbox.Options{}, NoTLS},
		"STARTTLS":              {mailbox.Options{TLS: true}, STARTTLS},
		"implicit TLS":          {mailbox.Options{Implicit: true}, Implicit},
		"STARTTLS and AUTH":     {mailbox.Options{TLS: true, User: "relaywatch", Password: "s3cret"}, STARTTLS},
		"implicit TLS and AUTH": {mailbox.Options{Implicit: true, User: "relaywatch", Password: "s3cret"}, Implicit},
	} {
		t.Run(name, func(t *testing.T) {
			s := mailbox.New(t, tc.options)
			r := relayTo(s, tc.tls)
			r.User, r.Password = tc.options.User, tc.options.Password
			var said []string
			r.Dialogue = func(line string) { said = append(said, line) }
			m := message(t)
			taken, err := r.Send(t.Context(), m, m.To)
			if err != nil || !slices.Equal(taken, m.To) {
				t.Fatalf("got %v, %v; want it taken for all", taken, err)
			}
			got := s.Mails()
			if len(got) != 1 || got[0].ID != head.ID || got[0].From != head.From || !slices.Equal(got[0].To, m.To) || !bytes.Equal(got[0].Data, m.Data) {
				t.Errorf("got %+v; want the message as it was made", got)
			}
			dialogue := strings.Join(said, "\n")
			if strings.Contains(dialogue, "s3cret") || strings.Contains(dialogue, "AHJlbGF5d2F0Y2gAczNjcmV0") {
				t.Errorf("the password is in the dialogue:\n%s", dialogue)
			}
			for _, want := range []string{"> EHLO", "< 250", "> RCPT TO:<oncall@corp.example>", "> (the message, ", "> QUIT"} {
				if !strings.Contains(dialogue, want) {
					t.Errorf("got the dialogue without %q:\n%s", want, dialogue)
				}
			}
		})
	}
}

// What is not safe is not sent, and where it fails is said.
func TestSendRefuses(t *testing.T) {
	refuse := func(step string, code int) func(string) error {
		return func(s string) error {
			if strings.HasPrefix(s, step) {
				return &smtp.SMTPError{Code: code, Message: "no \x1b[31m thanks"}
			}
			return nil
		}
	}
	fail := func(step string, err error) func(string) error {
		return func(s string) error {
			if s == step {
				return err
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		options mailbox.Options
		change  func(*Relay)
		want    string
		kept    int // Mails that the server has all the same.
	}{
		"no STARTTLS offered":      {mailbox.Options{}, nil, "STARTTLS", 0},
		"a stranger's certificate": {mailbox.Options{TLS: true}, func(r *Relay) { r.Roots = x509.NewCertPool() }, "certificate", 0},
		"a wrong password":         {mailbox.Options{TLS: true, User: "u", Password: "p"}, func(r *Relay) { r.User, r.Password = "u", "wr0ng" }, "535", 0},
		"a password in the clear":  {mailbox.Options{User: "u", Password: "p"}, func(r *Relay) { r.TLS, r.User, r.Password = NoTLS, "u", "p" }, "", 1}, // To this machine only.
		"AUTH wanted":              {mailbox.Options{TLS: true, User: "u", Password: "p"}, nil, "502", 0},
		"MAIL refused":             {mailbox.Options{TLS: true, Fail: refuse("MAIL", 550)}, nil, "MAIL: 550", 0},
		"all recipients refused":   {mailbox.Options{TLS: true, Fail: refuse("RCPT", 451)}, nil, "RCPT oncall@corp.example: 451", 0},
		"the message refused":      {mailbox.Options{TLS: true, Fail: refuse("DATA", 554)}, nil, "DATA: 554", 0},
		"dropped in mid-DATA":      {mailbox.Options{TLS: true, Fail: fail("DATA", mailbox.ErrDrop)}, nil, "DATA: ", 0},
		"dropped when taken":       {mailbox.Options{TLS: true, Fail: fail("TAKEN", mailbox.ErrDrop)}, nil, "DATA: ", 1},
		"stalls at MAIL":           {mailbox.Options{TLS: true, Fail: fail("MAIL", mailbox.ErrStall)}, func(r *Relay) { r.Timeout = 200 * time.Millisecond }, "timeout", 0},
		"stalls at the end":        {mailbox.Options{TLS: true, Fail: fail("TAKEN", mailbox.ErrStall)}, func(r *Relay) { r.Timeout = 200 * time.Millisecond }, "timeout", 1},
		"nobody there":             {mailbox.Options{TLS: true}, func(r *Relay) { r.Port = 1 }, "connect: ", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := mailbox.New(t, tc.options)
			r := relayTo(s, STARTTLS)
			if tc.change != nil {
				tc.change(r)
			}
			m := message(t)
			taken, err := r.Send(t.Context(), m, m.To)
			switch {
			case tc.want == "" && (err != nil || len(taken) != 2):
				t.Errorf("got %v, %v; want it taken", taken, err)
			case tc.want != "" && (err == nil || len(taken) > 0 || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, %v; want an error with %q", taken, err, tc.want)
			}
			if n := len(s.Mails()); n != tc.kept {
				t.Errorf("the server has %d mails; want %d", n, tc.kept)
			}
			if err != nil {
				harmlessText(t, name, err.Error())
				if strings.Contains(err.Error(), "wr0ng") {
					t.Errorf("the password is in the error: %v", err)
				}
			}
		})
	}
}

// A recipient that is refused holds up nobody else.
func TestSendToSome(t *testing.T) {
	s := mailbox.New(t, mailbox.Options{Fail: func(step string) error {
		if step == "RCPT chief@corp.example" {
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		}
		return nil
	}})
	m := message(t)
	taken, err := relayTo(s, NoTLS).Send(t.Context(), m, m.To)
	if !slices.Equal(taken, []string{"oncall@corp.example"}) || err == nil || !strings.Contains(err.Error(), "RCPT chief@corp.example: 550") {
		t.Errorf("got %v, %v; want it taken for the first, and why not for the second", taken, err)
	}
}

// Whoever stops the program does not wait for a server that stalls.
func TestSendStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	s := mailbox.New(t, mailbox.Options{Fail: func(string) error {
		cancel(stopped)
		return mailbox.ErrStall
	}})
	r := relayTo(s, NoTLS)
	r.Timeout = time.Hour
	m := message(t)
	if taken, err := r.Send(ctx, m, m.To); !errors.Is(err, stopped) || len(taken) > 0 {
		t.Errorf("got %v, %v; want it stopped", taken, err)
	}
}

func TestTestMail(t *testing.T) {
	s := mailbox.New(t, mailbox.Options{})
	m, err := Test(head, "log\x1bhost")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relayTo(s, NoTLS).Send(t.Context(), m, m.To); err != nil {
		t.Fatal(err)
	}
	if got := s.Mails(); len(got) != 1 || !bytes.Contains(got[0].Data, []byte(`Subject: relaywatch on log\x1bhost: test`)) {
		t.Errorf("got %s; want the test", got[0].Data)
	}
}
