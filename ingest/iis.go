package ingest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"relaywatch/mail"
)

// iisDecoder reads one W3C log of the IIS SMTP service, which is also that of
// Exchange 2000 and 2003. It implements decoder.
type iisDecoder struct {
	sessions *iisSessions
	fields   iisFields
	assumed  bool // The log has no #Fields line before its rows; all columns are assumed.
	clock    iisClock
	server   string // As about.server.
	row      iisRow
}

// iisMemory is what iisDecoder.save writes.
type iisMemory struct {
	Fields  []string
	Assumed bool `json:",omitempty"`
	Header  mail.Time
	Latest  mail.Time
	Server  string
}

// Reasons why rows are not understood that hold for every row of their log.
var (
	errIISNoFields = errors.New("no #Fields line yet")
	errIISNoMethod = errors.New("#Fields lacks cs-method: without it no row tells its command")
	errIISNoDate   = errors.New("row has no date: the log has neither a date column nor a #Date line")
	errIISNoTime   = errors.New("row has no time of day: #Fields names date, but lacks time")
	errIISNUL      = errors.New("row holds NUL bytes")
)

// newIISDecoder returns the decoder of a log whose rows go to s. saved is what
// save returned when the log was last read, nil for a log that is new.
func newIISDecoder(s *iisSessions, x *texts, saved []byte) (*iisDecoder, error) {
	d := &iisDecoder{sessions: s}
	d.row.texts = x
	if saved == nil {
		return d, nil
	}
	var m iisMemory
	if err := json.Unmarshal(saved, &m); err != nil {
		return nil, fmt.Errorf("memory of an IIS log: %w", err)
	}
	d.fields, d.assumed, d.server = newIISFields(m.Fields), m.Assumed, m.Server
	d.clock.header, d.clock.latest = m.Header, m.Latest
	return d, nil
}

func (d *iisDecoder) save() []byte {
	b, err := json.Marshal(iisMemory{d.fields.names, d.assumed, d.clock.header, d.clock.latest, d.server})
	if err != nil {
		return nil // Strings, numbers and a bool: there is no error.
	}
	return b
}

func (d *iisDecoder) about() about {
	if d.assumed {
		return about{d.server, []string{"#Fields header"}}
	}
	return about{d.server, d.fields.missing}
}

func (d *iisDecoder) decode(line []byte, pos mail.LogPos) (bool, mail.Time, error) {
	line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	line = trimBlanks(line, '\r')
	if len(line) == 0 {
		return false, 0, nil
	}
	if line[0] == '#' {
		d.header(line)
		return false, 0, nil
	}
	at, err := d.read(line)
	if err != nil {
		return true, 0, err
	}
	d.row.pos, d.row.at = pos, at
	d.clock.seen(at)
	if name := d.row.values[colServerName]; name != nil && d.server == "" {
		d.server = strings.ToUpper(d.row.texts.str(name))
	}
	return true, at, nil
}

func (d *iisDecoder) apply() { d.sessions.apply(&d.row) }

// header reads a line that begins with "#". Servers repeat #Date and #Fields
// whenever they open the log anew, and columns may have changed meanwhile.
func (d *iisDecoder) header(line []byte) {
	name, value, _ := bytes.Cut(line, []byte{':'})
	switch {
	case bytes.EqualFold(name, []byte("#Date")):
		d.clock.setHeader(value)
	case bytes.EqualFold(name, []byte("#Fields")):
		d.setFields(strings.Fields(string(value)))
		d.assumed = false
	}
}

func (d *iisDecoder) setFields(names []string) {
	d.fields = newIISFields(names)
	d.row.values = [iisColumns][]byte{}
}

// read reads all values of a row and returns its time.
func (d *iisDecoder) read(line []byte) (mail.Time, error) {
	if bytes.IndexByte(line, 0) >= 0 {
		return 0, errIISNUL
	}
	if len(d.fields.names) == 0 {
		if !looksFull(line) {
			return 0, errIISNoFields
		}
		d.setFields(iisFullFields)
		d.assumed = true
	}
	if !d.fields.has[colMethod] {
		return 0, errIISNoMethod
	}
	if n := d.split(line); n != len(d.fields.columns) {
		return 0, fmt.Errorf("row has %d columns; #Fields names %d", n, len(d.fields.columns))
	}
	r := &d.row
	r.verb, r.reply = iisVerbOf(r.values[colMethod]), 0
	if status := r.values[colStatus]; status != nil {
		n, ok := parseNumber(status)
		if !ok || n > 999 {
			return 0, fmt.Errorf("sc-status %s is no reply code", quoteShort(status))
		}
		r.reply = int(n)
	}
	return d.time()
}

// split cuts a row at its blanks and returns how many columns it has. It looks at
// eight bytes at a time: most columns are shorter than a search for the next is worth.
func (d *iisDecoder) split(line []byte) int {
	n, start := 0, 0
	for at := 0; at < len(line); at += 8 {
		for found := blanks(line[at:]); found != 0; found &= found - 1 {
			end := at + bits.TrailingZeros64(found)/8
			n = d.value(n, line[start:end])
			start = end + 1
		}
	}
	return d.value(n, line[start:])
}

// value takes the value of column n, and returns the number of the next column.
func (d *iisDecoder) value(n int, value []byte) int {
	if len(value) == 0 {
		return n // Of a run of blanks: an empty value is written "-".
	}
	if n < len(d.fields.columns) {
		if c := d.fields.columns[n]; c != colSkipped {
			if len(value) == 1 && value[0] == '-' {
				value = nil
			}
			d.row.values[c] = value
		}
	}
	return n + 1
}

// blanks has the highest bit set of each byte that is a blank, of the first eight of b;
// the lowest byte is the first.
func blanks(b []byte) uint64 {
	const low = 0x7f7f7f7f7f7f7f7f
	var eight uint64
	if len(b) >= 8 {
		eight = binary.LittleEndian.Uint64(b)
	} else {
		for i, c := range b {
			eight |= uint64(c) << (8 * i)
		}
	}
	eight ^= 0x2020202020202020
	return ^(eight&low + low | eight | low) // Zero bytes, see Hacker's Delight, section 6-1.
}

// time is the time of the row that was split last.
func (d *iisDecoder) time() (mail.Time, error) {
	hasDate, hasTime := d.fields.has[colDate], d.fields.has[colTime]
	switch {
	case hasDate && !hasTime:
		return 0, errIISNoTime
	case !hasDate && d.clock.header == 0:
		return 0, errIISNoDate
	case !hasTime:
		return d.clock.header, nil
	}
	clock, ok := parseClock(d.row.values[colTime])
	if !ok {
		return 0, fmt.Errorf("time %s is no time of day like 15:04:05", quoteShort(d.row.values[colTime]))
	}
	if !hasDate {
		return d.clock.next(clock), nil
	}
	day, ok := d.clock.day(d.row.values[colDate])
	if !ok {
		return 0, fmt.Errorf("date %s is no day like 2006-01-02", quoteShort(d.row.values[colDate]))
	}
	return day + clock, nil
}

// looksFull tells whether a row without #Fields has all columns, by their number
// and by those at the front.
func looksFull(line []byte) bool {
	values := bytes.Fields(line)
	if len(values) != len(iisFullFields) {
		return false
	}
	_, isDay := parseDay(values[0])
	_, isClock := parseClock(values[1])
	return isDay && isClock
}
