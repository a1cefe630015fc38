package store

import (
	"context"
	"database/sql"
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
	selectAddress    = `SELECT a.local, d.name FROM addresses a JOIN domains d ON d.id = a.domain_id WHERE a.id = ?`
	deleteAddress    = `DELETE FROM addresses WHERE id = ?`
	deleteHash       = `DELETE FROM address_hashes WHERE hash = ? AND address_id = ?`

	deleteOrphanOrigins = `DELETE FROM origins WHERE id NOT IN (SELECT origin_id FROM transactions)`
	deleteOrphanDomains = `DELETE FROM domains WHERE id > 1 AND id NOT IN (SELECT domain_id FROM addresses)`
	deleteOrphanNames   = `DELETE FROM names WHERE id > 0 AND id NOT IN (
		SELECT server_id FROM origins UNION SELECT server_ip_id FROM origins UNION SELECT client_id FROM origins
		UNION SELECT helo_id FROM origins UNION SELECT user_id FROM origins
		UNION SELECT server_id FROM logins UNION SELECT client_id FROM logins UNION SELECT user_id FROM logins
		UNION SELECT server_id FROM deliveries UNION SELECT remote_ip_id FROM deliveries)`
	deleteOrphanSubmitters = `DELETE FROM submitters WHERE id NOT IN (
		SELECT submitter_id FROM origins WHERE submitter_id IS NOT NULL UNION SELECT submitter_id FROM hourly
		UNION SELECT submitter_id FROM findings UNION SELECT submitter_id FROM episodes
		UNION SELECT submitter_id FROM triage UNION SELECT submitter_id FROM memory)`
)

// pruneOrphans removes what nothing refers to any more. It looks for orphans among
// the addresses beside the writer, which notes meanwhile what it names again.
func (db *DB) pruneOrphans(ctx context.Context) (int64, error) {
	err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		db.used = newBitmap(k.addresses.next)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	defer func() {
		db.mu.Lock()
		defer db.mu.Unlock()
		db.used = nil
		db.known = nil
	}()
	orphans, err := db.orphanAddresses(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	var removed int64
	for part := range slices.Chunk(orphans, pruneStep) {
		err := db.step(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
			k.addresses.cache = newAddressCache() // It may hold what goes.
			n, err := db.removeAddresses(ctx, tx, k, part)
			removed += n
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("prune: %w", err)
		}
	}
	err = db.step(ctx, func(ctx context.Context, tx *sql.Tx, _ *known) error {
		for _, statement := range []string{deleteOldPositions, deleteOrphanOrigins, deleteOrphanDomains, deleteOrphanNames, deleteOrphanSubmitters} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		db.known = nil
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("prune: %w", err)
	}
	return removed, nil
}

// orphanAddresses are those that nothing in the store names.
func (db *DB) orphanAddresses(ctx context.Context) ([]int64, error) {
	var orphans []int64
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		var bound int64
		if err := tx.QueryRowContext(ctx, selectNextAddress).Scan(&bound); err != nil {
			return err
		}
		used := newBitmap(bound)
		var id int64
		err := each(ctx, tx, func(scan scanner) error {
			err := scan(&id)
			used.set(id)
			return err
		}, selectUsedAddresses)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			err := scan(&id)
			if !used.has(id) {
				orphans = append(orphans, id)
			}
			return err
		}, selectAddressIDs)
	})
	return orphans, err
}

// removeAddresses removes those that were not named meanwhile.
func (db *DB) removeAddresses(ctx context.Context, tx *sql.Tx, k *known, ids []int64) (int64, error) {
	var removed int64
	for _, id := range ids {
		if db.used.has(id) {
			continue
		}
		var local, domain string
		if err := tx.QueryRowContext(ctx, selectAddress, id).Scan(&local, &domain); err != nil {
			return removed, err
		}
		hash := int64(int32(k.addresses.hash(join(local, domain))))
		if _, err := tx.ExecContext(ctx, deleteHash, hash, id); err != nil {
			return removed, err
		}
		if _, err := tx.ExecContext(ctx, deleteAddress, id); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
