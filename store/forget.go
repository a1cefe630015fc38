package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"

	"relaywatch/mail"
)

// Mentions is where the store names an address.
type Mentions struct {
	Recipients   int64 // Of transactions.
	ReversePaths int64 // Of transactions and deliveries.
	Deliveries   int64 // To it.
	Texts        int64 // Answers of remote servers, rows in the quarantine and notes that quote it, and sessions still open.
	Inside       bool  // It is of an own domain.
	Account      bool  // An account or a submitter has the same name.
	Suspected    bool  // It was accused, as an account or as a sender.
	MailsWaiting int64 // Mails of the digest that were not taken yet; they quote rows of logs.
}

// Total is how often the store names the address; an account counts as once.
func (m *Mentions) Total() int64 {
	n := m.Recipients + m.ReversePaths + m.Deliveries + m.Texts
	if m.Account {
		n++
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
	m.Suspected = m.Suspected || other.Suspected
}

const (
	selectMentions = `SELECT (SELECT count(*) FROM recipients WHERE address_id = ?1),
		(SELECT count(*) FROM transactions WHERE reverse_path_id = ?1) + (SELECT count(*) FROM deliveries WHERE reverse_path_id = ?1),
		(SELECT count(*) FROM deliveries WHERE recipient_id = ?1),
		coalesce((SELECT external = 0 FROM domains WHERE name = ?3), 0),
		EXISTS (SELECT 1 FROM names n WHERE n.text = ?2 AND (n.id IN (SELECT user_id FROM origins) OR n.id IN (SELECT user_id FROM logins)))
			OR EXISTS (SELECT 1 FROM submitters WHERE kind IN ('user', 'sender') AND value = ?2),
		EXISTS (SELECT 1 FROM episodes e JOIN submitters s ON s.id = e.submitter_id WHERE s.kind IN ('user', 'sender') AND s.value = ?2),
		(SELECT count(*) FROM digests WHERE message IS NOT NULL)`
)

// Mentions tells where the store names an address, by a look at all of it.
func (db *DB) Mentions(ctx context.Context, path mail.Path) (Mentions, error) {
	var m Mentions
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		number, err := addressNumber(ctx, tx, path)
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, selectMentions, number, string(path), path.Domain()).Scan(&m.Recipients, &m.ReversePaths, &m.Deliveries, &m.Inside, &m.Account, &m.Suspected, &m.MailsWaiting)
		if err != nil {
			return err
		}
		r := newRename(path, path.Disguise("forgotten"), 0) // Without its number: deliveries to it are counted already.
		quoting, err := r.texts(ctx, tx)
		m.Texts = int64(len(quoting))
		return err
	})
	return m, err
}

const (
	renameAddress  = `UPDATE addresses SET local = ? WHERE id = ?`
	insertOneHash  = `INSERT INTO address_hashes (hash, address_id) VALUES (?, ?)`
	voidCheckpoint = `UPDATE checkpoint SET judge = '', cases = x''`
	secureDelete   = `PRAGMA secure_delete = ON`
	truncateLog    = `PRAGMA wal_checkpoint(TRUNCATE)`
)

// Forget gives an address another name, which nobody can trace back: where it was a
// recipient or a sender, and where an account is called so. It stays one address, of its
// domain, and one account, so that counts and what they prove stand; who was accused
// as it is accused as the other name. Texts that quote it are changed alike. The engine's memory, which has hashes of it, is emptied: all must
// be judged anew. The bytes go from the file with Scour.
func (db *DB) Forget(ctx context.Context, path mail.Path) error {
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
		r := newRename(path, path.Disguise(name), number)
		// Texts first: the number tells which answers are about it.
		if err := r.changeTexts(ctx, tx); err != nil {
			return err
		}
		if number > nullPath {
			if err := r.changeAddress(ctx, tx, k); err != nil {
				return err
			}
		}
		if err := r.changeAccount(ctx, tx); err != nil {
			return err
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
