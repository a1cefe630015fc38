package ingest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// RefusedError is returned for a file whose format is known, and not read.
type RefusedError struct {
	Name   string // Of the format.
	Remedy string // What to change on the server, or what to read instead.
}

func (e *RefusedError) Error() string { return fmt.Sprintf("is in %s: %s", e.Name, e.Remedy) }

// UnknownFormatError is returned for a file that looks like no SMTP log at all.
type UnknownFormatError struct {
	Line string // Its first line, cut.
	Is   string // What it is, and what to do; "" if that is not known.
}

func (e *UnknownFormatError) Error() string {
	if e.Is != "" {
		return "is no SMTP log but " + e.Is
	}
	return fmt.Sprintf("is no SMTP log: its first line is %q; relaywatch reads W3C logs of IIS SMTP (ex*.log) and "+
		"SmtpReceive and SmtpSend protocol logs of Exchange (RECV*.LOG, SEND*.LOG); if it is one, set its format", e.Line)
}

const (
	iisRemedy = "in IIS Manager, open the properties of the SMTP virtual server, tab General, and choose " +
		"«W3C Extended Log File Format» as the active log format, with all extended properties ticked"
	trackingRemedy = "it is not read; switch on protocol logging of the receive connectors " +
		"(Set-ReceiveConnector -ProtocolLoggingLevel Verbose) and read the SmtpReceive folder"
	tracking2003Remedy = "it is not read; in Exchange System Manager, open the properties of the SMTP virtual server, tab General, " +
		"enable logging in «W3C Extended Log File Format» with all extended properties ticked, and read its folder SMTPSVC1"
)

// Rows of the formats that have no header, or may have lost it.
var (
	rowNCSA     = regexp.MustCompile(`^\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "`)
	rowIIS      = regexp.MustCompile(`^[^,]+, [^,]*, \d{1,2}/\d{1,2}/\d{2,4}, \d{1,2}:\d\d:\d\d, (SMTPSVC|MSFTPSVC|W3SVC)?\d*, `)
	rowODBC     = regexp.MustCompile(`(?i)^"?clienthost"?[,;\t ].*servicestatus`)
	rowW3C      = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ \S+ \S+ \S+ \S+ \d+ \S+ \S+ \S+ \d+ `)
	rowExchange = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z,("[^"]*"|[^,]*),[0-9A-Fa-f]{16},\d+,`)
	rowTracking = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z,.*,(SMTP|STOREDRIVER|ROUTING|AGENT|DSN|ADMIN|RESOLVER|PICKUP|MAILBOXRULE|BOOTLOADER|ORAR|PUBLICFOLDER|QUEUE|APPROVAL|MEETINGMESSAGEPROCESSOR),[A-Z]+,`)
	row2003     = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}\t\d{1,2}:\d\d:\d\d GMT\t`)
	rowWeb      = regexp.MustCompile(`(?m)^[^#].* (GET|POST|HEAD|OPTIONS|PUT|PROPFIND) /`)
)

// otherFile tells of a file that would else be taken for a log without a complete row, as
// what is behind a NUL byte is not written yet. b is its beginning, NUL bytes and all.
func otherFile(b []byte) error {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")), isUTF16(b):
		return &RefusedError{"UTF-16", "a program has changed it while it was copied, as PowerShell does with > and Out-File; " +
			"read the log itself, or a copy by copy, robocopy or Copy-Item"}
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return &UnknownFormatError{Is: "a ZIP archive: unpack it first; what gzip has compressed (.gz) is read as it is"}
	}
	return nil
}

// isUTF16 tells whether b begins with 16 characters of a log in UTF-16 without a byte
// order mark, all of them ASCII. What a crash leaves in a log, or a server has reserved, is NUL bytes in a
// row, not every other one from the first row on.
func isUTF16(b []byte) bool {
	const characters = 16 // Fewer than a row has, or the first line of a header.
	if len(b) < 2*characters {
		return false
	}
	text := 0 // Little endian: the NUL comes second.
	if b[0] == 0 {
		text = 1
	}
	if first := b[text]; first != '#' && (first < '0' || first > '9') {
		return false // No log begins so: it may be any file that lies in the folder.
	}
	for i := 0; i < 2*characters; i += 2 {
		c := b[i+text]
		if b[i+1-text] != 0 || (c < ' ' && c != '\t' && c != '\r' && c != '\n') || c > '~' {
			return false
		}
	}
	return true
}

