package ingest

import (
	"relaywatch/mail"
)

// tray collects what the sessions of all logs tell, until the next Batch takes it.
type tray struct {
	changed    []*transaction // Touched since the last take, in the order of that touch.
	recipients []added        // Since the last take, of all transactions, in the order of their rows.
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
	mail.Transaction     // Without Recipients: those that no Batch has taken yet are in the tray.
	AcceptedCount    int // Recipients with a 2xx reply, in all parts.
	RefusedCount     int // With a 4xx or 5xx reply, in all parts.

	dirty bool
	part  int // While dirty: its index in tray.changed.
	fresh int // How many recipients the tray holds.
}

// added is a recipient that no Batch has taken yet.
type added struct {
	to *transaction
	mail.Recipient
}

// count is the number of recipients in all parts.
func (tx *transaction) count() int { return tx.Former + tx.fresh }

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
		tx.dirty, tx.part = true, len(t.changed)
		t.changed = append(t.changed, tx)
	}
}

// recipient adds one recipient to tx.
func (t *tray) recipient(tx *transaction, r mail.Recipient) {
	t.touch(tx)
	tx.fresh++
	t.recipients = append(t.recipients, added{tx, r})
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
	all := make([]mail.Recipient, len(t.recipients)) // One piece of memory, in which each part has its own.
	for _, tx := range t.changed {
		part := tx.Transaction
		if tx.fresh > 0 {
			part.Recipients, all = all[:0:tx.fresh], all[tx.fresh:]
		}
		b.Transactions = append(b.Transactions, part)
	}
	for i := range t.recipients {
		part := &b.Transactions[t.recipients[i].to.part]
		part.Recipients = append(part.Recipients, t.recipients[i].Recipient)
	}
	for _, tx := range t.changed {
		tx.Former += tx.fresh
		tx.fresh = 0
		tx.Continued = true
		tx.dirty = false
	}
	t.disguise()
	b.Logins, b.Deliveries, b.Rejects = t.logins, t.deliveries, t.rejects
	clear(t.changed)
	clear(t.recipients)
	*t = tray{changed: t.changed[:0], recipients: t.recipients[:0], hide: t.hide}
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
