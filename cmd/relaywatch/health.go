package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"relaywatch/ingest"
	"relaywatch/words"
)

// health is the agent as it is now: what /healthz, /metrics and `status` show.
type health struct {
	Version string            `json:"version"`
	Started time.Time         `json:"started"`
	At      time.Time         `json:"at"` // Clock time of this report.
	Stopped bool              `json:"stopped"`
	Rows    int64             `json:"rows"`
	Found   int64             `json:"findings"`
	OnWatch *int              `json:"on_watch"` // Submitters near an alarm, whom nobody accuses; null before it has judged.
	Batch   time.Time         `json:"last_batch"`
	Row     string            `json:"last_row"`
	Finding string            `json:"last_finding"`
	Trouble map[string]string `json:"trouble"` // By what is wrong; empty if all is well.
	Logs    []followedLog     `json:"logs"`
	Servers []serverHealth    `json:"servers"`
	Alerts  []sentAlerts      `json:"alerts"` // Since the start, by way.
}

type followedLog struct {
	Path  string    `json:"path"`
	Mode  string    `json:"mode"`
	Size  int64     `json:"size_bytes"`
	Read  int64     `json:"read_bytes"`
	Grown time.Time `json:"last_growth"`
	Waits int64     `json:"lag_seconds"` // How long rows that were found have waited to be stored.
	Error string    `json:"error,omitempty"`
}

func (a *agent) health(now time.Time) health {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := health{
		Version: version(), Started: a.started, At: now, Rows: a.last.Rows, Found: a.last.Found, OnWatch: a.last.OnWatch,
		Batch: a.last.Batch, Row: a.last.Row.String(), Finding: a.last.Finding.String(), Trouble: map[string]string{},
	}
	for what, t := range a.trouble {
		h.Trouble[what] = t.Text
	}
	h.Servers = append(h.Servers, a.servers...)
	h.Alerts = append(h.Alerts, a.sent...)
	if a.follower != nil {
		for _, l := range a.follower.Logs() {
			h.Logs = append(h.Logs, newFollowedLog(l, now))
		}
	}
	return h
}

func newFollowedLog(l ingest.Followed, now time.Time) followedLog {
	waits := int64(0)
	if !l.Waits.IsZero() {
		waits = max(0, int64(now.Sub(l.Waits).Seconds()))
	}
	return followedLog{Waits: waits, Path: l.Path, Mode: string(l.Mode), Size: l.SizeBytes, Read: l.ReadBytes, Grown: l.Grown, Error: l.Error}
}

// serve answers /metrics and /healthz until ctx is done. Nothing of the mail is
// shown there, only counts.
func (a *agent) serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("agent.listen: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &metrics{a})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", a.serveHealth)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (a *agent) serveHealth(w http.ResponseWriter, _ *http.Request) {
	h := a.health(time.Now())
	w.Header().Set("Content-Type", "application/json")
	if len(h.Trouble) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // A client that went away.
}

var serverLabels = []string{"server", "logs", "format"}

// metrics are the agent's figures for Prometheus.
type metrics struct{ a *agent }

var (
	rowsTotal   = prometheus.NewDesc("relaywatch_rows_total", "Log rows stored since the start.", nil, nil)
	findings    = prometheus.NewDesc("relaywatch_findings_total", "Findings since the start.", nil, nil)
	onWatchNow  = prometheus.NewDesc("relaywatch_on_watch", "Submitters near an alarm, whom nobody accuses.", nil, nil)
	troubles    = prometheus.NewDesc("relaywatch_troubles", "Things that are wrong now.", nil, nil)
	lastBatch   = prometheus.NewDesc("relaywatch_last_batch_timestamp_seconds", "When rows were stored last.", nil, nil)
	silences    = prometheus.NewDesc("relaywatch_server_silence_seconds", "How long the logs of a server have not grown.", serverLabels, nil)
	silenced    = prometheus.NewDesc("relaywatch_server_silent", "1 if that is longer than is usual for the server at this time.", serverLabels, nil)
	alertTaken  = prometheus.NewDesc("relaywatch_alerts_taken_total", "Alerts that the other side has taken since the start.", []string{"way"}, nil)
	alertFailed = prometheus.NewDesc("relaywatch_alerts_failed_tries_total", "Tries to send an alert that failed since the start.", []string{"way"}, nil)
	alertLost   = prometheus.NewDesc("relaywatch_alerts_given_up_total", "Alerts that were given up since the start.", []string{"way"}, nil)
	alertWaits  = prometheus.NewDesc("relaywatch_alerts_waiting", "Alerts that wait to be sent.", []string{"way"}, nil)
	logWaits    = prometheus.NewDesc("relaywatch_log_lag_seconds", "How long rows that were found have waited to be stored.", []string{"path"}, nil)
	logLag      = prometheus.NewDesc("relaywatch_log_unread_bytes", "Bytes of a log that are not stored yet.", []string{"path"}, nil)
)

