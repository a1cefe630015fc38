package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"relaywatch/mail"
)

// openPart is where a transaction that may go on stands.
type openPart struct {
	id   int64
	last int64 // Offset of the last row of it in the log of its MAIL row.
}

var (
	insertTransaction = newInsert("transactions",
		"id, time, log_id, log_offset, origin_id, exact, reverse_path_id, recipients, accepted, refused, external, size_bytes, outcome, end_delta", "")
	insertRecipient = newInsert("recipients", "id, address_id, told, offset_delta", "")
)

const (
	updateTransaction = `UPDATE transactions SET origin_id = ?, exact = ?, reverse_path_id = ?,
		recipients = recipients + ?, accepted = accepted + ?, refused = refused + ?, external = external + ?,
		size_bytes = ?, outcome = ?, end_delta = ? WHERE id = ?`

	selectPart = `SELECT t.id, t.log_offset + coalesce((SELECT sum(r.offset_delta) FROM recipients r
		WHERE r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535), 0) FROM transactions t WHERE t.time = ? AND t.log_id = ? AND t.log_offset = ?`

	insertPosition = `INSERT INTO recipient_positions (recipient_id, log_id, log_offset) VALUES (?, ?, ?)`
)

// allTransactions stores new transactions first, which go to the end of the tables,
// and then parts of older ones.
func (w *batchWriter) allTransactions(ctx context.Context, parts []mail.Transaction) error {
	for _, continued := range [...]bool{false, true} {
		for i := range parts {
			if parts[i].Continued != continued {
				continue
			}
			if err := w.part(ctx, &parts[i]); err != nil {
				return fmt.Errorf("transaction %s: %w", parts[i].Pos, err)
			}
		}
		if err := w.transactions.flush(ctx); err != nil {
			return err
		}
		if err := w.recipients.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// counts are those of the recipients of a part. A sum that is not known stays so.
type counts struct{ accepted, refused, external any }

func (w *batchWriter) part(ctx context.Context, t *mail.Transaction) error {
	if t.Former+len(t.Recipients) > mail.MaxRecipients {
		return fmt.Errorf("%d recipients; want at most %d", t.Former+len(t.Recipients), mail.MaxRecipients)
	}
	at, isNew, err := w.place(ctx, t)
	if err != nil {
		return err
	}
	from, err := w.known.origin(ctx, w.tx, t)
	if err != nil {
		return err
	}
	path, _, err := w.addresses.id(ctx, t.ReversePath)
	if err != nil {
		return err
	}
	if from.submitter != 0 && isNew {
		w.hour(from.submitter, t.At).transactions++
	}
	if !isNew && at.id < w.firstID && t.Direction == mail.In && len(t.Recipients) > 0 {
		w.goneOn = append(w.goneOn, at.id)
	}
	n, err := w.allRecipients(ctx, t, &at, from)
	if err != nil {
		return err
	}
	if t.Outcome == mail.Open {
		w.known.open[t.Pos] = at
	} else if t.Continued {
		delete(w.known.open, t.Pos)
	}
	var size, end any
	if t.SizeBytes >= 0 {
		size = t.SizeBytes
	}
	if t.EndAt != 0 {
		end = int64(t.EndAt - t.At)
		w.longest = max(w.longest, int64(t.EndAt-t.At))
	}
	if isNew {
		log, err := w.logID(t.Pos)
		if err != nil {
			return err
		}
		return w.transactions.add(ctx, at.id, int64(t.At), log, t.Pos.Offset, from.id, t.Exact, told(path),
			int64(len(t.Recipients)), n.accepted, n.refused, n.external, size, int64(t.Outcome), end)
	}
	_, err = w.tx.ExecContext(ctx, updateTransaction,
		from.id, t.Exact, told(path), len(t.Recipients), n.accepted, n.refused, n.external, size, int64(t.Outcome), end, at.id)
	return err
}

// place is where the recipients of a part belong. A part whose beginning is not in
// the store, because Prune removed it, becomes a transaction of its own.
func (w *batchWriter) place(ctx context.Context, t *mail.Transaction) (at openPart, isNew bool, err error) {
	if t.Continued {
		if at, ok := w.known.open[t.Pos]; ok {
			return at, false, nil
		}
		log, err := w.logID(t.Pos)
		if err != nil {
			return openPart{}, false, err
		}
		err = w.tx.QueryRowContext(ctx, selectPart, int64(t.At), log, t.Pos.Offset).Scan(&at.id, &at.last)
		if !errors.Is(err, sql.ErrNoRows) {
			return at, false, err
		}
	}
	at = openPart{id: w.known.nextID, last: t.Pos.Offset}
	w.known.nextID++
	return at, true, nil
}

// allRecipients stores the recipients of a part, and counts them for the hours of
// its submitter and for their domains.
func (w *batchWriter) allRecipients(ctx context.Context, t *mail.Transaction, at *openPart, from origin) (counts, error) {
	var accepted, refused, external int64
	allReplies, allExternal := true, true
	hashes := w.known.addresses.hashesOf(t.Recipients)
	for i := range t.Recipients {
		r := &t.Recipients[i]
		address, d, err := w.addresses.idOf(ctx, r.Path, hashes[i])
		if err != nil {
			return counts{}, err
		}
		switch {
		case r.Reply == 0:
			allReplies = false
		case r.Accepted():
			accepted++
		case r.Refused():
			refused++
		}
		switch d.external {
		case unknown:
			allExternal = false
		case outside:
			external++
		}
		if from.submitter != 0 {
			w.hour(from.submitter, r.At).count(r, d.external)
		}
		w.longest = max(w.longest, int64(r.At-t.At))
		if t.Direction == mail.Out {
			continue // Stored as deliveries.
		}
		w.oldest = min(w.oldest, r.At)
		if r.Accepted() && !t.Hop {
			w.contact(r, d.id, from.id)
		}
		if err := w.recipient(ctx, t, at, t.Former+i, address); err != nil {
			return counts{}, err
		}
	}
	n := counts{}
	if allReplies {
		n.accepted, n.refused = accepted, refused
	}
	if allExternal && len(w.known.domains.own) > 0 {
		n.external = external
	}
	return n, nil
}

// How recipients.told stands for replies: the usual one takes no space.
const (
	usualReply   = 250
	unknownReply = 1
)

// recipient stores the recipient with that index in the whole transaction.
func (w *batchWriter) recipient(ctx context.Context, t *mail.Transaction, at *openPart, index int, address int64) error {
	r := &t.Recipients[index-t.Former]
	id := at.id<<16 | int64(index)
	delta := r.Pos.Offset - at.last
	if r.Pos.Log == t.Pos.Log {
		at.last = r.Pos.Offset
	} else {
		delta = 0
		log, err := w.logID(r.Pos)
		if err != nil {
			return err
		}
		if _, err := w.tx.ExecContext(ctx, insertPosition, id, log, r.Pos.Offset); err != nil {
			return err
		}
	}
	return w.recipients.add(ctx, id, told(address), toldOf(r.Reply, int64(r.At-t.At)), delta)
}

// toldOf packs a reply and the seconds since the MAIL row for recipients.told. What
// is no reply code counts as not told, and what comes more than six days after its
// MAIL row as coming then.
func toldOf(reply int, seconds int64) int64 {
	const longest = 1<<19 - 1
	switch {
	case reply == usualReply:
		reply = 0
	case reply < 200 || reply > 599:
		reply = unknownReply
	}
	return int64(reply)<<20 + max(-longest, min(seconds, longest))
}

// untold is what toldOf packed.
func untold(told int64) (reply int, seconds int64) {
	const half = 1 << 19
	reply, seconds = int((told+half)>>20), (told+half)&(1<<20-1)-half
	switch reply {
	case 0:
		reply = usualReply
	case unknownReply:
		reply = 0
	}
	return reply, seconds
}
