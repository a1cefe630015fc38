package traffic

import (
	"fmt"
	"strings"
	"time"
)

// The Exchange server. Front end and hub run on the same machine.
const (
	exName = "EX01"
	exFQDN = "ex01.corp.example"
	exIP   = "10.0.0.30"
)

// exServer numbers what is numbered server-wide.
type exServer struct {
	session  uint64 // Of the last session: ticks of the start of the service, counted up.
	internal uint64 // InternalId of the last message.
	record   uint64 // RecordId of the last message that was sent out.
}

func newExServer() *exServer {
	return &exServer{session: 0x08DE18E46C2D0410, internal: 42842298777605, record: 167503004549}
}

// exLog writes one Exchange protocol log (CSV) of a server.
type exLog struct {
	rows
	server *exServer
}

// exSession writes the rows of one session.
type exSession struct {
	log           *exLog
	connector     string
	id            string
	seq           int
	local, remote string // Endpoints.
}

func (l *exLog) open(connector, local, remote string) *exSession {
	l.server.session++
	return &exSession{log: l, connector: connector, id: fmt.Sprintf("%016X", l.server.session), local: local, remote: remote}
}

const exTime = "2006-01-02T15:04:05.000Z"

// write adds a row. event is one of + - < > and *.
func (s *exSession) write(at time.Time, event, data, context string) {
	b := at.AppendFormat(s.log.begin(), exTime)
	for _, field := range [...]string{s.connector, s.id, itoa(s.seq), s.local, s.remote, event, data, context} {
		b = append(append(b, ','), quoted(field)...)
	}
	s.seq++
	s.log.add(at, append(b, "\r\n"...))
}

// quoted is a CSV field (RFC 4180, section 2).
func quoted(field string) string {
	if !strings.ContainsAny(field, `",`) {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// hourly are the files of a log folder that starts a file each hour.
func (l *exLog) hourly(folder, prefix, kind string) []File {
	l.sort()
	return l.files(exPath(folder, prefix), func(f *File, at time.Time) { f.Data = append(f.Data, exHead(kind, at)...) })
}

// exPath names the file of a row.
func exPath(folder, prefix string) func(time.Time) string {
	return func(at time.Time) string { return folder + "/" + prefix + at.Format("2006010215") + "-1.LOG" }
}

// exHead begins a file with the time of its first row. The server writes the head
// when it flushes, so #Date is later than the first rows.
func exHead(kind string, at time.Time) string {
	return "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: " + kind +
		"\r\n#Date: " + at.Add(3187*time.Millisecond).Format(exTime) +
		"\r\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
}

// endpoint is ip:port, with brackets around IPv6.
func endpoint(ip string, port int) string {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return ip + ":" + itoa(port)
}
