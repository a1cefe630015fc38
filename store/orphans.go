package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

const (
	// All that name an address.
	selectUsedAddresses = `SELECT address_id FROM recipients WHERE address_id IS NOT NULL
		UNION ALL SELECT reverse_path_id FROM transactions WHERE reverse_path_id IS NOT NULL
		UNION ALL SELECT reverse_path_id FROM deliveries WHERE reverse_path_id IS NOT NULL
		UNION ALL SELECT recipient_id FROM deliveries WHERE recipient_id IS NOT NULL`
	selectAddressIDs = `SELECT id FROM addresses WHERE id > 1`
	selectAddress    = `SELECT a.local, d.id, d.name FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id = ?`
	deleteAddress    = `DELETE FROM addresses WHERE id = ?`
	deleteHash       = `DELETE FROM address_hashes WHERE hash = ? AND address_id = ?`
)

// dictionary is a table whose rows go when nothing names them any more.
type dictionary struct {
	all, used, remove string
	bound             string                      // The next id.
	noted             func(*known) *bitmap        // What the writer names meanwhile.
	forget            func(k *known, ids []int64) // What it knows of rows that go.
}

// dictionaries in the order in which they name each other.
var dictionaries = []dictionary{
	{
		all: `SELECT id FROM origins`, used: `SELECT origin_id FROM transactions UNION ALL SELECT origin_id FROM contacts WHERE origin_id IS NOT NULL`, remove: `DELETE FROM origins WHERE id = ?`,
		bound: `SELECT coalesce(max(id), 0) + 1 FROM origins`,
		noted: func(k *known) *bitmap { return &k.origins.used }, forget: func(k *known, _ []int64) { k.origins.ids = nil },
	},
	{
		all: `SELECT id FROM domains WHERE id > 1`, used: `SELECT domain_id FROM addresses UNION ALL SELECT domain_id FROM contacts`, remove: `DELETE FROM domains WHERE id = ?`,
		bound: `SELECT coalesce(max(id), 0) + 1 FROM domains`,
		noted: func(k *known) *bitmap { return &k.domains.used }, forget: func(k *known, _ []int64) { k.domains.ids = nil },
	},
	{
		all: `SELECT id FROM names WHERE id > 0`,
		used: `SELECT server_id FROM origins UNION SELECT server_ip_id FROM origins UNION SELECT client_id FROM origins
			UNION SELECT helo_id FROM origins UNION SELECT user_id FROM origins UNION SELECT connector_id FROM origins
			UNION SELECT server_id FROM logins UNION SELECT client_id FROM logins UNION SELECT user_id FROM logins
			UNION SELECT server_id FROM deliveries UNION SELECT remote_ip_id FROM deliveries`,
		remove: `DELETE FROM names WHERE id = ?`,
		bound:  `SELECT coalesce(max(id), 0) + 1 FROM names`,
		noted:  func(k *known) *bitmap { return &k.names.used }, forget: func(k *known, _ []int64) { k.names.ids = nil },
	},
	{
		all: `SELECT id FROM submitters`,
		used: `SELECT submitter_id FROM origins WHERE submitter_id IS NOT NULL UNION SELECT submitter_id FROM hourly
			UNION SELECT submitter_id FROM findings UNION SELECT submitter_id FROM episodes UNION SELECT submitter_id FROM triage
			UNION SELECT submitter_id FROM memory UNION SELECT submitter_id FROM profiles UNION SELECT submitter_id FROM watched`,
		remove: `DELETE FROM submitters WHERE id = ?`,
		bound:  `SELECT coalesce(max(id), 0) + 1 FROM submitters`,
		noted:  func(k *known) *bitmap { return &k.submitters.used }, forget: func(k *known, _ []int64) { k.submitters.ids = nil },
	},
}