// sniff tells a log's format by its beginning, never by its name. It returns ""
// without an error while the beginning is not enough to tell.
func sniff(b []byte) (Format, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	head, row := headers(b)
	switch t := head["log-type"]; {
	case strings.EqualFold(t, "SMTP Receive Protocol Log"):
		return FormatExchangeReceive, nil
	case strings.EqualFold(t, "SMTP Send Protocol Log"):
		return FormatExchangeSend, nil
	case strings.EqualFold(t, "Message Tracking Log"):
		return "", &RefusedError{"the format of Exchange message tracking", trackingRemedy}
	case t != "":
		return "", &RefusedError{"the format of an Exchange «" + t + "»", "it holds no SMTP sessions"}
	}
	fields := head["fields"]
	switch {
	case strings.Contains(fields, "session-id") && strings.Contains(fields, "event"):
		return FormatExchange, nil
	case strings.Contains(fields, "internal-message-id"):
		return "", &RefusedError{"the format of Exchange message tracking", trackingRemedy}
	case strings.Contains(head["software"], "Internet Information Services") && fields == "":
		return FormatIISW3C, nil
	case fields != "" && rowWeb.Match(b) && !bytes.Contains(b, []byte("SMTPSVC")):
		return "", &RefusedError{"the W3C format of a web site", "it holds HTTP requests; the SMTP service logs to a folder SMTPSVC1"}
	case fields != "" && strings.Contains(fields, "x-cs-command"), strings.Contains(fields, "x-session"):
		return "", &RefusedError{"the W3C format of an FTP site", "the SMTP service logs to a folder SMTPSVC1"}
	case fields != "":
		return FormatIISW3C, nil
	case head["message tracking log file"] == "yes":
		return "", &RefusedError{"the tracking format of Exchange 2000/2003", tracking2003Remedy}
	}
	return sniffRow(row)
}

// sniffRow tells a format by a row, for a log without a header.
func sniffRow(row string) (Format, error) {
	switch {
	case row == "":
		return "", nil
	case rowExchange.MatchString(row):
		return FormatExchange, nil
	case rowW3C.MatchString(row):
		return FormatIISW3C, nil
	case rowNCSA.MatchString(row):
		return "", &RefusedError{"NCSA Common Log File Format", iisRemedy}
	case rowIIS.MatchString(row):
		return "", &RefusedError{"Microsoft IIS Log File Format", iisRemedy}
	case rowODBC.MatchString(row):
		return "", &RefusedError{"the table format of ODBC logging", iisRemedy}
	case row2003.MatchString(row):
		return "", &RefusedError{"the tracking format of Exchange 2000/2003", tracking2003Remedy}
	case rowTracking.MatchString(row):
		return "", &RefusedError{"the format of Exchange message tracking", trackingRemedy}
	}
	return "", &UnknownFormatError{Line: Cut(row, 60)}
}

// headers returns the header lines by lower-case name, and the first row. Only
// complete lines count.
func headers(b []byte) (head map[string]string, row string) {
	head = map[string]string{}
	for line := range bytes.Lines(b) {
		if line[len(line)-1] != '\n' && len(b) <= headBytes {
			break
		}
		text := strings.TrimSpace(string(line))
		switch {
		case text == "":
		case strings.HasPrefix(text, "# Message Tracking Log File"):
			head["message tracking log file"] = "yes"
		case text[0] == '#':
			name, value, _ := strings.Cut(text[1:], ":")
			head[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		default:
			return head, text
		}
	}
	return head, ""
}

// firstRowEnd is where the first row of a log that begins with b ends, its line
// feed included; -1 while no row is complete.
func firstRowEnd(b []byte) int64 {
	at := int64(0)
	for line := range bytes.Lines(b) {
		at += int64(len(line))
		text := bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
		if len(text) > 0 && text[0] != '#' {
			if line[len(line)-1] == '\n' || len(b) > headBytes {
				return at
			}
			return -1
		}
	}
	if len(b) > headBytes {
		return at // Header lines only, more than fits: they must do.
	}
	return -1
}

// Cut shortens s to n bytes at most, at a rune's border.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
