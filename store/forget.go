package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"relaywatch/mail"
)

// Mentions is where the store names an address.
type Mentions struct {
	Recipients   int64 // Of transactions.
	ReversePaths int64 // Of transactions and deliveries.
	Deliveries   int64 // To it.
	Texts        int64 // Answers of remote servers, rows in the quarantine and notes that quote it, and sessions still open.
	Inside       bool  // It is of an own domain.
	Account      bool  // An account has the same name; what it did is not touched.
	MailsWaiting int64 // Mails of the digest that were not taken yet; they quote rows of logs.
}

// Total is how often the store names the address, apart from what is not touched.
func (m *Mentions) Total() int64 {
	n := m.Recipients + m.Deliveries + m.Texts
	if !m.Inside {
		n += m.ReversePaths
	}
	return n
}

// Add adds those of another form of the address.
func (m *Mentions) Add(other Mentions) {
	m.Recipients += other.Recipients
	m.ReversePaths += other.ReversePaths
	m.Deliveries += other.Deliveries
	m.Texts += other.Texts
	m.Inside = m.Inside || other.Inside
	m.Account = m.Account || other.Account
}

// quotes are the columns with texts that may quote an address.
var quotes = []struct{ table, column string }{
	{"deliveries", "text"}, {"quarantine", "text"}, {"sessions", "sessions"}, {"triage", "note"}, {"allow_entries", "reason"}, {"allow_entries", "owner"},
}

const (
	selectMentions = `SELECT (SELECT count(*) FROM recipients WHERE address_id = ?1),
		(SELECT count(*) FROM transactions WHERE reverse_path_id = ?1) + (SELECT count(*) FROM deliveries WHERE reverse_path_id = ?1),
		(SELECT count(*) FROM deliveries WHERE recipient_id = ?1),
		coalesce((SELECT d.external = 0 FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id = ?1), 0),
		EXISTS (SELECT 1 FROM names WHERE text = ?2) OR EXISTS (SELECT 1 FROM submitters WHERE value = ?2),
		(SELECT count(*) FROM digests WHERE message IS NOT NULL)`

	quoting = ` WHERE instr(lower(CAST(%[2]s AS TEXT)), ?1) > 0 OR '%[1]s' = 'deliveries' AND ?2 > 0 AND %[3]s = ?2`
)

// quotingIn is the condition on rows of a table that quote the address ?1, with the
// number ?2.
func quotingIn(table, column string) string {
	recipient := "0"
	if table == "deliveries" {
		recipient = "recipient_id"
	}
	return fmt.Sprintf(quoting, table, column, recipient)
}

// Mentions tells where the store names an address, by a look at all of it.
func (db *DB) Mentions(ctx context.Context, path mail.Path) (Mentions, error) {
	var m Mentions
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		number, err := addressNumber(ctx, tx, path)
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, selectMentions, number, string(path)).Scan(&m.Recipients, &m.ReversePaths, &m.Deliveries, &m.Inside, &m.Account, &m.MailsWaiting)
		if err != nil {
			return err
		}
		for _, q := range quotes {
			var n int64
			// What is a delivery to it is counted already.
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+q.table+quotingIn(q.table, q.column), string(path), 0).Scan(&n); err != nil {
				return err
			}
			m.Texts += n
		}
		return nil
	})
	return m, err
}

const (
	renameAddress     = `UPDATE addresses SET local = ? WHERE id = ?`
	insertOneAddress  = `INSERT INTO addresses (id, domain_id, local) SELECT ?, domain_id, ? FROM addresses WHERE id = ?`
	insertOneHash     = `INSERT INTO address_hashes (hash, address_id) VALUES (?, ?)`
	moveRecipients    = `UPDATE recipients SET address_id = ? WHERE address_id = ?`
	moveDeliveries    = `UPDATE deliveries SET recipient_id = ? WHERE recipient_id = ?`
	voidCheckpoint    = `UPDATE checkpoint SET judge = '', cases = x''`
	secureDelete      = `PRAGMA secure_delete = ON`
	truncateLog       = `PRAGMA wal_checkpoint(TRUNCATE)`
	selectAddressUsed = `SELECT EXISTS (SELECT 1 FROM transactions WHERE reverse_path_id = ?1) OR EXISTS (SELECT 1 FROM deliveries WHERE reverse_path_id = ?1)`
)

