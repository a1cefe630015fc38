package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"relaywatch/alert"
	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/store"
)

// alertHost is a host with an agent, a log that a server writes, and a webhook.
type alertHost struct {
	*mailHost
	hook *hook
	log  string
}

// newAlertHost has an agent that tells the webhook, and more machines where alerts of
// the configuration say so.
func newAlertHost(t *testing.T, more string) *alertHost {
	t.Helper()
	dir := t.TempDir()
	h := &alertHost{hook: newHook(t), log: filepath.Join(dir, "logs", "ex261105.log")}
	h.mailHost = &mailHost{t: t, db: filepath.Join(dir, "store.db"), config: filepath.Join(dir, "relaywatch.yaml")}
	text := fmt.Sprintf("store: {path: %q}\nlogs: [{path: %q}]\nnetwork: {own_domains: [corp.example]}\nalerts:\n  webhook: {url: %q, secret_file: %q}\n%s",
		h.db, filepath.Dir(h.log), h.hook.URL, filepath.Join(dir, "secret"), more)
	if err := os.Mkdir(filepath.Dir(h.log), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string]string{h.config: text, filepath.Join(dir, "secret"): "s3cret\n", h.log: "#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status cs-bytes\n"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// relays has the server relay a mail of 203.0.113.n from outside to outside.
func (h *alertHost) relays(at time.Time, n int) {
	h.t.Helper()
	var text strings.Builder
	for i, command := range []string{"MAIL +FROM:<info@letters.example> 250 32", "RCPT +TO:<ann@example.net> 250 37", "DATA - 250 1886", "QUIT pc 240 4"} {
		fmt.Fprintf(&text, "%s 203.0.113.%d pc MAIL01 %s\n", at.Add(time.Duration(i)*time.Second).Format(time.DateTime), n, command)
	}
	f, err := os.OpenFile(h.log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := f.WriteString(text.String()); err != nil {
		h.t.Error(err)
	}
	if err := f.Close(); err != nil {
		h.t.Error(err)
	}
}

// awaitTaken waits until so many alerts are taken by a way, or fails.
func (h *alertHost) awaitTaken(r *running, way string, n int) {
	h.t.Helper()
	got := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		db, err := store.OpenReadOnly(h.t.Context(), h.db)
		if err != nil {
			continue
		}
		all, err := db.Alerts(h.t.Context())
		_ = db.Close() // It was only read.
		if err != nil {
			continue
		}
		got = 0
		for _, a := range all {
			if a.Way == way && a.Taken {
				got++
			}
		}
		if got >= n {
			return
		}
	}
	h.t.Fatalf("%s: %d alerts were taken; want %d: %s", way, got, n, r.errOut)
}

// TestAlertsKilled kills the agent around the sending of an alert, once for each
// episode: while it is judged, when the server has the alert and has not said so, and at
// random moments after it said so. Every episode arrives at least once, and doubles are
// the same, byte for byte.
func TestAlertsKilled(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 6
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	h := newAlertHost(t, "")
	began := time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	for i := range kills {
		at := began.Add(time.Duration(i) * time.Minute)
		who := fmt.Sprintf("ip:203.0.113.%d", i+1)
		reached, release := make(chan struct{}, 10), make(chan struct{})
		h.hook.setAnswer(func(a *alert.Message) (int, string) {
			if a.Submitter == who && i%3 != 0 {
				reached <- struct{}{}
			}
			if a.Submitter == who && i%3 == 1 {
				<-release
			}
			return http.StatusOK, ""
		})
		r := h.startAt(at)
		h.relays(at, i+1)
		after := 400 * time.Millisecond
		if i%3 != 0 {
			r.comesTo("sending the alert about "+who, reached)
			after = 0
			if i%3 == 2 {
				after = 3 * time.Millisecond
			}
		}
		r.killWithin(random, after)
		close(release)
		h.hook.setAnswer(nil)
		r = h.startAt(at.Add(time.Second))
		h.awaitTaken(r, wayWebhook, i+1)
		r.kill()
	}
	h.eachOnce(kills, seed)
}

// What was stored by a run that ended before it was judged is shown, and told, by the
// next one, though no row comes after it.
func TestAgentJudgesStoredRows(t *testing.T) {
	h := newAlertHost(t, "")
	at := time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	h.relays(at, 1)
	db, err := store.Open(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	reader := &ingest.Reader{Sources: []ingest.Source{{Path: h.log}}}
	if _, err := reader.Run(t.Context(), db.Write); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := h.startAt(at.Add(time.Second))
	h.awaitTaken(r, wayWebhook, 1)
	r.stop()
	h.eachOnce(1, 0)
}

// eachOnce checks what a receiver has that drops doubles by their id.
func (h *alertHost) eachOnce(episodes int, seed uint64) {
	h.t.Helper()
	byID, who := map[string]string{}, map[string]bool{}
	h.hook.mu.Lock()
	defer h.hook.mu.Unlock()
	for _, body := range h.hook.bodies {
		var a alert.Message
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			h.t.Fatal(err)
		}
		if before, ok := byID[a.ID]; ok && before != body {
			h.t.Errorf("seed %d: %s came as\n%s and as\n%s", seed, a.ID, before, body)
		}
		byID[a.ID] = body
		who[a.Submitter] = true
	}
	h.t.Logf("%d episodes: %d alerts were sent again", episodes, len(h.hook.bodies)-len(byID))
	if len(byID) != episodes || len(who) != episodes {
		h.t.Errorf("seed %d: got %d alerts about %d submitters; want one about each of %d", seed, len(byID), len(who), episodes)
	}
}

// siem is a syslog server over TLS that keeps what a parser of somebody else's reads.
type siem struct {
	address string
	ca      []byte // PEM.

	mu  sync.Mutex // Guards got.
	got []string
}

func newSIEM(t *testing.T) *siem {
	t.Helper()
	web := httptest.NewTLSServer(nil) // For its certificate.
	defer web.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &siem{address: listener.Addr().String(), ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.read(conn)
		}
	}()
	return s
}

func (s *siem) read(conn net.Conn) {
	defer conn.Close()
	parser := octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
		text := fmt.Sprint(r.Error)
		if m, ok := r.Message.(*rfc5424.SyslogMessage); ok && r.Error == nil {
			text = (*m.StructuredData)["relaywatch@32473"]["event"] + " " + (*m.StructuredData)["relaywatch@32473"]["submitter"]
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, text)
	}))
	parser.Parse(conn)
}

