package ingest

import "relaywatch/mail"

// Format names a log format. The first three are read; all others are recognised
// so that they can be refused with the setting to change.
type Format string

const (
	FormatAuto            Format = "auto"
	FormatIISW3C          Format = "iis-w3c"
	FormatExchangeReceive Format = "exchange-receive"
	FormatExchangeSend    Format = "exchange-send"
	// FormatExchange is a stretch of an Exchange log without its header: each
	// session tells by itself whether it came in or went out.
	FormatExchange Format = "exchange"
)

// decoder reads the rows of one log, one at a time: decode looks at a line,
// apply gives the row it found to the sessions. Between the two the reader
// merges logs by time, so a decoded row must stay valid until the next decode.
type decoder interface {
	// decode reads a complete line without its line end. row is false for lines
	// that are no rows (headers, blank lines). The error of a row that is not
	// understood is one sentence for people; the line goes to the quarantine.
	// at is the row's time, never zero for a row without error.
	decode(line []byte, pos mail.LogPos) (row bool, at mail.Time, err error)
	// apply hands the decoded row to the sessions.
	apply()
	// about tells what the log has shown of itself so far.
	about() about
	// save returns the decoder's memory as JSON, for the function that made it.
	save() []byte
}

// about is what a decoder knows of its log.
type about struct {
	server  string   // As Log.Server.
	missing []string // As Log.Missing.
}
