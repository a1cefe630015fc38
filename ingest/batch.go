package ingest

import "relaywatch/mail"

// Batch is what a stretch of rows told, with the cursor after it. It is stored
// whole or not at all: that is what makes every row count once.
type Batch struct {
	Transactions []mail.Transaction // Parts: see mail.Transaction. In the order of their first row.
	Logins       []mail.Login
	Deliveries   []mail.Delivery
	Rejects      []mail.Reject

	Logs     []Log     // Each log that moved, as it stands after these rows; of a Reader also those whose unfinished row did.
	Sessions []byte    // The sessions still open after these rows: replaces what was stored before.
	Front    mail.Time // No log that is still being read has rows before this time, but for late ones.
	Rows     int64     // Rows read, understood or not; header lines are none.
}

// LogState tells what became of a log.
type LogState string

const (
	LogRead    LogState = "read"    // Read up to ReadBytes.
	LogRefused LogState = "refused" // Its format is not read: see Log.Note.
)

// Log is one log and how far it is read.
type Log struct {
	ID          mail.LogID
	Path        string // Where it was last read.
	Format      Format
	Server      string // As mail.Transaction.Server, of its first row that tells; "" if none does.
	Head        Head   // What recognises it.
	SizeBytes   int64  // Decompressed, up to where it was looked at: what is behind ReadBytes is an unfinished row.
	ReadBytes   int64  // The cursor: offset of the first byte not handed on yet.
	Rows        int64  // Rows read so far, quarantined ones too.
	Quarantined int64
	FirstTime   mail.Time // Earliest and latest row time so far.
	LastTime    mail.Time
	State       LogState
	Note        string   // Why it was refused, and what to change.
	Missing     []string // Columns that detections need and the log lacks, as the log's documentation names them.
	Mark        uint64   // Hash of the last bytes before ReadBytes, as they were read; 0 if they are not known.
	Decoder     []byte   // The decoder's memory at ReadBytes (columns in force, day): opaque, for Resume.
}

// Unfinished is how many bytes of a row stand at the log's end that is not complete: it is
// being written, or the log was cut off or copied just then.
func (l *Log) Unfinished() int64 { return l.SizeBytes - l.ReadBytes }

// Resume is where an earlier run stopped: what the store kept of its last Batch.
type Resume struct {
	Logs     []Log
	Sessions []byte
}
