package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"relaywatch/mail"
)

// Kind is what the values of a column are, where they are not NULL.
type Kind int

const (
	Text    Kind = iota
	Integer      // Also 0 and 1 of what is true or not.
	Real
	Time // Text in RFC 3339, UTC.
)

// kinds are those of the columns by name, which mean the same in each view; the others
// are texts. SQLite does not know the type of an expression.
var kinds = map[string]Kind{
	"time": Time, "first_time": Time, "last_time": Time, "window_start": Time, "window_end": Time, "flagged_at": Time,
	"first_flagged": Time, "last_flagged": Time, "hour": Time, "at": Time, "added_at": Time, "removed_at": Time, "fades_at": Time,

	"id": Integer, "transaction_id": Integer, "mail_unix": Integer, "rcpt_unix": Integer, "hour_unix": Integer,
	"recipient_number": Integer, "submitter_number": Integer, "origin_number": Integer, "reverse_path_number": Integer,
	"log_offset": Integer, "authenticated": Integer, "exact": Integer,
	"relay_right": Integer, "tls": Integer, "recipients": Integer, "accepted": Integer, "refused": Integer, "external": Integer,
	"external_recipients": Integer, "transactions": Integer, "size_bytes": Integer, "read_bytes": Integer, "rows": Integer,
	"quarantined": Integer, "reply": Integer, "tried": Integer,

	"weight": Real, "score": Real, "baseline": Real, "nats": Real, "watch_nats": Real, "alert_nats": Real,
}

// periods are how views are asked for the rows from ?1 to before ?2, as texts; their
// numbers are ?3 and ?4. What lasts is of a period if it overlaps.
var periods = map[string]string{
	"v_transactions": `mail_unix >= ?3 AND mail_unix < ?4`,
	// A recipient is some time behind its MAIL row.
	"v_recipients": `mail_unix BETWEEN ?3 - (SELECT longest FROM meta) AND ?4 + (SELECT longest FROM meta) AND time >= ?1 AND time < ?2`,
	"v_auth":       `time >= ?1 AND time < ?2`,
	"v_deliveries": `time >= ?1 AND time < ?2`,
	"v_findings":   `flagged_at >= ?1 AND flagged_at < ?2`,
	"v_silenced":   `flagged_at >= ?1 AND flagged_at < ?2`,
	"v_suspects":   `last_flagged >= ?1 AND first_flagged < ?2`,
	"v_watched":    `last_time >= ?1 AND first_time < ?2`,
	"v_logs":       `last_time >= ?1 AND first_time < ?2`,
	"v_sources":    `last_time >= ?1 AND first_time < ?2`,
	"v_contacts":   `first_time >= ?1 AND first_time < ?2`,
	"v_hourly":     `hour >= ?1 AND hour < ?2`,
	"v_triage":     `at >= ?1 AND at < ?2`,
}

// The period that has all: RFC 3339 has years of four digits.
const (
	firstTime = mail.Time(-62167219200) // 0000-01-01
	lastTime  = mail.Time(253402300799) // 9999-12-31T23:59:59
)

// HasPeriod tells whether a view can be asked for the rows of a period.
func (v *View) HasPeriod() bool { return periods[v.Name] != "" }

// ReadView calls row for each row of a view from since to before until; 0 is any time.
// The values are nil, int64, float64 or string, and valid until row returns. All are of
// one moment of the store.
func (db *DB) ReadView(ctx context.Context, v *View, since, until mail.Time, row func(values []any) error) error {
	columns := make([]string, len(v.Columns))
	for i, c := range v.Columns {
		columns[i] = c.Name
	}
	query := `SELECT ` + strings.Join(columns, `, `) + ` FROM ` + v.Name
	var args []any
	if since != 0 || until != 0 {
		if !v.HasPeriod() {
			return fmt.Errorf("view %s has no time", v.Name)
		}
		if since == 0 {
			since = firstTime
		}
		if until == 0 {
			until = lastTime
		}
		query += ` WHERE ` + periods[v.Name]
		args = []any{since.String(), until.String()}
		if strings.Contains(periods[v.Name], "?3") {
			args = append(args, int64(since), int64(until))
		}
	}
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var taken error // What row says is of its own, not of the store.
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(scan scanner) error {
			if err := scan(into...); err != nil {
				return err
			}
			taken = row(values)
			return taken
		}, query, args...)
	})
	if taken != nil {
		return taken
	}
	return err
}

// CreateClosed makes a file that only its owner and group can read, as the store is. It
// returns false if the file is there.
func CreateClosed(path string) (bool, error) { return createClosed(path) }
