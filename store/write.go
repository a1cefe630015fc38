package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/mattn/go-sqlite3"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// Write stores a batch: its rows, the cursors behind them and the sessions still
// open, in one transaction. The error is ErrTwice if a row of it is stored already.
func (db *DB) Write(ctx context.Context, b *ingest.Batch) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		if err := k.addresses.load(ctx, tx, b, &k.domains); err != nil {
			return err
		}
		w := newBatchWriter(tx, k)
		if err := w.write(ctx, b); err != nil {
			return twice(err)
		}
		_, err := tx.ExecContext(ctx, forgetJudge, int64(earliest(b)))
		return err
	})
}

// forgetJudge notes, with the rows themselves, that some are older than what was
// judged for good: until all is judged anew, nobody has judged what is stored.
const forgetJudge = `UPDATE checkpoint SET judge = '' WHERE until >= ? AND judge <> ''`

// earliest is the time of the batch's earliest row that may be judged.
func earliest(b *ingest.Batch) mail.Time {
	at := mail.Time(math.MaxInt64)
	note := func(t mail.Time) {
		if t != 0 {
			at = min(at, t)
		}
	}
	for i := range b.Transactions {
		t := &b.Transactions[i]
		if t.Direction != mail.In {
			continue
		}
		if !t.Continued {
			note(t.At)
		}
		for j := range t.Recipients {
			note(t.Recipients[j].At)
		}
		note(t.EndAt)
	}
	for i := range b.Logins {
		note(b.Logins[i].At)
	}
	for i := range b.Deliveries {
		note(b.Deliveries[i].RepliedAt)
	}
	return at
}

// batchWriter stores one batch.
type batchWriter struct {
	tx    *sql.Tx
	known *known

	addresses    addressWriter
	transactions inserter
	recipients   inserter
	hours        map[hourOf]*hourly
	lastKey      hourOf // The hour that was counted last, and its counts: mostly the next one's too.
	lastHour     *hourly
	longest      int64
	contacts     map[int64]*contact // By domains.id.
	firstID      int64              // Of a transaction that is new.
	goneOn       []int64            // Transactions of former batches that have recipients here.
	oldest       mail.Time          // Of a recipient.
}

func newBatchWriter(tx *sql.Tx, k *known) *batchWriter {
	return &batchWriter{
		tx:           tx,
		known:        k,
		addresses:    addressWriter{tx: tx, known: k, rows: insertAddress.on(k)},
		transactions: insertTransaction.on(k),
		recipients:   insertRecipient.on(k),
		hours:        make(map[hourOf]*hourly),
		longest:      k.longest,
		contacts:     make(map[int64]*contact),
		firstID:      k.nextID,
		oldest:       math.MaxInt64,
	}
}

func (w *batchWriter) write(ctx context.Context, b *ingest.Batch) error {
	for i := range b.Logs {
		if err := w.log(ctx, &b.Logs[i]); err != nil {
			return err
		}
	}
	if err := w.allTransactions(ctx, b.Transactions); err != nil {
		return err
	}
	if err := w.allLogins(ctx, b.Logins); err != nil {
		return err
	}
	if err := w.allDeliveries(ctx, b.Deliveries); err != nil {
		return err
	}
	if err := w.allRejects(ctx, b.Rejects); err != nil {
		return err
	}
	if err := w.addresses.flush(ctx); err != nil {
		return err
	}
	for _, sums := range [...]func(context.Context) error{w.allHours, w.allContacts, w.allZones} {
		if err := sums(ctx); err != nil {
			return err
		}
	}
	if _, err := w.tx.ExecContext(ctx, upsertSessions, b.Sessions); err != nil {
		return err
	}
	if w.longest > w.known.longest {
		w.known.longest = w.longest
		_, err := w.tx.ExecContext(ctx, updateLongest, w.longest)
		return err
	}
	return nil
}

const (
	upsertSessions = `INSERT INTO sessions (id, sessions) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET sessions = excluded.sessions`
	updateLongest  = `UPDATE meta SET longest = ?`
)

const upsertLog = `INSERT INTO logs (key, path, format, server, head, size_bytes, read_bytes, rows, quarantined, first_time, last_time, state, note, missing, mark, decoder)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (key) DO UPDATE SET path = excluded.path, format = excluded.format, server = excluded.server, head = excluded.head,
		size_bytes = excluded.size_bytes, read_bytes = excluded.read_bytes, rows = excluded.rows, quarantined = excluded.quarantined,
		first_time = excluded.first_time, last_time = excluded.last_time, state = excluded.state, note = excluded.note,
		missing = excluded.missing, mark = excluded.mark, decoder = excluded.decoder
		WHERE excluded.read_bytes >= read_bytes
	RETURNING id`

