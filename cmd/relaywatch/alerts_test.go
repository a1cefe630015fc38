package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"relaywatch/alert"
	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// hook is a web server that takes alerts.
type hook struct {
	*httptest.Server

	mu     sync.Mutex // Guards what follows.
	bodies []string   // All that came, doubles too, in order.
	answer func(a *alert.Message) (status int, header string)
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var a alert.Message
		if err == nil {
			err = json.Unmarshal(body, &a)
		}
		if err != nil || r.Header.Get("Idempotency-Key") != a.ID || r.Header.Get(alert.SignatureHeader) != alert.Sign("s3cret", body) {
			t.Errorf("got %v, headers %v, body %s", err, r.Header, body)
		}
		h.mu.Lock()
		h.bodies = append(h.bodies, string(body))
		answer := h.answer
		h.mu.Unlock()
		status := http.StatusNoContent
		if answer != nil {
			var after string
			if status, after = answer(&a); after != "" {
				w.Header().Set("Retry-After", after)
			}
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) setAnswer(f func(a *alert.Message) (int, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

// got are the alerts that came since the last call, as "opened ip:10.1.4.7 0".
func (h *hook) got(t *testing.T) []string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []string{}
	for _, body := range h.bodies {
		var a alert.Message
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s %d", a.Event, a.Submitter, a.Step))
	}
	h.bodies = nil
	return list
}

// outbox is a store with alerts to send, and a clock.
type outbox struct {
	t    *testing.T
	hook *hook
	db   *store.DB
	o    *outgoing
	now  time.Time
}

// newOutbox has an alert about each of so many submitters, made at the same time.
func newOutbox(t *testing.T, submitters int) *outbox {
	t.Helper()
	h := &outbox{t: t, hook: newHook(t), now: time.Date(2026, 11, 5, 3, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("s3cret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := defaultConfig(t)
	config.Store.Path = filepath.Join(dir, "store.db")
	config.Alerts.Webhook = WebhookConfig{URL: h.hook.URL, SecretFile: secret}
	p := &program{config: config, log: zerolog.Nop(), now: func() time.Time { return h.now }}
	db, err := store.Open(t.Context(), config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // The file goes with it.
	h.db, h.o = db, &outgoing{p: p, db: db, way: wayWebhook, agent: newAgent(p)}
	if err := db.Tell(t.Context(), p.telling()); err != nil {
		t.Fatal(err)
	}
	j := detect.Judgement{Until: mail.Of(h.now)}
	for i := range submitters {
		j.Episodes = append(j.Episodes, detect.Episode{
			Submitter: mail.Submitter{Kind: mail.KindIP, Value: fmt.Sprintf("10.1.4.%d", i)}, FirstFlagged: mail.Of(h.now), LastFlagged: mail.Of(h.now),
			Severity: detect.High, Rules: []string{"external-list"}, Recipients: 10 + i,
		})
	}
	if err := db.WriteJudgement(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return h
}

// step sends what may be sent after a while, and checks what comes.
func (h *outbox) step(after time.Duration, want ...string) {
	h.t.Helper()
	h.now = h.now.Add(after)
	h.o.step(h.t.Context(), func() time.Time { return h.now })
	if got := h.hook.got(h.t); !slices.Equal(got, want) {
		h.t.Errorf("%s: got %q; want %q", h.now.Format(time.TimeOnly), got, want)
	}
}

func (h *outbox) trouble() string {
	return h.o.agent.health(h.now).Trouble["alerts by webhook"]
}

// way is how the webhook stands.
func (h *outbox) way() store.AlertWay {
	h.t.Helper()
	ways, err := h.db.AlertWays(h.t.Context(), 0)
	if err != nil || len(ways) != 1 {
		h.t.Fatalf("got %v, %v; want one way", ways, err)
	}
	return ways[0]
}

// What can be sent is sent, once, in order.
func TestAlertsSent(t *testing.T) {
	h := newOutbox(t, 3)
	h.step(0, "opened ip:10.1.4.0 0", "opened ip:10.1.4.1 0", "opened ip:10.1.4.2 0")
	h.step(time.Hour)
	if w := h.way(); w.Waiting != 0 || w.LastTaken == 0 || h.trouble() != "" {
		t.Errorf("got %+v, trouble %q", w, h.trouble())
	}
	if got := h.o.agent.health(h.now).Alerts; !slices.Equal(got, []sentAlerts{{Way: wayWebhook, Taken: 3}}) {
		t.Errorf("got %+v", got)
	}
	h.wantMetrics(map[string]float64{"relaywatch_alerts_taken_total": 3, "relaywatch_alerts_failed_tries_total": 0, "relaywatch_alerts_given_up_total": 0, "relaywatch_alerts_waiting": 0})
}

// wantMetrics checks what Prometheus gets of the webhook.
func (h *outbox) wantMetrics(want map[string]float64) {
	h.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(&metrics{h.o.agent})
	families, err := registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "relaywatch_alerts_") {
			m := f.GetMetric()[0]
			got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("got metrics %v; want %v", got, want)
	}
}

// A store that is read-only all of a sudden has no alert sent over and over.
func TestAlertsStoreFails(t *testing.T) {
	h := newOutbox(t, 1)
	reader, err := store.OpenReadOnly(t.Context(), h.o.p.config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	h.o.db = reader
	h.step(0, "opened ip:10.1.4.0 0")
	h.step(time.Second)
	h.step(10 * time.Second)
	h.o.db = h.db
	h.step(lastAlertRetry, "opened ip:10.1.4.0 0")
	h.step(time.Hour)
}

// While the server is away one alert is tried, ever more slowly; that is said once, and
// heals when it is back.
func TestAlertsServerAway(t *testing.T) {
	h := newOutbox(t, 2)
	away := h.hook
	url := h.o.p.config.Alerts.Webhook.URL
	h.o.p.config.Alerts.Webhook.URL = "http://127.0.0.1:1/"
	tried := 0
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		before := h.way().Error
		failed := h.o.failed
		h.step(time.Second)
		if h.o.failed != failed {
			tried++
		}
		if before != "" && h.way().Error != before {
			t.Fatalf("got %q after %q; want the same, or it is said again", h.way().Error, before)
		}
	}
	if tried < 15 || tried > 22 { // 1, 2, 4, … 256 s are nine, and then one each 5 minutes.
		t.Errorf("got %d tries in an hour; want some 19", tried)
	}
	if !strings.Contains(h.trouble(), "connection refused") || h.way().Waiting != 2 {
		t.Errorf("got trouble %q, %+v", h.trouble(), h.way())
	}
	h.o.p.config.Alerts.Webhook.URL = url
	h.step(5*time.Minute, "opened ip:10.1.4.0 0", "opened ip:10.1.4.1 0")
	if h.trouble() != "" || h.way().Waiting != 0 {
		t.Errorf("got trouble %q, %+v; want that it healed", h.trouble(), h.way())
	}
	away.Close()
}

// A server that is busy is left alone as long as it asks; an alert that it can't digest
// holds up no other.
func TestAlertsBusy(t *testing.T) {
	h := newOutbox(t, 3)
	h.hook.setAnswer(func(*alert.Message) (int, string) { return http.StatusTooManyRequests, "600" })
	h.step(0, "opened ip:10.1.4.0 0")
	h.step(599 * time.Second)
	h.hook.setAnswer(func(a *alert.Message) (int, string) {
		if a.Submitter == "ip:10.1.4.1" {
			return http.StatusInternalServerError, ""
		}
		return http.StatusOK, ""
	})
	h.step(time.Second, "opened ip:10.1.4.1 0")
	h.step(time.Second)
	h.step(time.Second, "opened ip:10.1.4.2 0", "opened ip:10.1.4.0 0", "opened ip:10.1.4.1 0")
	if !strings.Contains(h.trouble(), "500 Internal Server Error") || h.way().Waiting != 1 {
		t.Errorf("got trouble %q, %+v", h.trouble(), h.way())
	}
	h.hook.setAnswer(nil)
	h.step(5*time.Minute, "opened ip:10.1.4.1 0")
	if h.trouble() != "" {
		t.Errorf("got trouble %q; want that it healed", h.trouble())
	}
}

// What is refused is tried now and then, given up in the end, and told; others go on.
func TestAlertsRefused(t *testing.T) {
	h := newOutbox(t, 2)
	h.hook.setAnswer(func(a *alert.Message) (int, string) {
		if a.Submitter == "ip:10.1.4.0" {
			return http.StatusUnprocessableEntity, ""
		}
		return http.StatusOK, ""
	})
	h.step(0, "opened ip:10.1.4.0 0", "opened ip:10.1.4.1 0")
	if !strings.Contains(h.trouble(), "422 Unprocessable Entity") {
		t.Errorf("got trouble %q", h.trouble())
	}
	tries := 1
	for range 30 {
		h.now = h.now.Add(time.Hour)
		h.o.step(t.Context(), func() time.Time { return h.now })
		tries += len(h.hook.got(t))
	}
	h.wantMetrics(map[string]float64{"relaywatch_alerts_taken_total": 1, "relaywatch_alerts_failed_tries_total": refusedTries, "relaywatch_alerts_given_up_total": 1, "relaywatch_alerts_waiting": 0})
	w := h.way()
	if tries != refusedTries || w.Waiting != 0 || w.GivenUp != 1 || !strings.Contains(w.LastError, "422") || h.trouble() != "" {
		t.Errorf("got %d tries, %+v, trouble %q; want %d tries, one given up", tries, w, h.trouble(), refusedTries)
	}
	r, err := h.o.p.alertReports(t.Context(), h.db)
	if err != nil || len(r) != 1 || r[0].GivenUp != 1 || r[0].To != h.hook.URL {
		t.Errorf("got %+v, %v", r, err)
	}
}

// What was wrong with a server that is taken out of the configuration is over.
func TestAlertsTakenOut(t *testing.T) {
	h := newOutbox(t, 1)
	h.hook.setAnswer(func(*alert.Message) (int, string) { return http.StatusForbidden, "" })
	h.step(0, "opened ip:10.1.4.0 0")
	if err := h.o.agent.tellMachines(t.Context(), h.db); err != nil || h.trouble() == "" {
		t.Errorf("got %v, trouble %q; want that it is still wrong", err, h.trouble())
	}
	h.o.p.config.Alerts.Webhook.URL = ""
	if err := h.o.agent.tellMachines(t.Context(), h.db); err != nil || h.trouble() != "" || h.way().Waiting != 0 {
		t.Errorf("got %v, trouble %q, %+v; want that nothing waits", err, h.trouble(), h.way())
	}
}

// After a week an alert is of no use.
func TestAlertsTooOld(t *testing.T) {
	h := newOutbox(t, 1)
	h.step(alertsOfUse + time.Second)
	if w := h.way(); w.Waiting != 0 || w.GivenUp != 1 || w.LastError != "it could not be sent for 7d" {
		t.Errorf("got %+v", w)
	}
}

// A clock that was wrong for a while does not hold alerts up.
func TestAlertsClockWasWrong(t *testing.T) {
	h := newOutbox(t, 1)
	h.hook.setAnswer(func(*alert.Message) (int, string) { return http.StatusServiceUnavailable, "3600" })
	h.step(0, "opened ip:10.1.4.0 0")
	h.hook.setAnswer(nil)
	h.o.until = h.now.AddDate(1, 0, 0)
	h.step(3600*time.Second, "opened ip:10.1.4.0 0")
}

// A secret that is gone sends nothing unsigned.
func TestAlertsSecretGone(t *testing.T) {
	h := newOutbox(t, 1)
	path := h.o.p.config.Alerts.Webhook.SecretFile
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	h.step(0)
	if !strings.Contains(h.trouble(), "alerts.webhook") {
		t.Errorf("got trouble %q", h.trouble())
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	h.step(time.Second, "opened ip:10.1.4.0 0")
}

// The words of an alert are those of `suspects --format json`.
func TestAlertsWords(t *testing.T) {
	h := newOutbox(t, 1)
	a, err := h.db.NextAlert(t.Context(), wayWebhook, mail.Of(h.now))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := alertOf(a)
	if err != nil {
		t.Fatal(err)
	}
	body, err := sent.JSON()
	if err != nil {
		t.Fatal(err)
	}
	suspects, err := h.db.Suspects(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(suspects[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(body), ","+string(want[1:])) {
		t.Errorf("got %s; want the end to be as %s", body, want)
	}
}
