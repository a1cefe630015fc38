package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"relaywatch/mail"
)

// Webhook is a web server that takes alerts by POST, as JSON.
type Webhook struct {
	URL           *url.URL       // http or https. Its path and query may be secret, and are shown nowhere.
	Secret        string         // Signs the body; "" does not.
	Authorization string         // Value of the header of that name; "" for none.
	Roots         *x509.CertPool // Who may have signed its certificate; nil: whom the system trusts.
	Version       string         // Of relaywatch.
	Dialogue      func(line string)
}

// SignatureHeader has "sha256=" and the HMAC-SHA256 of the body under the secret, in
// hexadecimal.
const SignatureHeader = "Relaywatch-Signature"

// String is the server without what may be secret.
func (w *Webhook) String() string { return "webhook " + w.URL.Scheme + "://" + w.URL.Host }

// maxAfter is the longest that a server may ask to be left alone for.
const maxAfter = 24 * time.Hour

// Send posts the alert. 2xx says that the server has taken it. The ID stands in the
// header Idempotency-Key, too. A redirection is not followed: the alert, and what
// proves who sends it, are for the server that is named.
func (w *Webhook) Send(ctx context.Context, a *Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := w.request(ctx, a)
	if err != nil {
		return "", err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: w.Roots, MinVersion: tls.VersionTLS12}
	transport.DisableKeepAlives = true // Hours pass between alerts.
	transport.MaxResponseHeaderBytes = 64 << 10
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		var e *url.Error // It tells the whole URL.
		if errors.As(err, &e) {
			err = e.Err
		}
		return "", explain(ctx, w, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil && response.StatusCode/100 != 2 {
		body = nil // The status says enough.
	}
	return w.answer(response, cut(mail.Visible(strings.TrimSpace(string(body))), 200))
}

func (w *Webhook) request(ctx context.Context, a *Message) (*http.Request, error) {
	body, err := a.JSON()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: its URL can't be asked", w)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "relaywatch/"+name(w.Version, 64))
	r.Header.Set("Idempotency-Key", a.ID)
	if w.Authorization != "" {
		r.Header.Set("Authorization", w.Authorization)
	}
	if w.Secret != "" {
		r.Header.Set(SignatureHeader, Sign(w.Secret, body))
	}
	if w.Dialogue != nil {
		w.Dialogue("> POST " + string(body))
	}
	return r, nil
}

// Sign is the value of SignatureHeader for a body.
func Sign(secret string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body) // It never fails.
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// answer tells what a status means for the alert.
func (w *Webhook) answer(r *http.Response, body string) (string, error) {
	said := strings.TrimSpace(mail.Visible(cut(r.Status, 100)) + " " + body)
	text := fmt.Sprintf("%s answers %s", w, said)
	switch code := r.StatusCode; {
	case code/100 == 2:
		return said, nil
	case code/100 == 3:
		host := ""
		if to, err := r.Location(); err == nil {
			host = " to " + mail.Visible(cut(to.Host, 100))
		}
		return said, &Refused{text + ": it redirects" + host + ", which is not followed; set alerts.webhook.url to where it leads"}
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code/100 == 5:
		return said, &Busy{After: retryAfter(r), text: text}
	}
	return said, &Refused{text}
}

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3), beside the
// server's own clock if it is a date.
func retryAfter(r *http.Response) time.Duration {
	text := r.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), int(maxAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxAfter)
}
