package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"relaywatch/mail"
)

// exchangeRow is one row of an SmtpReceive or SmtpSend log. The values are those
// of the columns, unquoted.
type exchangeRow struct {
	pos       mail.LogPos
	at        mail.Time
	connector []byte
	session   []byte
	local     []byte
	remote    []byte
	event     byte // One of + - < > *.
	data      []byte
	context   []byte
}

// exchangeDecoder reads the rows of one Exchange protocol log.
type exchangeDecoder struct {
	sessions *exchangeSessions
	texts    *texts
	family   byte // What keeps sessions of different formats apart.
	columns  exchangeColumns
	fields   string // #Fields in force; "" where the log has shown none.
	server   string // As about.server.

	line      []byte   // The row's own copy: the reader may have reused the line before apply.
	values    [][]byte // Of the columns, in the order of #Fields; within line.
	row       exchangeRow
	second    [len(exchangeSecond)]byte // Second of the last row, and the time it stands for.
	at        mail.Time
	origin    *exchangeServer // Of the connector of the last row.
	connector []byte
}

// exchangeMemory is what a decoder keeps between two runs.
type exchangeMemory struct {
	Fields string `json:"fields,omitempty"`
	Server string `json:"server,omitempty"`
}

// newExchangeDecoder returns a decoder of one log whose sessions are kept in s.
// In a log of FormatExchange each session tells its direction by itself. saved is
// what save returned at the place where reading goes on, nil for a fresh log.
func newExchangeDecoder(s *exchangeSessions, x *texts, format Format, saved []byte) (*exchangeDecoder, error) {
	d := &exchangeDecoder{sessions: s, texts: x, columns: parseExchangeColumns(exchangeFields)}
	switch format {
	case FormatExchangeReceive:
		d.family = familyReceive
	case FormatExchangeSend:
		d.family = familySend
	case FormatExchange:
		d.family = familyEither
	default:
		return nil, fmt.Errorf("log format %s is none of Exchange", format)
	}
	if len(saved) == 0 {
		return d, nil
	}
	var m exchangeMemory
	if err := json.Unmarshal(saved, &m); err != nil {
		return nil, fmt.Errorf("decoder memory of an Exchange log: %w", err)
	}
	if m.Fields != "" {
		d.fields, d.columns = m.Fields, parseExchangeColumns([]byte(m.Fields))
	}
	d.server = m.Server
	return d, nil
}

var (
	byteOrderMark = []byte("\xEF\xBB\xBF")
	fieldsPrefix  = []byte("#Fields:")
)

func (d *exchangeDecoder) decode(line []byte, pos mail.LogPos) (bool, mail.Time, error) {
	line = bytes.TrimPrefix(line, byteOrderMark)
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		return false, 0, nil
	}
	if line[0] == '#' {
		if len(line) > len(fieldsPrefix) && bytes.EqualFold(line[:len(fieldsPrefix)], fieldsPrefix) {
			d.fields = string(line[len(fieldsPrefix):])
			d.columns = parseExchangeColumns(line[len(fieldsPrefix):])
		}
		return false, 0, nil
	}
	d.line = append(d.line[:0], line...)
	if err := d.split(); err != nil {
		return true, 0, err
	}
	if err := d.understand(pos); err != nil {
		return true, 0, err
	}
	return true, d.row.at, nil
}

// understand fills the row from the values.
func (d *exchangeDecoder) understand(pos mail.LogPos) error {
	at, err := d.time(d.value(columnTime))
	if err != nil {
		return err
	}
	r := &d.row
	*r = exchangeRow{
		pos:       pos,
		at:        at,
		connector: d.value(columnConnector),
		session:   d.value(columnSession),
		local:     d.value(columnLocal),
		remote:    d.value(columnRemote),
		event:     '*', // Copies of logs lose it.
		data:      d.value(columnData),
		context:   d.value(columnContext),
	}
	if len(r.session) == 0 {
		return errNoSession
	}
	e := d.value(columnEvent)
	switch {
	case len(e) == 0:
	case len(e) == 1 && bytes.IndexByte([]byte("+-<>*"), e[0]) >= 0:
		r.event = e[0]
	default:
		return fmt.Errorf("event %.20q is none of + - < > *", e)
	}
	return nil
}

func (d *exchangeDecoder) apply() {
	if d.origin == nil || !bytes.Equal(d.connector, d.row.connector) {
		d.connector = append(d.connector[:0], d.row.connector...)
		d.origin = d.sessions.server(d.family, d.row.connector, d.texts)
	}
	e := d.sessions.apply(d.origin, &d.row, d.texts)
	if d.server == "" && e != nil {
		d.server = e.serverName()
	}
}

func (d *exchangeDecoder) about() about {
	return about{server: d.server, missing: d.columns.missing}
}

func (d *exchangeDecoder) save() []byte {
	b, _ := json.Marshal(exchangeMemory{Fields: d.fields, Server: d.server}) // Two strings always marshal.
	return b
}
