package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"relaywatch/ingest"
	"relaywatch/mail"
)

const (
	selectHidden = `SELECT hidden FROM meta`
	updateHidden = `UPDATE meta SET hidden = ?`

	createHiding = `CREATE TEMP TABLE hiding (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)`
	dropHiding   = `DROP TABLE hiding`
	insertHiding = `INSERT INTO hiding (old, new) VALUES (?, ?)`

	selectNamesOfRecipients = `SELECT id, domain_id, local, name FROM (SELECT a.id, a.domain_id, a.local, d.name FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id > 1)
		WHERE id IN (SELECT address_id FROM recipients) OR id IN (SELECT recipient_id FROM deliveries)`
	hideRecipients     = `UPDATE recipients SET address_id = (SELECT new FROM hiding WHERE old = address_id) WHERE address_id IN (SELECT old FROM hiding)`
	hideDeliveries     = `UPDATE deliveries SET recipient_id = (SELECT new FROM hiding WHERE old = recipient_id) WHERE recipient_id IN (SELECT old FROM hiding)`
	widenAllZones      = `UPDATE zones SET last_address = ?`
	insertHiddenName   = `INSERT INTO addresses (id, domain_id, local) VALUES (?, ?, ?)`
	selectAnswers      = `SELECT v.id, v.text, coalesce(a.local, ''), coalesce(d.name, '') FROM deliveries v LEFT JOIN addresses a ON a.id = v.recipient_id LEFT JOIN domains d ON d.id = a.domain_id WHERE v.text <> ''`
	updateAnswer       = `UPDATE deliveries SET text = ? WHERE id = ?`
	selectRejects      = `SELECT rowid, reason, text FROM quarantine`
	updateRejectsTexts = `UPDATE quarantine SET reason = ?, text = ? WHERE rowid = ?`
)

// Hidden is what Hide was told last; "" if it never was.
func (db *DB) Hidden(ctx context.Context) (string, error) {
	var hidden string
	err := db.snapshot(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, selectHidden).Scan(&hidden) })
	return hidden, err
}

// Hide gives all recipients that are stored their names in place of their addresses, as
// if they had been read by them: in recipients and deliveries, in what remote servers
// answered, in the quarantine and in sessions still open. Senders keep theirs. It is done
// as a whole or not at all, and noted as hidden. The engine's memory is emptied: all must
// be judged anew. The bytes go from the file with Scour.
func (db *DB) Hide(ctx context.Context, names *mail.Pseudonyms, hidden string) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.write != nil {
		if err := eachRow(ctx, db.write, secureDelete); err != nil {
			return fmt.Errorf("hide recipients: %w", sayFault(err))
		}
	}
	err := db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		h := hiding{tx: tx, known: k, names: names}
		for _, part := range [...]func(context.Context) error{h.addresses, h.answers, h.quarantine, h.sessions} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		for _, statement := range []string{deleteMemory, deleteProfiles, voidCheckpoint} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, updateHidden, hidden)
		return err
	})
	db.known = nil // It knows the addresses.
	if err != nil {
		return fmt.Errorf("hide recipients: %w", err)
	}
	return nil
}

// selectLooksHidden is 1 if a tenth of all addresses are names.
const selectLooksHidden = `SELECT coalesce(avg(local GLOB '~????????????'), 0) > 0.1 FROM addresses WHERE id > 1`

// LooksHidden tells whether recipients were stored by names, as far as can be seen
// without their key.
func (db *DB) LooksHidden(ctx context.Context) (looks bool, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, selectLooksHidden).Scan(&looks) })
	return looks, err
}

// DropUnnamed removes addresses that nothing names any more.
func (db *DB) DropUnnamed(ctx context.Context) error {
	_, err := db.pruneOrphans(ctx)
	return err
}

// hiding is one Hide.
type hiding struct {
	tx    *sql.Tx
	known *known
	names *mail.Pseudonyms
}

// addresses gives recipients new rows of table addresses; the old ones stay for those
// that are senders, too.
func (h *hiding) addresses(ctx context.Context) error {
	if _, err := h.tx.ExecContext(ctx, createHiding); err != nil {
		return err
	}
	type address struct {
		id, domain    int64
		local, suffix string
	}
	var all []address
	err := each(ctx, h.tx, func(scan scanner) error {
		var a address
		err := scan(&a.id, &a.domain, &a.local, &a.suffix)
		all = append(all, a)
		return err
	}, selectNamesOfRecipients)
	if err != nil {
		return err
	}
	made := make(map[mail.Path]int64, len(all))
	for _, a := range all {
		made[join(a.local, a.suffix)] = a.id
	}
	for _, a := range all {
		path := join(a.local, a.suffix)
		name := h.names.Path(path)
		if name == path {
			continue
		}
		id, ok := made[name]
		if !ok {
			id = h.known.addresses.next
			h.known.addresses.next++
			made[name] = id
			local, _ := split(name)
			if _, err := h.tx.ExecContext(ctx, insertHiddenName, id, a.domain, local); err != nil {
				return err
			}
		}
		if _, err := h.tx.ExecContext(ctx, insertHiding, a.id, id); err != nil {
			return err
		}
	}
	for _, statement := range []string{hideRecipients, hideDeliveries, dropHiding} {
		if _, err := h.tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err = h.tx.ExecContext(ctx, widenAllZones, h.known.addresses.next-1)
	return err
}

// answers are those of remote servers, about the recipients that have their names now.
func (h *hiding) answers(ctx context.Context) error {
	after := map[int64]string{}
	err := each(ctx, h.tx, func(scan scanner) error {
		var id int64
		var text, local, domain string
		err := scan(&id, &text, &local, &domain)
		if hidden := h.names.Text(text, join(local, domain)); hidden != text {
			after[id] = hidden
		}
		return err
	}, selectAnswers)
	if err != nil {
		return err
	}
	for id, text := range after {
		if _, err := h.tx.ExecContext(ctx, updateAnswer, text, id); err != nil {
			return err
		}
	}
	return nil
}

func (h *hiding) quarantine(ctx context.Context) error {
	type reject struct {
		id     int64
		reason string
		text   []byte
	}
	var changed []reject
	err := each(ctx, h.tx, func(scan scanner) error {
		var r reject
		err := scan(&r.id, &r.reason, &r.text)
		reason, text := h.names.Text(r.reason, ""), []byte(h.names.Text(string(r.text), ""))
		if reason != r.reason || !bytes.Equal(text, r.text) {
			changed = append(changed, reject{r.id, reason, text})
		}
		return err
	}, selectRejects)
	if err != nil {
		return err
	}
	for _, r := range changed {
		if _, err := h.tx.ExecContext(ctx, updateRejectsTexts, r.reason, r.text, r.id); err != nil {
			return err
		}
	}
	return nil
}

func (h *hiding) sessions(ctx context.Context) error {
	var sessions []byte
	err := each(ctx, h.tx, func(scan scanner) error { return scan(&sessions) }, selectSessions)
	if err != nil || len(sessions) == 0 {
		return err
	}
	sessions, err = ingest.Rename(sessions, ingest.Names{
		Recipient: h.names.Path,
		// What a server said of a recipient is hidden once more as it is stored.
		Text: func(text string) string { return h.names.Text(text, "") },
	})
	if err != nil {
		return err
	}
	_, err = h.tx.ExecContext(ctx, updateSessions, sessions, 1)
	return err
}