// An agent tells a webhook and a SIEM of what is fresh, not of old logs, and goes on
// storing and judging while one of them does not answer.
func TestAlertsLive(t *testing.T) {
	server := newSIEM(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(server.ca) {
		t.Fatal("the certificate is none")
	}
	h := newAlertHost(t, fmt.Sprintf("  syslog: {address: %q, ca_file: %q}\n", "tls://"+server.address, ca))
	now := time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	for i := range 100 { // A backlog.
		h.relays(now.AddDate(0, 0, -101+i), 100+i)
	}
	h.relays(now.Add(-time.Hour), 1)
	release := make(chan struct{})
	defer close(release)
	h.hook.setAnswer(func(*alert.Message) (int, string) {
		<-release
		return http.StatusOK, ""
	})
	r := h.startAt(now)
	h.awaitTaken(r, waySyslog, 1)
	h.relays(now, 2)
	h.awaitTaken(r, waySyslog, 2) // Though the webhook hangs.
	r.stop()
	server.mu.Lock()
	defer server.mu.Unlock()
	if want := []string{"opened ip:203.0.113.1", "opened ip:203.0.113.2"}; !slices.Equal(server.got, want) {
		t.Errorf("got %q; want %q", server.got, want)
	}
	db, err := store.OpenReadOnly(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all, err := db.Suspects(t.Context(), store.Filter{})
	if err != nil || len(all) != 102 || all[0].Severity != detect.Critical {
		t.Errorf("got %d suspects, %v; want 102", len(all), err)
	}
	if status := mustRun(t, 0, "--config", h.config, "status"); !strings.Contains(status, "alerts     webhook "+h.hook.URL+"; none was taken yet; 2 wait since 2026-11-05 09:00 UTC") ||
		!strings.Contains(status, "alerts     syslog tls://"+server.address+"; the last was taken 2026-11-05 09:00 UTC\n") {
		t.Errorf("got status\n%s", status)
	}
}

// `alerts list` tells what became of each.
func TestAlertsList(t *testing.T) {
	h := newOutbox(t, 2)
	h.hook.setAnswer(func(a *alert.Message) (int, string) {
		if a.Submitter == "ip:10.1.4.0" {
			return http.StatusForbidden, ""
		}
		return http.StatusOK, ""
	})
	h.step(0, "opened ip:10.1.4.0 0", "opened ip:10.1.4.1 0")
	out := mustRun(t, 0, "--db", h.o.p.config.Store.Path, "alerts", "list")
	if lines := strings.Split(out, "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "ID ") ||
		!strings.Contains(lines[1], "-0  2026-11-05T03:00:00Z  webhook  opened        ip:10.1.4.0  high      waits      1                        webhook http://127.0.0.1:") ||
		!strings.Contains(lines[2], "opened        ip:10.1.4.1  high      taken      0  2026-11-05T03:00:00Z") {
		t.Errorf("got\n%s", out)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, 0, "--db", h.o.p.config.Store.Path, "alerts", "list", "--format", "json")), &list); err != nil || len(list) != 2 || list[0]["state"] != "waits" {
		t.Errorf("got %v, %v", list, err)
	}
}

// `alerts test` shows what is sent and answered, and fails where one way does.
func TestAlertsTest(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	h := newAlertHost(t, fmt.Sprintf("  syslog: {address: %q, format: ecs}\n", "udp://"+udp.LocalAddr().String()))
	out := mustRun(t, 0, "--config", h.config, "alerts", "test")
	for _, want := range []string{
		"* webhook " + h.hook.URL + "\n> POST {\"id\":\"test-", "< 204 No Content\n* syslog udp://", "> <134>1 ", "< sent; over UDP nobody says whether it arrived\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s\nwant %q in it", out, want)
		}
	}
	h.hook.setAnswer(func(*alert.Message) (int, string) { return http.StatusUnauthorized, "" })
	var errOut strings.Builder
	if code := run(t.Context(), []string{"--config", h.config, "alerts", "test"}, io.Discard, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "401 Unauthorized") {
		t.Errorf("got %d, %s; want %d", code, errOut.String(), exitFailed)
	}
}