// Forget gives an address another name, which nobody can trace back: where it was a
// recipient, and, unless it is of an own domain, where it was a sender. It stays one
// address, of its domain, so that counts and what they prove stand. Texts that quote it
// are changed alike. The engine's memory, which has hashes of it, is emptied: all must
// be judged anew. The bytes go from the file with Scour.
func (db *DB) Forget(ctx context.Context, path mail.Path) error {
	m, err := db.Mentions(ctx, path)
	if err != nil {
		return err
	}
	name, err := newName()
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.write != nil {
		if err := eachRow(ctx, db.write, secureDelete); err != nil {
			return fmt.Errorf("forget: %w", sayFault(err))
		}
	}
	err = db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		number, err := addressNumber(ctx, tx, path)
		if err != nil {
			return err
		}
		alias := path.Disguise(name)
		if number > nullPath {
			if err := renamePath(ctx, tx, k, number, path, alias, m.Inside); err != nil {
				return err
			}
		}
		for _, q := range quotes {
			if err := requote(ctx, tx, q.table, q.column, path, alias, number); err != nil {
				return err
			}
		}
		for _, statement := range []string{deleteMemory, deleteProfiles, voidCheckpoint} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	db.known = nil // It knows the address.
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}

// newName is a local part that is nobody's.
func newName() (string, error) {
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return "forgotten-" + hex.EncodeToString(random), nil
}

// renamePath gives an address another name; one that is a sender, too, and is to stay
// that, gets it as a recipient only.
func renamePath(ctx context.Context, tx *sql.Tx, k *known, number int64, path, alias mail.Path, senderStays bool) error {
	do := func(statement string, args ...any) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	}
	var sender bool
	if err := tx.QueryRowContext(ctx, selectAddressUsed, number).Scan(&sender); err != nil {
		return err
	}
	local, _ := split(alias)
	hash := int64(int32(k.addresses.hash(alias)))
	if sender && senderStays {
		next := k.addresses.next
		for _, s := range []struct {
			statement string
			args      []any
		}{
			{insertOneAddress, []any{next, local, number}},
			{insertOneHash, []any{hash, next}},
			{moveRecipients, []any{next, number}},
			{moveDeliveries, []any{next, number}},
		} {
			if err := do(s.statement, s.args...); err != nil {
				return err
			}
		}
		return nil
	}
	if err := do(renameAddress, local, number); err != nil {
		return err
	}
	if err := do(deleteHash, int64(int32(k.addresses.hash(path))), number); err != nil {
		return err
	}
	return do(insertOneHash, hash, number)
}

// requote writes alias for path in the texts of a column, and, where a remote server
// answered about it, for its local part alone.
func requote(ctx context.Context, tx *sql.Tx, table, column string, path, alias mail.Path, number int64) error {
	type row struct {
		id   int64
		text []byte
	}
	var rows []row
	err := each(ctx, tx, func(scan scanner) error {
		var r row
		err := scan(&r.id, &r.text)
		rows = append(rows, r)
		return err
	}, `SELECT rowid, CAST(`+column+` AS BLOB) FROM `+table+quotingIn(table, column), string(path), number)
	if err != nil {
		return err
	}
	kind := "TEXT"
	if table == "quarantine" || table == "sessions" {
		kind = "BLOB"
	}
	whole := quotedForms(path)
	local, _ := split(path)
	name, _ := split(alias)
	for _, r := range rows {
		text := whole.ReplaceAllLiteral(r.text, []byte(alias))
		if table == "deliveries" && len(local) > 2 {
			text = wordOf(local).ReplaceAll(text, []byte("${1}"+name+"${2}"))
		}
		if _, err := tx.ExecContext(ctx, `UPDATE `+table+` SET `+column+` = CAST(? AS `+kind+`) WHERE rowid = ?`, text, r.id); err != nil {
			return err
		}
	}
	return nil
}

// quotedForms finds an address in any case, also as JSON writes it.
func quotedForms(path mail.Path) *regexp.Regexp {
	forms := []string{regexp.QuoteMeta(string(path))}
	if inJSON, err := json.Marshal(string(path)); err == nil {
		forms = append(forms, regexp.QuoteMeta(strings.Trim(string(inJSON), `"`)))
	}
	return regexp.MustCompile(`(?i)` + strings.Join(forms, `|`))
}

// wordOf finds a local part that stands alone.
func wordOf(local string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|[^\pL\pN._+-])` + regexp.QuoteMeta(local) + `($|[^\pL\pN._+-])`)
}

// Scour writes the file anew, so that nothing of what was removed is left in it or in
// the write-ahead log, in some 20 s a GB. Nobody may read the store meanwhile.
func (db *DB) Scour(ctx context.Context) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.write == nil {
		return problemf(ErrReadOnly, "store %s is open for reading only", db.path)
	}
	if err := db.scour(ctx); err != nil {
		return fmt.Errorf("the address is removed, and its bytes may still lie in the file: end what reads the store, and forget it again with --yes: store %s: %w", db.path, sayFault(err))
	}
	return nil
}

func (db *DB) scour(ctx context.Context) error {
	if _, err := db.write.ExecContext(ctx, vacuumAll); err != nil {
		return err
	}
	var busy, frames, moved int64
	if err := db.write.QueryRowContext(ctx, truncateLog).Scan(&busy, &frames, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("another program reads it")
	}
	return nil
}

// eachRow runs a pragma, which answers with a row.
func eachRow(ctx context.Context, q queryer, statement string) error {
	return each(ctx, q, func(scanner) error { return nil }, statement)
}
