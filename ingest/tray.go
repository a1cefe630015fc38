package ingest

import (
	"relaywatch/mail"
)

// tray collects what the sessions of all logs tell, until the next Batch takes it.
type tray struct {
	changed    []*transaction // Touched since the last take, in the order of that touch.
	logins     []mail.Login
	deliveries []mail.Delivery
	rejects    []mail.Reject
	mistakes   []rowMistake
	rows       int64 // Rows read, understood or not.

	hide *mail.Pseudonyms // Of recipients; nil shows them.
}

// rowMistake is a row that relaywatch stumbled over, by the path of its log.
type rowMistake struct {
	path string
	err  *MistakeError
}

// transaction is a transaction that sessions work on. All its changes go through
// the tray's methods, which note that the next Batch must carry it.
type transaction struct {
	mail.Transaction     // Recipients holds what no Batch has taken yet.
	AcceptedCount    int // Recipients with a 2xx reply, in all parts.
	RefusedCount     int // With a 4xx or 5xx reply, in all parts.

	dirty bool
}

// count is the number of recipients in all parts.
func (tx *transaction) count() int { return tx.Former + len(tx.Recipients) }

// start begins a transaction. Exact is set; clearing it is up to the sessions.
func (t *tray) start(m mail.Transaction) *transaction {
	m.Exact = true
	m.SizeBytes = -1
	tx := &transaction{Transaction: m}
	t.touch(tx)
	return tx
}

// touch notes that tx changed.
func (t *tray) touch(tx *transaction) {
	if !tx.dirty {
		tx.dirty = true
		t.changed = append(t.changed, tx)
	}
}

// recipient adds one recipient to tx.
func (t *tray) recipient(tx *transaction, r mail.Recipient) {
	t.touch(tx)
	tx.Recipients = append(tx.Recipients, r)
	switch {
	case r.Accepted():
		tx.AcceptedCount++
	case r.Refused():
		tx.RefusedCount++
	}
}

// inexact marks tx as one whose recipients may belong to a neighbour.
func (t *tray) inexact(tx *transaction) {
	if tx.Exact {
		tx.Exact = false
		t.touch(tx)
	}
}

// end closes tx at the time of the row that ended it. Ended with Aborted, it is
// Refused instead if every one of its recipients was refused.
func (t *tray) end(tx *transaction, o mail.Outcome, at mail.Time) {
	if o == mail.Aborted && tx.RefusedCount > 0 && tx.RefusedCount == tx.count() {
		o = mail.Refused
	}
	tx.Outcome, tx.EndAt = o, at
	t.touch(tx)
}

// take moves everything into b.
func (t *tray) take(b *Batch) {
	b.Transactions = make([]mail.Transaction, 0, len(t.changed))
	for _, tx := range t.changed {
		b.Transactions = append(b.Transactions, tx.Transaction)
		tx.Former += len(tx.Recipients)
		tx.Recipients = nil
		tx.Continued = true
		tx.dirty = false
	}
	t.disguise()
	b.Logins, b.Deliveries, b.Rejects = t.logins, t.deliveries, t.rejects
	clear(t.changed)
	*t = tray{changed: t.changed[:0], hide: t.hide}
}

// disguise takes recipients out of texts. Their own addresses were read as
// pseudonyms.
func (t *tray) disguise() {
	if t.hide == nil {
		return
	}
	for i := range t.deliveries {
		d := &t.deliveries[i]
		d.Text = t.hide.Text(d.Text, d.Recipient)
	}
	for i := range t.rejects {
		r := &t.rejects[i]
		r.Text = []byte(t.hide.Text(string(r.Text), ""))
		r.Reason = t.hide.Text(r.Reason, "")
	}
}
