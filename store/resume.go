package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"relaywatch/ingest"
	"relaywatch/mail"
)

const (
	selectSessions = `SELECT sessions FROM sessions`
	selectLogs     = `SELECT key, path, format, server, head, size_bytes, read_bytes, rows, quarantined,
		coalesce(first_time, 0), coalesce(last_time, 0), state, note, missing, mark, decoder FROM logs ORDER BY path, key`
)

// Resume is where the last Write stopped; the zero Resume for a new store.
func (db *DB) Resume(ctx context.Context) (ingest.Resume, error) {
	var r ingest.Resume
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		logs, err := allLogs(ctx, tx)
		if err != nil {
			return err
		}
		r.Logs = logs
		err = tx.QueryRowContext(ctx, selectSessions).Scan(&r.Sessions)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return r, err
}

// allLogs are all logs, by path.
func allLogs(ctx context.Context, q queryer) ([]ingest.Log, error) {
	var logs []ingest.Log
	err := each(ctx, q, func(scan scanner) error {
		var (
			l       ingest.Log
			key     int64
			mark    int64
			head    []byte
			missing string
		)
		err := scan(&key, &l.Path, &l.Format, &l.Server, &head, &l.SizeBytes, &l.ReadBytes, &l.Rows, &l.Quarantined,
			&l.FirstTime, &l.LastTime, &l.State, &l.Note, &missing, &mark, &l.Decoder)
		if err != nil {
			return err
		}
		l.ID, l.Mark = mail.LogID(key), uint64(mark)
		if err := l.Head.UnmarshalBinary(head); err != nil {
			return fmt.Errorf("head of log %s: %w", l.ID, err)
		}
		if err := json.Unmarshal([]byte(missing), &l.Missing); err != nil {
			return fmt.Errorf("missing columns of log %s: %w", l.ID, err)
		}
		if len(l.Missing) == 0 {
			l.Missing = nil
		}
		logs = append(logs, l)
		return nil
	}, selectLogs)
	return logs, err
}

// snapshot runs f on one state of the store, beside the writer.
func (db *DB) snapshot(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return explain(db.path, err)
	}
	err = f(tx)
	if end := tx.Rollback(); end != nil && err == nil && !errors.Is(end, sql.ErrTxDone) {
		err = end
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", db.path, sayFault(err))
	}
	return nil
}
