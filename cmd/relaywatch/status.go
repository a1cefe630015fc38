package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

func (p *program) statusCommand() *cobra.Command {
	var asJSON, eachLog bool
	c := &cobra.Command{
		Use:   "status",
		Short: "What is read, what is kept, and what can't be seen",
		Args:  only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			agent, err := readReport(p.config.Store.Path)
			if err != nil {
				return err
			}
			s, mails, alerts, err := p.storeStatus(c.Context())
			if err != nil {
				return errors.Join(err, p.printUnreadable(agent, err, asJSON))
			}
			if asJSON {
				r := newStatusReport(s, agent)
				r.Digest, r.Alerts = mails, alerts
				return printJSON(p.out, r)
			}
			return p.printStatus(s, agent, mails, alerts, eachLog)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&eachLog, "logs", false, "name each log, not only the folders")
	return c
}

func (p *program) storeStatus(ctx context.Context) (store.Status, *mailReport, []alertReport, error) {
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return store.Status{}, nil, nil, err
	}
	defer db.Close()
	s, err := db.Status(ctx)
	if err != nil {
		return s, nil, nil, err
	}
	mails, err := p.mailReport(ctx, db)
	if err != nil {
		return s, nil, nil, err
	}
	alerts, err := p.alertReports(ctx, db)
	return s, mails, alerts, err
}

// statusReport is what `status --json` prints.
type statusReport struct {
	Version      string          `json:"version"`
	Store        string          `json:"store"`
	Error        string          `json:"error,omitempty"` // Why the store can't be read.
	StoreBytes   int64           `json:"store_bytes"`
	Damaged      []string        `json:"damaged"` // Stores that the agent put aside.
	Transactions int64           `json:"transactions"`
	Recipients   int64           `json:"recipients"`
	Quarantined  int64           `json:"quarantined"`
	OldestRow    string          `json:"oldest_row"`
	NewestRow    string          `json:"newest_row"`
	JudgedUntil  string          `json:"judged_until"`
	Learning     *learningReport `json:"learning"` // null once there are two weeks of mail.
	OpenSuspects int64           `json:"open_suspects"`
	OnWatch      int64           `json:"on_watch"` // Submitters near an alarm, whom nobody accuses.
	Findings     int64           `json:"findings"`
	LastFinding  string          `json:"last_finding"`
	Silenced     int64           `json:"silenced"`
	Agent        *health         `json:"agent"`  // Its last report; null if none ever ran.
	Digest       *mailReport     `json:"digest"` // null if the store can't be read.
	Alerts       []alertReport   `json:"alerts"` // By way; null as well.
	Logs         []logReport     `json:"logs"`
	Blind        []blindReport   `json:"blind"`
}

type logReport struct {
	Log         string   `json:"log"`
	Path        string   `json:"path"`
	Format      string   `json:"format"`
	Server      string   `json:"server"`
	SizeBytes   int64    `json:"size_bytes"`
	ReadBytes   int64    `json:"read_bytes"`
	LagBytes    int64    `json:"lag_bytes"`   // Of an unfinished row at its end.
	LagSeconds  int64    `json:"lag_seconds"` // By the agent's last report.
	Rows        int64    `json:"rows"`
	Quarantined int64    `json:"quarantined"`
	FirstTime   string   `json:"first_time"`
	LastTime    string   `json:"last_time"`
	State       string   `json:"state"`
	Missing     []string `json:"missing"`
}

// blindReport is what can't be detected, why, and what to do.
type blindReport struct {
	Detection string `json:"detection"`
	Reason    string `json:"reason"`
	Remedy    string `json:"remedy"`
}

func newStatusReport(s store.Status, agent *health) statusReport {
	r := statusReport{
		Version: version(), Store: s.Path, StoreBytes: s.SizeBytes, Damaged: append([]string{}, s.Aside...),
		Transactions: s.Transactions, Recipients: s.Recipients, Quarantined: s.Quarantined,
		OldestRow: s.Oldest.String(), NewestRow: s.Newest.String(), JudgedUntil: s.JudgedUntil.String(), Learning: learning(s),
		OpenSuspects: s.OpenEpisodes, OnWatch: s.Watched, Findings: s.Findings, LastFinding: s.LastFinding.String(), Silenced: s.Silenced,
		Agent: agent, Logs: []logReport{}, Blind: blind(s),
	}
	for _, l := range s.Logs {
		missing := l.Missing
		if missing == nil {
			missing = []string{}
		}
		r.Logs = append(r.Logs, logReport{
			Log: l.ID.String(), Path: l.Path, Format: string(l.Format), Server: l.Server, SizeBytes: l.SizeBytes,
			ReadBytes: l.ReadBytes, LagBytes: l.Unfinished(), LagSeconds: agent.waits(l.Path), Rows: l.Rows, Quarantined: l.Quarantined,
			FirstTime: l.FirstTime.String(), LastTime: l.LastTime.String(), State: string(l.State), Missing: missing,
		})
	}
	return r
}

