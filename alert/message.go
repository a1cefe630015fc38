package alert

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Formats of a syslog message's text.
const (
	CEF = "cef" // ArcSight's Common Event Format, version 0.
	ECS = "ecs" // JSON with the fields of the Elastic Common Schema.
)

// facilities by name, their numbers as RFC 5424 counts them (section 6.2.1).
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Facilities are the names that Syslog.Facility may have.
func Facilities() []string { return slices.Clone(facilities) }

// level is the severity of a syslog message (RFC 5424, section 6.2.1).
func (a *Message) level() int {
	const critical, err, warning, notice, info = 2, 3, 4, 5, 6
	switch {
	case a.Event == EventTest || a.Event == detect.Withdrawn:
		return info
	case a.Severity == detect.Critical:
		return critical
	case a.Severity == detect.High:
		return err
	case a.Severity == detect.Medium:
		return warning
	}
	return notice
}

// sdID names the structured data. The number is the one that RFC 5612 reserves for
// documentation: relaywatch has no enterprise number of its own.
const sdID = "relaywatch@32473"

// syslog is the alert as RFC 5424 writes it. There is no byte order mark before the
// text, which makes it MSG-ANY there: parsers of CEF and JSON want theirs to be first.
// PROCID is left out, as a double must be the same after a restart.
func (a *Message) syslog(facility, format, version string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%d>1 %s %s relaywatch - %s ", slices.Index(facilities, facility)*8+a.level(), a.Made.UTC().Format(time.RFC3339), name(a.Host, 255), name(a.Event, 32))
	b.WriteString("[" + sdID)
	for _, p := range [][2]string{
		{"id", a.ID},
		{"event", a.Event},
		{"episode", a.Episode},
		{"step", strconv.Itoa(a.Step)},
		{"submitter", a.Submitter},
		{"severity", string(a.Severity)},
		{"recipients", strconv.Itoa(a.Recipients)},
		{"rules", strings.Join(a.Rules, ",")},
	} {
		fmt.Fprintf(&b, ` %s="%s"`, p[0], paramValue.Replace(mail.Visible(p[1])))
	}
	b.WriteString("] ")
	if format == ECS {
		text, err := a.ecs(version)
		b.Write(text)
		return b.Bytes(), err
	}
	b.WriteString(a.cef(version))
	return b.Bytes(), nil
}

// paramValue escapes what RFC 5424 wants escaped in PARAM-VALUE (section 6.3.3).
var paramValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`)