func (m *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{rowsTotal, findings, onWatchNow, troubles, lastBatch, silences, silenced, alertTaken, alertFailed, alertLost, alertWaits, logLag, logWaits} {
		c <- d
	}
}

func (m *metrics) Collect(c chan<- prometheus.Metric) {
	h := m.a.health(time.Now())
	c <- prometheus.MustNewConstMetric(rowsTotal, prometheus.CounterValue, float64(h.Rows))
	c <- prometheus.MustNewConstMetric(findings, prometheus.CounterValue, float64(h.Found))
	c <- prometheus.MustNewConstMetric(troubles, prometheus.GaugeValue, float64(len(h.Trouble)))
	if h.OnWatch != nil {
		c <- prometheus.MustNewConstMetric(onWatchNow, prometheus.GaugeValue, float64(*h.OnWatch))
	}
	if !h.Batch.IsZero() {
		c <- prometheus.MustNewConstMetric(lastBatch, prometheus.GaugeValue, float64(h.Batch.Unix()))
	}
	for _, s := range h.Servers {
		c <- prometheus.MustNewConstMetric(silences, prometheus.GaugeValue, h.At.Sub(s.Since).Seconds(), s.Server, s.Source, s.Format)
		value := 0.
		if s.Silent {
			value = 1
		}
		c <- prometheus.MustNewConstMetric(silenced, prometheus.GaugeValue, value, s.Server, s.Source, s.Format)
	}
	for _, s := range h.Alerts {
		c <- prometheus.MustNewConstMetric(alertTaken, prometheus.CounterValue, float64(s.Taken), s.Way)
		c <- prometheus.MustNewConstMetric(alertFailed, prometheus.CounterValue, float64(s.Failed), s.Way)
		c <- prometheus.MustNewConstMetric(alertWaits, prometheus.GaugeValue, float64(s.Waiting), s.Way)
		c <- prometheus.MustNewConstMetric(alertLost, prometheus.CounterValue, float64(s.GivenUp), s.Way)
	}
	for _, l := range h.Logs {
		c <- prometheus.MustNewConstMetric(logLag, prometheus.GaugeValue, float64(max(0, l.Size-l.Read)), l.Path)
		c <- prometheus.MustNewConstMetric(logWaits, prometheus.GaugeValue, float64(l.Waits), l.Path)
	}
}

// silent is how old an agent's report may be for the agent to be running: it reports
// every few seconds.
const silent = 6 * reloadEvery

// state is why the agent does not run; "" if it does, or if there is no report.
func (h *health) state(now time.Time) string {
	switch {
	case h == nil:
		return ""
	case h.Stopped:
		return "stopped at " + h.At.UTC().Format("2006-01-02 15:04")
	case now.Sub(h.At) > silent:
		return "not running, last seen " + h.At.UTC().Format("2006-01-02 15:04")
	}
	return ""
}

// waits is for how many seconds rows of a log have waited, by the agent's report.
func (h *health) waits(path string) int64 {
	if h == nil {
		return 0
	}
	for i := range h.Logs {
		if h.Logs[i].Path == path {
			return h.Logs[i].Waits
		}
	}
	return 0
}

// print says for `status` how the agent is.
func (h *health) print(w *page, hang int, now time.Time) {
	state := h.state(now)
	if state == "" {
		state = "running since " + h.Started.UTC().Format("2006-01-02 15:04")
	}
	unread, waits := int64(0), int64(0)
	for _, l := range h.Logs {
		unread += max(0, l.Size-l.Read)
		waits = max(waits, l.Waits)
	}
	lag := ""
	if waits > 0 {
		lag = ", for up to " + span(time.Duration(waits)*time.Second)
	}
	w.line(hang, "agent      %s UTC; %s followed, %s unread%s", state, words.Plural(len(h.Logs), "log"), size(unread), lag)
	for _, what := range slices.Sorted(maps.Keys(h.Trouble)) {
		w.line(hang, "trouble    %s: %s", visible(what), visible(h.Trouble[what]))
	}
	var learning []string
	var known time.Time
	for _, s := range h.Servers {
		switch {
		case s.Silent:
			w.line(hang, "silent     %s", visible(s.print(h.At)))
		case s.Learning && !s.Known.IsZero():
			learning = append(learning, s.series().String())
			if s.Known.After(known) {
				known = s.Known
			}
		}
	}
	if len(learning) > 0 {
		w.line(hang, "learning   until %s UTC how long %s may be silent", known.UTC().Format("2006-01-02 15:04"), visible(strings.Join(learning, ", ")))
	}
}