// log stores how far a log is read. A cursor that would go back means that another
// program has read on.
func (w *batchWriter) log(ctx context.Context, l *ingest.Log) error {
	head, err := l.Head.MarshalBinary()
	if err != nil {
		return fmt.Errorf("head of %s: %w", l.Path, err)
	}
	missing, err := json.Marshal(l.Missing)
	if err != nil {
		return fmt.Errorf("missing columns of %s: %w", l.Path, err)
	}
	if l.Missing == nil {
		missing = []byte("[]")
	}
	var id int64
	err = w.tx.QueryRowContext(ctx, upsertLog,
		int64(l.ID), l.Path, string(l.Format), l.Server, head, l.SizeBytes, l.ReadBytes, l.Rows, l.Quarantined,
		told(int64(l.FirstTime)), told(int64(l.LastTime)), string(l.State), l.Note, string(missing), int64(l.Mark), l.Decoder).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return problemf(ErrTwice, "log %s is stored beyond byte %d already: another relaywatch reads it into this store; let only one run", l.Path, l.ReadBytes)
	}
	w.known.logs[l.ID] = id
	return err
}

// logID is the number of a log that a row stands in.
func (w *batchWriter) logID(pos mail.LogPos) (int64, error) {
	id, ok := w.known.logs[pos.Log]
	if !ok {
		return 0, fmt.Errorf("row %s: its log is neither in the batch nor in the store", pos)
	}
	return id, nil
}

var (
	insertLogin    = newInsert("logins", "time, log_id, log_offset, server_id, client_id, user_id, tls, ok", "")
	insertDelivery = newInsert("deliveries", "time, log_id, log_offset, server_id, remote_ip_id, reverse_path_id, recipient_id, reply, text, outcome, reply_delta", "")
	insertReject   = newInsert("quarantine", "log_id, log_offset, reason, text", "")
)

func (w *batchWriter) allLogins(ctx context.Context, logins []mail.Login) error {
	rows := insertLogin.on(w.known)
	for i := range logins {
		l := &logins[i]
		log, err := w.logID(l.Pos)
		if err != nil {
			return err
		}
		ids, err := w.nameIDs(ctx, l.Server, l.ClientIP, l.User)
		if err != nil {
			return err
		}
		if err := rows.add(ctx, int64(l.At), log, l.Pos.Offset, ids[0], ids[1], ids[2], int64(l.TLS), l.OK); err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}

func (w *batchWriter) nameIDs(ctx context.Context, texts ...string) ([3]int64, error) {
	var ids [3]int64
	for i, text := range texts {
		id, err := w.known.names.id(ctx, w.tx, text)
		if err != nil {
			return ids, err
		}
		ids[i] = id
	}
	return ids, nil
}

func (w *batchWriter) allDeliveries(ctx context.Context, deliveries []mail.Delivery) error {
	rows := insertDelivery.on(w.known)
	for i := range deliveries {
		d := &deliveries[i]
		log, err := w.logID(d.Pos)
		if err != nil {
			return err
		}
		ids, err := w.nameIDs(ctx, d.Server, d.RemoteIP)
		if err != nil {
			return err
		}
		from, _, err := w.addresses.id(ctx, d.ReversePath)
		if err != nil {
			return err
		}
		to, _, err := w.addresses.id(ctx, d.Recipient)
		if err != nil {
			return err
		}
		delta := int64(0)
		if d.RepliedAt != 0 {
			delta = int64(d.RepliedAt - d.At)
		}
		err = rows.add(ctx, int64(d.At), log, d.Pos.Offset, ids[0], ids[1], told(from), told(to), told(int64(d.Reply)), d.Text, int64(d.Outcome), delta)
		if err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}

func (w *batchWriter) allRejects(ctx context.Context, rejects []mail.Reject) error {
	rows := insertReject.on(w.known)
	for i := range rejects {
		r := &rejects[i]
		log, err := w.logID(r.Pos)
		if err != nil {
			return err
		}
		text := r.Text
		if text == nil {
			text = []byte{}
		}
		if err := rows.add(ctx, log, r.Pos.Offset, r.Reason, text); err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}

// told is n, or NULL for 0: what the log does not tell.
func told(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// twice tells rows that are stored already apart from other errors.
func twice(err error) error {
	var code sqlite3.Error
	if errors.As(err, &code) && (code.ExtendedCode == sqlite3.ErrConstraintUnique || code.ExtendedCode == sqlite3.ErrConstraintPrimaryKey || code.ExtendedCode == sqlite3.ErrConstraintRowID) {
		return problemf(ErrTwice, "rows are stored already (%v): another relaywatch reads these logs into this store; let only one run", err)
	}
	return err
}