// hang is how wide the names of lines are.
const hang = 11

// printUnreadable says how the agent is where the store can't be read.
func (p *program) printUnreadable(agent *health, why error, asJSON bool) error {
	if asJSON {
		r := newStatusReport(store.Status{Path: p.config.Store.Path}, agent)
		r.Error = why.Error()
		return printJSON(p.out, r)
	}
	if agent == nil {
		return nil // There is nothing else to tell.
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(hang, "store      %s can't be read", visible(p.config.Store.Path))
	agent.print(w, hang, time.Now())
	return w.err
}

func (p *program) printStatus(s store.Status, agent *health, mails *mailReport, alerts []alertReport, eachLog bool) error {
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(hang, "store      %s, %s", visible(s.Path), size(s.SizeBytes))
	if s.Newest != 0 {
		w.line(hang, "rows       from %s to %s UTC", short(s.Oldest), short(s.Newest))
	}
	w.line(hang, "mail       %s, %s", words.Plural(s.Transactions, "transaction"), words.Plural(s.Recipients, "recipient"))
	if s.JudgedUntil != 0 {
		w.line(hang, "judged     until %s UTC for good, beyond that for the time being", short(s.JudgedUntil))
	}
	printLearning(w, s)
	last := ""
	if s.Findings > 0 {
		last = "; the last one at " + short(s.LastFinding) + " UTC"
	}
	w.line(hang, "suspects   %s open; %s, %s more silenced by the allow-list%s",
		words.Thousands(s.OpenEpisodes), words.Plural(s.Findings, "finding"), words.Thousands(s.Silenced), last)
	if s.Watched > 0 {
		w.line(hang, "watch      %s near an alarm, and accused of nothing: relaywatch suspects --state watch", words.Plural(s.Watched, "submitter"))
	}
	w.line(hang, "quarantine %s", words.Plural(s.Quarantined, "row"))
	if s.Quarantined > 0 {
		w.line(hang, `           relaywatch query "SELECT reason, count(*) FROM v_quarantine GROUP BY 1"`)
	}
	if text := unfinishedText(s.Logs, time.Now()); text != "" {
		w.line(hang, "unfinished %s", visible(text))
	}
	if agent != nil {
		agent.print(w, hang, time.Now())
	}
	mails.print(w)
	for i := range alerts {
		alerts[i].print(w)
	}
	for _, path := range s.Aside {
		w.line(hang, "damaged    %s", visible(asideText(path)))
	}
	w.line(hang, "version    %s", version())
	w.line(0, "")
	r := folderRows(s.Logs)
	if eachLog {
		r = logRows(s.Logs, agent)
	}
	if w.err == nil {
		w.err = r.table(p.out, w.width)
	}
	printBlind(w, blind(s))
	return w.err
}

func logRows(logs []ingest.Log, agent *health) *rows {
	r := &rows{
		columns: []string{"rows", "quarantined", "unread", "waits (s)", "last row (UTC)", "state", "format", "server", "log"},
		prose:   "log", spare: []string{"server", "format"}, empty: "no logs yet",
	}
	for _, l := range logs {
		r.cells = append(r.cells, []any{
			count(l.Rows), count(l.Quarantined), size(l.Unfinished()), count(agent.waits(l.Path)), short(l.LastTime), string(l.State), string(l.Format), l.Server, l.Path,
		})
	}
	return r
}

// folder is what is told of all logs of a kind in one folder together.
type folder struct {
	path, format, state string
}

// folderRows sums up logs by folder: servers begin a new one every day or hour.
func folderRows(logs []ingest.Log) *rows {
	r := &rows{
		columns: []string{"logs", "rows", "quarantined", "unread", "last row (UTC)", "state", "format", "server", "folder"},
		prose:   "folder", spare: []string{"server", "format"}, empty: "no logs yet",
	}
	type sums struct {
		logs, rows, quarantined count
		unread                  size
		last                    mail.Time
		servers                 []string
	}
	all := map[folder]*sums{}
	var order []folder
	for _, l := range logs {
		f := folder{filepath.Dir(l.Path), string(l.Format), string(l.State)}
		if all[f] == nil {
			all[f] = &sums{}
			order = append(order, f)
		}
		s := all[f]
		s.logs++
		s.rows += count(l.Rows)
		s.quarantined += count(l.Quarantined)
		s.unread += size(l.Unfinished())
		s.last = max(s.last, l.LastTime)
		if l.Server != "" && !slices.Contains(s.servers, l.Server) {
			s.servers = append(s.servers, l.Server)
		}
	}
	for _, f := range order {
		s := all[f]
		r.cells = append(r.cells, []any{s.logs, s.rows, s.quarantined, s.unread, short(s.last), f.state, f.format, strings.Join(s.servers, " "), f.path})
	}
	return r
}
