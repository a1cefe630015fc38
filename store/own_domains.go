package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

const (
	deleteOwnDomains = `DELETE FROM own_domains`
	insertOwnDomain  = `INSERT INTO own_domains (name) VALUES (?)`
	selectDomains    = `SELECT id, name FROM domains`
	updateDomain     = `UPDATE domains SET external = ? WHERE id = ?`

	// An unknown path makes the sum unknown. What went out is not stored recipient by
	// recipient, so its sum is not known any more.
	updateExternal = `UPDATE transactions SET external = CASE
		WHEN NOT EXISTS (SELECT 1 FROM own_domains) THEN NULL
		WHEN (SELECT o.direction FROM origins o WHERE o.id = transactions.origin_id) = 1 THEN NULL
		ELSE (SELECT CASE WHEN count(*) = count(d.external) THEN coalesce(sum(d.external), 0) END
			FROM recipients r LEFT JOIN addresses a ON a.id = r.address_id LEFT JOIN domains d ON d.id = a.domain_id
			WHERE r.id BETWEEN transactions.id << 16 AND (transactions.id << 16) + 65535)
		END`

	// CROSS JOIN keeps the order of the tables: any other takes minutes.
	forgetHourlyExternal = `UPDATE hourly SET external = CASE WHEN EXISTS (SELECT 1 FROM own_domains) THEN 0 END`
	updateHourlyExternal = `INSERT INTO hourly (hour, submitter_id, transactions, recipients, external, refused)
		SELECT t.time + r.time_delta - (t.time + r.time_delta) % 3600 AS hour, o.submitter_id, 0, 0, count(*), 0
		FROM transactions t
		CROSS JOIN origins o ON o.id = t.origin_id
		CROSS JOIN recipients r ON r.id BETWEEN t.id << 16 AND (t.id << 16) + 65535
		CROSS JOIN addresses a ON a.id = r.address_id
		CROSS JOIN domains d ON d.id = a.domain_id
		WHERE o.submitter_id IS NOT NULL AND d.external = 1 AND (r.reply IS NULL OR r.reply < 400)
		GROUP BY 1, 2
		ON CONFLICT (hour, submitter_id) DO UPDATE SET external = excluded.external`
)

// SetOwnDomains tells which domains are ours; none means that what is outside is
// not known. If they are others than before, all that depends on them is computed
// anew, which takes some seconds for a million transactions; ctx may end that.
func (db *DB) SetOwnDomains(ctx context.Context, names []string) error {
	own := make([]string, 0, len(names))
	for _, name := range names {
		own = append(own, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	slices.Sort(own)
	own = slices.Compact(own)

	stop := ctx // change goes on without it.
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.change(ctx, func(ctx context.Context, tx *sql.Tx, k *known) error {
		before, err := ownDomains(ctx, tx)
		if err != nil || slices.Equal(before, own) {
			return err
		}
		if _, err := tx.ExecContext(ctx, deleteOwnDomains); err != nil {
			return err
		}
		for _, name := range own {
			if _, err := tx.ExecContext(ctx, insertOwnDomain, name); err != nil {
				return err
			}
		}
		d := domains{own: set(own)}
		if err := d.update(ctx, tx); err != nil {
			return err
		}
		statements := []string{updateExternal, forgetHourlyExternal}
		if len(own) > 0 {
			statements = append(statements, updateHourlyExternal)
		}
		for _, statement := range statements {
			if _, err := tx.ExecContext(stop, statement); err != nil {
				return err
			}
		}
		db.known = nil // What it knows of domains is void.
		return nil
	})
}

// update stores for each domain whether it is outside.
func (d *domains) update(ctx context.Context, tx *sql.Tx) error {
	found := make(map[int64]external)
	err := each(ctx, tx, func(scan scanner) error {
		var id int64
		var name string
		err := scan(&id, &name)
		found[id] = d.external(name)
		return err
	}, selectDomains)
	if err != nil {
		return err
	}
	for id, e := range found {
		if _, err := tx.ExecContext(ctx, updateDomain, e.value(), id); err != nil {
			return err
		}
	}
	return nil
}

// ownDomains are the domains that SetOwnDomains stored, sorted.
func ownDomains(ctx context.Context, q queryer) ([]string, error) {
	var names []string
	err := each(ctx, q, func(scan scanner) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}, selectOwnDomains)
	return names, err
}

func set(names []string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}
