package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"relaywatch/mail"
)

// Columns of an Exchange protocol log that are read.
const (
	columnTime = iota
	columnConnector
	columnSession
	columnLocal
	columnRemote
	columnEvent
	columnData
	columnContext
	exchangeColumnCount
)

var exchangeColumnNames = [exchangeColumnCount]string{
	"date-time", "connector-id", "session-id", "local-endpoint", "remote-endpoint", "event", "data", "context",
}

// exchangeFields is the order in which every version of Exchange writes the
// columns, for a log whose header is lost.
var exchangeFields = []byte("date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context")

// exchangeColumns is a #Fields line, understood.
type exchangeColumns struct {
	place     [exchangeColumnCount]int // Of each column in a row; -1 if the log lacks it.
	count     int
	contextAt int // Place of the last column if it is the context, else -1.
	missing   []string
}

func parseExchangeColumns(fields []byte) exchangeColumns {
	c := exchangeColumns{contextAt: -1}
	for i := range c.place {
		c.place[i] = -1
	}
	for name := range bytes.SplitSeq(bytes.Trim(fields, ", \t\r"), []byte{','}) {
		name = bytes.TrimSpace(name)
		for i, known := range exchangeColumnNames {
			if bytes.EqualFold(name, []byte(known)) {
				c.place[i] = c.count
			}
		}
		c.count++
	}
	if c.place[columnContext] == c.count-1 {
		c.contextAt = c.count - 1
	}
	for i, name := range exchangeColumnNames {
		// Without a connector or a local endpoint only the server's own name is lost.
		if c.place[i] < 0 && i != columnConnector && i != columnLocal {
			c.missing = append(c.missing, name)
		}
	}
	return c
}

var (
	errNoSession   = errors.New("the row has no session-id")
	errOpenQuote   = errors.New("a quote is not closed")
	errBehindQuote = errors.New("a quoted value is followed by something other than a comma")
	errNoTime      = errors.New("date-time is not like 2023-01-11T16:00:04.113Z")
)

// value is what the last row has in a column, or nothing.
func (d *exchangeDecoder) value(column int) []byte {
	if i := d.columns.place[column]; i >= 0 {
		return d.values[i]
	}
	return nil
}

// split cuts d.line into d.values, and removes the quotes in place.
func (d *exchangeDecoder) split() error {
	want := d.columns.count
	d.values = d.values[:0]
	rest := d.line
	for more := true; more; {
		if len(d.values) == want {
			return fmt.Errorf("the row has more columns than the %d of #Fields", want)
		}
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			var err error
			if value, rest, more, err = unquote(rest); err != nil {
				return err
			}
		} else if i := bytes.IndexByte(rest, ','); i >= 0 {
			value, rest = rest[:i], rest[i+1:]
		} else {
			value, more = rest, false
		}
		d.values = append(d.values, value)
	}
	if len(d.values) == want-1 && d.columns.contextAt == want-1 {
		d.values = append(d.values, nil) // A copy that lost the comma of an empty context.
	}
	if len(d.values) < want {
		return fmt.Errorf("the row has %d columns instead of the %d of #Fields", len(d.values), want)
	}
	return nil
}

// unquote reads the quoted value at the start of b, doubled quotes made single in
// place. rest follows its comma; more is false if there is none.
func unquote(b []byte) (value, rest []byte, more bool, err error) {
	to, from := 1, 1
	for {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return nil, nil, false, errOpenQuote
		}
		if to != from {
			copy(b[to:], b[from:from+n])
		}
		to, from = to+n, from+n+1
		if from == len(b) {
			return b[1:to], nil, false, nil
		}
		switch b[from] {
		case '"':
			b[to] = '"'
			to, from = to+1, from+1
		case ',':
			return b[1:to], b[from+1:], true, nil
		default:
			return nil, nil, false, errBehindQuote
		}
	}
}

const exchangeSecond = "2006-01-02T15:04:05"

// time reads a date-time, as 2023-01-11T16:00:04.113Z, cut to the second.
func (d *exchangeDecoder) time(b []byte) (mail.Time, error) {
	const n = len(exchangeSecond)
	if len(b) <= n || !isFraction(b[n:]) {
		return 0, errNoTime
	}
	if d.at != 0 && bytes.Equal(d.second[:], b[:n]) {
		return d.at, nil
	}
	t, err := time.Parse(exchangeSecond, string(b[:n]))
	if err != nil || t.Unix() <= 0 {
		return 0, errNoTime
	}
	copy(d.second[:], b)
	d.at = mail.Of(t)
	return d.at, nil
}

// isFraction is true for Z, and for digits between a point and Z.
func isFraction(b []byte) bool {
	last := len(b) - 1
	if b[last] != 'Z' || last > 0 && b[0] != '.' {
		return false
	}
	for _, c := range b[min(1, last):last] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// host is an endpoint without its port: of 192.0.2.1:25, [2001:db8::1]:25,
// fe80::1%3:25 or 2001:db8::1, where a port could not be told from the address.
func host(endpoint []byte) []byte {
	if len(endpoint) > 0 && endpoint[0] == '[' {
		if i := bytes.IndexByte(endpoint, ']'); i > 0 {
			return endpoint[1:i]
		}
		return endpoint
	}
	colon := bytes.LastIndexByte(endpoint, ':')
	if colon < 0 {
		return endpoint
	}
	zone := bytes.IndexByte(endpoint, '%')
	if bytes.IndexByte(endpoint, ':') == colon || zone >= 0 && zone < colon {
		return endpoint[:colon]
	}
	return endpoint
}
