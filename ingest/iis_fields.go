package ingest

import (
	"slices"
	"strings"
)

// iisColumn is a column that is read; all others are skipped.
type iisColumn uint8

const (
	colDate iisColumn = iota
	colTime
	colClient   // c-ip: the client; the remote server where the server delivers.
	colUsername // cs-username: the HELO name, never an account; or one of the two outbound names.
	colSite
	colServerName
	colServerIP
	colMethod
	colQuery // cs-uri-query: the command's argument; the reply line of a remote server.
	colStatus
	colBytes // cs-bytes: on DATA the size of the message.
	iisColumns
	colSkipped = iisColumns
)

// iisColumnNames are the names of the columns in a #Fields line, in lower case.
var iisColumnNames = [iisColumns]string{
	"date", "time", "c-ip", "cs-username", "s-sitename", "s-computername", "s-ip",
	"cs-method", "cs-uri-query", "sc-status", "cs-bytes",
}

// iisWanted are the columns without which a detection is blind. s-sitename only
// tells two services of one server apart, s-ip is shown and not judged.
var iisWanted = [...]iisColumn{
	colDate, colTime, colClient, colUsername, colServerName, colMethod, colQuery, colStatus, colBytes,
}

// iisFullFields is what the service writes with every box ticked. It is assumed
// for an excerpt without a header.
var iisFullFields = strings.Fields("date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method " +
	"cs-uri-stem cs-uri-query sc-status sc-win32-status sc-bytes cs-bytes time-taken cs-version cs-host " +
	"cs(user-agent) cs(cookie) cs(referer)")

// iisFields is a #Fields line. The zero value is none.
type iisFields struct {
	names   []string         // In lower case.
	columns []iisColumn      // Of each name.
	has     [iisColumns]bool // Which columns are there.
	missing []string         // Those of iisWanted that are not.
}

// newIISFields returns the columns of a #Fields line. A name that comes twice is
// read where it comes first.
func newIISFields(names []string) iisFields {
	var f iisFields
	for _, name := range names {
		name = strings.ToLower(name)
		c := iisColumn(colSkipped)
		if i := slices.Index(iisColumnNames[:], name); i >= 0 && !f.has[i] {
			c = iisColumn(i)
			f.has[i] = true
		}
		f.names = append(f.names, name)
		f.columns = append(f.columns, c)
	}
	if len(names) > 0 {
		for _, c := range iisWanted {
			if !f.has[c] {
				f.missing = append(f.missing, iisColumnNames[c])
			}
		}
	}
	return f
}
