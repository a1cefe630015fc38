package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"relaywatch/mail"
)

// known is what the writer knows of the store without asking it. It is void when
// another program has written, and after a transaction that was not committed.
type known struct {
	dataVersion int64 // SQLite's: it changes when another connection has written.
	longest     int64 // meta.longest
	nextID      int64 // Of the next new transaction.
	zone        int64 // The last one's first transaction; 0 if there is none.

	logs       map[mail.LogID]int64     // logs.id
	open       map[mail.LogPos]openPart // Transactions that may go on, as far as this program stored them.
	names      names
	submitters submitters
	origins    origins
	domains    domains
	addresses  addresses
	memory     map[int64]memoryRow // The last row of a submitter; nil until it is needed.

	conn *sql.Conn                       // Of the change that is going on.
	args map[*insert][]driver.NamedValue // Memory of inserters.
}

const (
	selectDataVersion     = `PRAGMA data_version`
	selectMeta            = `SELECT hash_seed, longest, settled FROM meta`
	selectNextTransaction = `SELECT coalesce(max(id), 0) + 1 FROM transactions`
	selectOwnDomains      = `SELECT name FROM own_domains ORDER BY name`
	selectLogIDs          = `SELECT key, id FROM logs`
)

// change runs f in a transaction. The caller holds db.mu.
//
// A change that has begun is done to its end even if ctx is cancelled meanwhile: it
// takes a moment, and a half is worth nothing.
func (db *DB) change(ctx context.Context, f func(ctx context.Context, tx *sql.Tx, k *known) error) error {
	if db.write == nil {
		return problemf(ErrReadOnly, "store %s is open for reading only", db.path)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", db.path, sayFault(err))
	}
	defer conn.Close() // Back to the pool.
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store %s: %w", db.path, sayFault(err))
	}
	err = db.changeIn(ctx, conn, tx, f)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		db.known = nil
		// After a failed Commit there is nothing left to roll back, or it is done.
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			err = errors.Join(err, back)
		}
		return fmt.Errorf("store %s: %w", db.path, sayFault(err))
	}
	return nil
}

func (db *DB) changeIn(ctx context.Context, conn *sql.Conn, tx *sql.Tx, f func(ctx context.Context, tx *sql.Tx, k *known) error) error {
	var version int64
	if err := tx.QueryRowContext(ctx, selectDataVersion).Scan(&version); err != nil {
		return err
	}
	if db.known == nil || db.known.dataVersion != version {
		k, err := look(ctx, tx, db.most)
		if err != nil {
			return err
		}
		k.dataVersion = version
		db.known = k
	}
	db.known.conn = conn
	return f(ctx, tx, db.known)
}

// look asks the store what the writer must know.
func look(ctx context.Context, tx *sql.Tx, most unsettled) (*known, error) {
	k := &known{logs: make(map[mail.LogID]int64), open: make(map[mail.LogPos]openPart), args: make(map[*insert][]driver.NamedValue)}
	var seed int64
	if err := tx.QueryRowContext(ctx, selectMeta).Scan(&seed, &k.longest, &k.addresses.settled); err != nil {
		return nil, err
	}
	k.addresses.seed, k.addresses.most = uint64(seed), most
	if err := tx.QueryRowContext(ctx, selectNextTransaction).Scan(&k.nextID); err != nil {
		return nil, err
	}
	if err := tx.QueryRowContext(ctx, selectNextAddress).Scan(&k.addresses.next); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, deleteZones, k.nextID); err != nil {
		return nil, err
	}
	if err := tx.QueryRowContext(ctx, selectLastZone).Scan(&k.zone); err != nil {
		return nil, err
	}
	own, err := ownDomains(ctx, tx)
	if err != nil {
		return nil, err
	}
	k.domains.own = set(own)
	err = each(ctx, tx, func(scan scanner) error {
		var key, id int64
		err := scan(&key, &id)
		k.logs[mail.LogID(key)] = id
		return err
	}, selectLogIDs)
	return k, err
}

// queryer is a connection, a transaction or a pool.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanner is sql.Rows.Scan.
type scanner func(into ...any) error

// each calls f for each row.
func each(ctx context.Context, q queryer, f func(scan scanner) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