// pruneOrphans removes what nothing refers to any more: addresses, whose number it
// returns, and then the rest. It looks for orphans beside the writer, which notes
// meanwhile what it names again. Where another program writes, too, it stops: what
// that names is noted nowhere, and the next time will do.
func (db *DB) pruneOrphans(ctx context.Context) (int64, error) {
	begun, err := db.beginNoting(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	defer db.endNoting(begun)
	orphans, err := db.orphanAddresses(ctx)
	var removed int64
	if err == nil {
		err = db.removeOrphans(ctx, begun, orphans, func(ctx context.Context, tx *sql.Tx, k *known, ids []int64) error {
			n, err := removeAddresses(ctx, tx, k, ids)
			removed += n
			return err
		})
	}
	for i := range dictionaries {
		if err == nil {
			err = db.pruneDictionary(ctx, begun, &dictionaries[i])
		}
	}
	if err != nil && !errors.Is(err, errOtherWriter) {
		return removed, fmt.Errorf("prune: %w", err)
	}
	return removed, nil
}

// errOtherWriter stops the removal of orphans.
var errOtherWriter = errors.New("another program writes")

// beginNoting has the writer note what it names. It returns what the writer knows: as
// long as it is that, its notes are complete.
func (db *DB) beginNoting(ctx context.Context) (begun *known, err error) {
	err = db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		begun = k
		k.addresses.used = newBitmap(k.addresses.next)
		for _, d := range dictionaries {
			var bound int64
			if err := tx.QueryRowContext(ctx, d.bound).Scan(&bound); err != nil {
				return err
			}
			*d.noted(k) = newBitmap(bound)
		}
		return nil
	})
	return begun, err
}

func (db *DB) endNoting(k *known) {
	db.mu.Lock()
	defer db.mu.Unlock()
	k.addresses.used = nil
	for _, d := range dictionaries {
		*d.noted(k) = nil
	}
}

// removeOrphans removes rows in steps.
func (db *DB) removeOrphans(ctx context.Context, begun *known, ids []int64, remove func(context.Context, *sql.Tx, *known, []int64) error) error {
	for part := range slices.Chunk(ids, pruneStep/4) {
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
			if k != begun {
				return errOtherWriter
			}
			return remove(ctx, tx, k, part)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) pruneDictionary(ctx context.Context, begun *known, d *dictionary) error {
	orphans, err := db.orphans(ctx, d.bound, d.all, d.used)
	if err != nil {
		return err
	}
	return db.removeOrphans(ctx, begun, orphans, func(ctx context.Context, tx *sql.Tx, k *known, ids []int64) error {
		d.forget(k, ids)
		for _, id := range ids {
			if d.noted(k).has(id) {
				continue
			}
			if _, err := tx.ExecContext(ctx, d.remove, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) orphanAddresses(ctx context.Context) ([]int64, error) {
	return db.orphans(ctx, selectNextAddress, selectAddressIDs, selectUsedAddresses)
}

// orphans are the ids of all that are not used.
func (db *DB) orphans(ctx context.Context, bound, all, used string) ([]int64, error) {
	var orphans []int64
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		var n, id int64
		if err := tx.QueryRowContext(ctx, bound).Scan(&n); err != nil {
			return err
		}
		named := newBitmap(n)
		err := each(ctx, tx, func(scan scanner) error {
			err := scan(&id)
			named.set(id)
			return err
		}, used)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			err := scan(&id)
			if !named.has(id) {
				orphans = append(orphans, id)
			}
			return err
		}, all)
	})
	return orphans, err
}

// removeAddresses removes those that were not named meanwhile.
func removeAddresses(ctx context.Context, tx *sql.Tx, k *known, ids []int64) (int64, error) {
	var removed int64
	for _, id := range ids {
		if k.addresses.used.has(id) {
			continue
		}
		var domain int64
		var local, name string
		if err := tx.QueryRowContext(ctx, selectAddress, id).Scan(&local, &domain, &name); err != nil {
			return removed, err
		}
		hash := k.addresses.hash(join(local, name))
		k.addresses.cache.remove(hash, domain, local)
		if _, err := tx.ExecContext(ctx, deleteHash, int64(int32(hash)), id); err != nil {
			return removed, err
		}
		if _, err := tx.ExecContext(ctx, deleteAddress, id); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
