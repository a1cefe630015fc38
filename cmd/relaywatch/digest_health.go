package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"relaywatch/digest"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/words"
)

// When something is worth telling.
const (
	lagBytes    = 1_000_000      // Some 7,000 rows that are not read yet: more than a busy server writes in a minute.
	quietServer = 3 * time.Hour  // A server without a row at the end of the mail's time. Many rest at night: it is a note.
	reportFor   = 24 * time.Hour // The agent's report is of now: it tells nothing of days before.
	manyRejects = 20             // One new row in so many is not understood.
)

// look tells in d what the mail rests on, and what may hide a suspect.
func (m *dayMaker) look(ctx context.Context, d *digest.Day) error {
	d.Servers = m.serverNames()
	s := &d.Seen
	var err error
	if s.Messages, s.Recipients, err = m.db.Sent(ctx, m.since, m.until); err != nil {
		return err
	}
	inTime := m.status
	inTime.Logs = nil
	newest := mail.Time(0)
	for _, l := range m.status.Logs {
		if l.FirstTime < m.until {
			newest = max(newest, l.LastTime)
		}
		if m.inTime(l) {
			s.Logs++
			s.Rows += l.Rows
			inTime.Logs = append(inTime.Logs, l)
		}
	}
	if newest > 0 {
		s.Newest = newest.Std().In(m.zone)
	}
	h := &d.Health
	h.Troubles, h.Notes, h.Blind = []digest.Trouble{}, []string{}, []digest.Blind{}
	if m.report, err = m.agentReport(); err != nil {
		return err
	}
	m.lookAtSilence(h)
	if d.Watched() {
		m.lookAtServers(h)
	} else {
		m.trouble(h, "no log read", "No log has had a row in this time.",
			"see whether the agent runs and reads the logs (relaywatch status), and whether the mail servers still write them.")
	}
	m.lookAtSources(h)
	m.lookAtAgent(h)
	m.lookAtRows(h, s.Rows)
	m.lookAtMails(h)
	for _, b := range blind(inTime) {
		h.Blind = append(h.Blind, digest.Blind(b))
		if strings.HasPrefix(b.Detection, "every rule") {
			m.trouble(h, "a log is blind", fmt.Sprintf("Blind: %s (%s).", b.Detection, b.Reason), b.Remedy+".")
		}
	}
	return nil
}

func (m *dayMaker) trouble(h *digest.Health, short, text, do string) {
	h.Troubles = append(h.Troubles, digest.Trouble{Short: short, Text: text, Do: do})
}

// inTime is true for a log with rows in the time of the mail.
func (m *dayMaker) inTime(l ingest.Log) bool {
	return l.LastTime >= m.since && l.FirstTime < m.until && l.Rows > 0
}

func (m *dayMaker) moment(t mail.Time) string { return t.Std().In(m.zone).Format("Mon 2 Jan 15:04") }

// written is when the rows of some logs came last, before the end of the mail's time.
type written struct {
	name   string
	last   mail.Time
	inTime bool
}

