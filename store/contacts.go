package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"relaywatch/mail"
)

// contact is what a batch adds to a row of table contacts.
type contact struct {
	first      mail.Time
	origin     int64
	recipients int64
}

// On a draw the first that was stored stays.
var upsertContact = newInsert("contacts", "domain_id, first_at, origin_id, recipients",
	` ON CONFLICT (domain_id) DO UPDATE SET recipients = recipients + excluded.recipients,
	origin_id = CASE WHEN excluded.first_at < first_at THEN excluded.origin_id ELSE origin_id END, first_at = min(first_at, excluded.first_at)`)

// contact counts an accepted recipient for its domain; 0 is one that is not known.
func (w *batchWriter) contact(r *mail.Recipient, domain, origin int64) {
	if domain == 0 {
		return
	}
	c := w.contacts[domain]
	if c == nil {
		c = &contact{first: r.At, origin: origin}
		w.contacts[domain] = c
	}
	c.recipients++
	if r.At < c.first {
		c.first, c.origin = r.At, origin
	}
}

func (w *batchWriter) allContacts(ctx context.Context) error {
	rows := upsertContact.on(w.known)
	for _, id := range slices.Sorted(maps.Keys(w.contacts)) {
		c := w.contacts[id]
		if err := rows.add(ctx, id, int64(c.first), c.origin, c.recipients); err != nil {
			return err
		}
	}
	return rows.flush(ctx)
}

const (
	// Of transactions t, whose recipients are about to lose their addresses.
	takeContacts = ` CROSS JOIN origins o ON o.id = t.origin_id
		CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
		CROSS JOIN addresses a ON a.id = r.address_id
		WHERE o.direction = 0 AND o.hop = 0 AND (+r.reply = 0 OR +r.reply BETWEEN 200 AND 299)
		GROUP BY 1) gone WHERE gone.domain_id = contacts.domain_id`
	takeContact = `UPDATE contacts SET recipients = contacts.recipients - gone.n FROM (SELECT a.domain_id, count(*) AS n FROM `

	takeOldContacts = takeContact + `(` + selectFirst + `) f CROSS JOIN transactions t ON t.id = f.id` + takeContacts
	takeContactsOf  = takeContact + `(SELECT id, origin_id FROM transactions WHERE id = ?1) t` + takeContacts

	deleteOldContacts = `DELETE FROM contacts WHERE domain_id IN (SELECT domain_id FROM contacts WHERE recipients <= 0 AND first_at < ?1 LIMIT ?2)`
	forgetWhoFirst    = `UPDATE contacts SET origin_id = NULL WHERE domain_id IN (SELECT domain_id FROM contacts WHERE first_at < ?1 AND origin_id IS NOT NULL LIMIT ?2)`
)

// zoneTransactions is how many transactions a zone has, at least: few enough that one
// is read in some milliseconds.
const zoneTransactions = 4096

const (
	selectLastZone = `SELECT coalesce(max(first_id), 0) FROM zones`
	deleteZones    = `DELETE FROM zones WHERE first_id >= ?` // Their transactions were pruned, and their numbers are given again.
	upsertZone     = `INSERT INTO zones (first_id, last_address, oldest) VALUES (?1, ?2, ?3)
		ON CONFLICT (first_id) DO UPDATE SET last_address = max(last_address, excluded.last_address), oldest = min(oldest, excluded.oldest)`
	widenZone = `UPDATE zones SET last_address = max(last_address, ?2), oldest = min(oldest, ?3)
		WHERE first_id = (SELECT max(first_id) FROM zones WHERE first_id <= ?1)`
	selectZones = `SELECT first_id, last_address, oldest, coalesce(lead(first_id) OVER (ORDER BY first_id), 1 << 46) FROM zones`
)

// allZones notes which addresses the batch's transactions may name.
func (w *batchWriter) allZones(ctx context.Context) error {
	k := w.known
	last := k.addresses.next - 1
	if k.nextID > w.firstID {
		if k.zone == 0 || w.firstID-k.zone >= zoneTransactions {
			k.zone = w.firstID
		}
		if _, err := w.tx.ExecContext(ctx, upsertZone, k.zone, last, int64(w.oldest)); err != nil {
			return err
		}
	}
	for _, id := range w.goneOn {
		if _, err := w.tx.ExecContext(ctx, widenZone, id, last, int64(w.oldest)); err != nil {
			return err
		}
	}
	return nil
}

// zone is a row of table zones.
type zone struct {
	first, next         int64 // Its first transaction, and the first behind it.
	lastAddress, oldest int64
}

// zones are those of the store, the oldest recipients first.
func zones(ctx context.Context, q queryer) ([]zone, error) {
	var list []zone
	err := each(ctx, q, func(scan scanner) error {
		var z zone
		err := scan(&z.first, &z.lastAddress, &z.oldest, &z.next)
		list = append(list, z)
		return err
	}, selectZones)
	slices.SortFunc(list, func(a, b zone) int { return cmp.Compare(a.oldest, b.oldest) })
	return list, err
}
