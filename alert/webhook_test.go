package alert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// hook is a webhook for a server.
func hook(t *testing.T, server *httptest.Server) *Webhook {
	t.Helper()
	u, err := url.Parse(server.URL + "/hook?token=geheim")
	if err != nil {
		t.Fatal(err)
	}
	w := &Webhook{URL: u, Version: "1.2.3"}
	if server.Certificate() != nil {
		w.Roots = x509.NewCertPool()
		w.Roots.AddCert(server.Certificate())
	}
	return w
}

func TestWebhook(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body) // The test compares it.
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "thanks\x1b[2J")
	}))
	defer server.Close()
	w := hook(t, server)
	w.Secret, w.Authorization = "s3cret", "Bearer abc"
	answer, err := w.Send(t.Context(), worm())
	if err != nil || answer != `202 Accepted thanks\x1b[2J` {
		t.Fatalf("got %q, %v", answer, err)
	}
	want := `{"id":"2f1c6a0e5b7d4c3f9a8b1234-1","event":"grown","episode":"2f1c6a0e5b7d4c3f9a8b1234","step":1,"grew":["severity","rules"],"provisional":true,` +
		`"made_at":"2026-11-05T02:16:30Z","host":"log01.corp.example","submitter":"ip:10.1.4.7","kind":"ip","value":"10.1.4.7","first_flagged":"2026-11-05T02:14:42Z",` +
		`"last_flagged":"2026-11-05T02:16:01Z","score":110,"severity":"critical","rules":["external-list","off-hours"],"recipients":601,"external_recipients":600,` +
		`"transactions":5,"state":"open","summary":"10.1.4.7 mailed 601 recipients."}`
	if string(body) != want {
		t.Errorf("got %s; want %s", body, want)
	}
	if got.Method != "POST" || got.URL.RequestURI() != "/hook?token=geheim" {
		t.Errorf("got %s %s", got.Method, got.URL)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Idempotency-Key": "2f1c6a0e5b7d4c3f9a8b1234-1", "Authorization": "Bearer abc", "User-Agent": "relaywatch/1.2.3",
		// From: printf '%s' BODY | openssl dgst -sha256 -hmac s3cret
		"Relaywatch-Signature": "sha256=a874c27b2d53a88b8c9b6b6a835fbfec16eae87b9da673ea4d46d99801ae8893",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: got %q; want %q", name, v, want)
		}
	}
}

// What a server answers decides whether the alert may be taken later.
func TestWebhookAnswers(t *testing.T) {
	for _, c := range []struct {
		status      int
		header      http.Header
		refused     bool
		after       time.Duration
		inText, not string
	}{
		{status: 400, refused: true, inText: "400 Bad Request no thanks"},
		{status: 401, refused: true},
		{status: 404, refused: true},
		{status: 422, refused: true},
		{status: 302, header: http.Header{"Location": {"https://evil.example/?q=geheim2"}}, refused: true, inText: "redirects to evil.example, which is not followed", not: "geheim2"},
		{status: 307, header: http.Header{"Location": {"/elsewhere"}}, refused: true},
		{status: 408},
		{status: 429, header: http.Header{"Retry-After": {"120"}}, after: 2 * time.Minute},
		{status: 503, header: http.Header{"Retry-After": {"Thu, 05 Nov 2026 03:00:00 GMT"}, "Date": {"Thu, 05 Nov 2026 02:50:00 GMT"}}, after: 10 * time.Minute},
		{status: 503, header: http.Header{"Retry-After": {"99999999999999999999"}}},
		{status: 503, header: http.Header{"Retry-After": {"999999999"}}, after: 24 * time.Hour},
		{status: 503, header: http.Header{"Retry-After": {"-5"}}},
		{status: 503, header: http.Header{"Retry-After": {"soon"}}},
		{status: 500},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			for k, v := range c.header {
				w.Header()[k] = v
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, "no thanks")
		}))
		_, err := hook(t, server).Send(t.Context(), worm())
		server.Close()
		var refused *Refused
		var busy *Busy
		isRefused, isBusy := errors.As(err, &refused), errors.As(err, &busy)
		if isRefused != c.refused || isBusy == c.refused || asked != 1 {
			t.Errorf("%d: got %v (refused: %v, busy: %v) after %d requests", c.status, err, isRefused, isBusy, asked)
			continue
		}
		if isBusy && busy.After != c.after {
			t.Errorf("%d %v: got %v; want %v", c.status, c.header, busy.After, c.after)
		}
		if text := err.Error(); !strings.Contains(text, c.inText) || strings.Contains(text, "geheim") || c.not != "" && strings.Contains(text, c.not) {
			t.Errorf("%d: got %q", c.status, text)
		}
	}
}

// Whoever can't prove who he is gets nothing, and no error tells the URL.
func TestWebhookUnreachable(t *testing.T) {
	asked := false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	w := hook(t, server)
	w.Roots = nil
	_, err := w.Send(t.Context(), worm())
	if err == nil || asked || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, asked %v; want that the certificate is not trusted", err, asked)
	}
	w = hook(t, server)
	server.Close()
	_, err = w.Send(t.Context(), worm())
	var refused *Refused
	if err == nil || errors.As(err, &refused) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v; want that it can't be reached, without what is secret", err)
	}
	again, second := w.Send(t.Context(), worm())
	if second == nil || second.Error() != err.Error() {
		t.Errorf("got %q, %v; want the same error each time, so that it is said once: %v", again, second, err)
	}
}

// Whoever ends the context ends the sending.
func TestWebhookStopped(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	}))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := hook(t, server).Send(ctx, worm())
		done <- err
	}()
	<-reached
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want that it was stopped", err)
	}
}