// lookAtServers tells of servers that wrote lately, and no more, where the agent does
// not know their rhythm. A server that has
// several folders is silent if all of them are; a single one is a note, as there may
// be nothing to write there.
func (m *dayMaker) lookAtServers(h *digest.Health) {
	servers, folders := map[string]*written{}, map[string]*written{}
	note := func(all map[string]*written, key, name string, l ingest.Log) {
		if all[key] == nil {
			all[key] = &written{name: name}
		}
		all[key].last = max(all[key].last, min(l.LastTime, m.until))
		all[key].inTime = all[key].inTime || m.inTime(l)
	}
	for _, l := range m.status.Logs {
		if l.FirstTime == 0 || l.FirstTime >= m.until || !m.configured(l.Path) {
			continue
		}
		folder := filepath.Dir(l.Path)
		server := l.Server
		if server == "" {
			server = folder
		}
		note(servers, server, server, l)
		note(folders, server+"\x00"+folder, folder, l)
	}
	lately := m.since.Add(-maxPeriod)
	for _, key := range slices.Sorted(maps.Keys(servers)) {
		switch w := servers[key]; {
		case w.last < lately, m.rhythmKnown(key):
		case !w.inTime:
			m.silent(h, w.name, fmt.Sprintf("The logs of %s have had no row since %s.", w.name, m.moment(w.last)))
		case m.until.Sub(w.last) > quietServer:
			h.Notes = append(h.Notes, fmt.Sprintf("%s has had no row since %s.", w.name, m.moment(w.last)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(folders)) {
		server, _, _ := strings.Cut(key, "\x00")
		if w := folders[key]; !w.inTime && w.last >= lately && servers[server].inTime {
			h.Notes = append(h.Notes, fmt.Sprintf("No row in %s since %s, while other logs of %s have some.", w.name, m.moment(w.last), servers[server].name))
		}
	}
}

// configured is true for a log of the configuration. Where that names none, all that
// was read is meant.
func (m *dayMaker) configured(path string) bool {
	logs := m.p.config.Logs
	return len(logs) == 0 || slices.ContainsFunc(logs, func(l LogConfig) bool { return covers(l.Path, path) })
}

// covers tells whether a path of the configuration, a file, a folder or a glob,
// leads to a log.
func covers(source, path string) bool {
	source, path = filepath.ToSlash(filepath.Clean(source)), filepath.ToSlash(filepath.Clean(path))
	if runtime.GOOS == "windows" {
		source, path = strings.ToLower(source), strings.ToLower(path)
	}
	if path == source || strings.HasPrefix(path, strings.TrimSuffix(source, "/")+"/") || source == "." && !filepath.IsAbs(path) {
		return true
	}
	match, err := doublestar.Match(source, path)
	return err == nil && match
}

// lookAtSources tells of paths of the configuration from which no log was ever read.
func (m *dayMaker) lookAtSources(h *digest.Health) {
	for _, l := range m.p.config.Logs {
		if !slices.ContainsFunc(m.status.Logs, func(log ingest.Log) bool { return covers(l.Path, log.Path) }) {
			m.trouble(h, "1 log path empty", fmt.Sprintf("No log was ever read from %s, which the configuration names.", l.Path),
				"check that path under logs in the configuration, and that protocol logging is on.")
		}
	}
}

// agentReport is the agent's last report of its health; nil if none ever ran, or if the
// mail is of a day that is over: the report is of now.
func (m *dayMaker) agentReport() (*health, error) {
	if m.now.Sub(m.until.Std()) > reportFor {
		return nil, nil
	}
	return readReport(m.p.config.Store.Path)
}

// runs is true while the agent runs.
func (m *dayMaker) runs() bool {
	return m.report != nil && !m.report.Stopped && m.now.Sub(m.report.At) <= silent
}

// lookAtSilence tells what the agent, which knows the rhythm of each server, says of
// those that are silent now.
func (m *dayMaker) lookAtSilence(h *digest.Health) {
	if !m.runs() {
		return
	}
	for _, s := range m.report.Servers {
		if !s.Silent {
			continue
		}
		text := fmt.Sprintf("%s has been silent since %s", s.series(), m.moment(mail.Of(s.Since)))
		if s.Usual > 0 {
			text += "; at this time of the week it is usually silent for at most " + lasting(time.Duration(s.Usual)*time.Second)
		}
		name := hostName(s.Server)
		if name == "" {
			name = "a log"
		}
		m.silent(h, name, text+".")
	}
}

func (m *dayMaker) silent(h *digest.Health, name, text string) {
	m.trouble(h, ingest.Cut(name, 20)+" silent", text,
		fmt.Sprintf("see whether the mail service of %s runs, whether its logging is on, and whether relaywatch still sees the folder.", name))
}

// rhythmKnown is true for a server of which the agent can tell whether its silence is
// unusual: it has said so, or it is not.
func (m *dayMaker) rhythmKnown(server string) bool {
	known := false
	for _, s := range m.report.servers() {
		if hostName(s.Server) == server {
			if s.Learning && !s.Silent {
				return false
			}
			known = m.runs()
		}
	}
	return known
}

func (h *health) servers() []serverHealth {
	if h == nil {
		return nil
	}
	return h.Servers
}

// lookAtAgent tells what the agent itself complains of, and how far it is behind.
func (m *dayMaker) lookAtAgent(h *digest.Health) {
	unread := int64(0)
	for _, l := range m.status.Logs {
		unread += max(0, l.SizeBytes-l.ReadBytes)
	}
	switch {
	case m.runs():
		unread = 0
		for _, l := range m.report.Logs {
			unread += max(0, l.Size-l.Read)
		}
		for _, what := range slices.Sorted(maps.Keys(m.report.Trouble)) {
			if what == mailTrouble {
				continue // It is in the list of mails.
			}
			m.trouble(h, "trouble: "+ingest.Cut(what, 20), fmt.Sprintf("The agent says of %s: %s.", what, m.report.Trouble[what]),
				"mend that; relaywatch status shows whether it is over.")
		}
	case m.report != nil:
		h.Notes = append(h.Notes, fmt.Sprintf("The agent does not run; it was last seen on %s.", m.moment(mail.Of(m.report.At))))
	}
	if unread > lagBytes {
		m.trouble(h, "logs lag", fmt.Sprintf("%s of the logs are not read yet.", size(unread)), "let relaywatch read on, and look whether the host is too slow for these logs.")
	}
	if m.status.Newest > 0 && m.status.JudgedUntil == 0 {
		m.trouble(h, "nothing is judged", "No row that is stored was judged yet.", "relaywatch ingest, or the agent, judges what is stored.")
	}
}

// lookAtRows tells of rows that were not understood.
func (m *dayMaker) lookAtRows(h *digest.Health, rows int64) {
	h.Quarantined, h.QuarantinedNew = m.status.Quarantined, -1
	if n := len(m.earlier); n > 0 {
		h.QuarantinedNew = max(0, m.status.Quarantined-m.earlier[n-1].Quarantined)
	}
	if h.QuarantinedNew*manyRejects > rows {
		m.trouble(h, "many rows not understood", fmt.Sprintf("%s of %s were not understood.", words.Thousands(h.QuarantinedNew), words.Plural(rows, "row")),
			`relaywatch query "SELECT reason, count(*) FROM v_quarantine GROUP BY 1" tells why.`)
	}
}

// lookAtMails tells of earlier mails that did not arrive.
func (m *dayMaker) lookAtMails(h *digest.Health) {
	for _, d := range m.earlier {
		switch {
		case d.Done == 0:
			h.Notes = append(h.Notes, fmt.Sprintf("The mail of %s still waits, after %s: %s", d.Key, tries(d.Tries), d.Error))
		case len(d.Waiting) > 0 && d.Done >= m.since:
			h.Notes = append(h.Notes, fmt.Sprintf("The mail of %s was given up for %s: %s", d.Key, strings.Join(d.Waiting, ", "), d.Error))
		}
	}
}
