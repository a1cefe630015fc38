package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// latestVersion is the version of the schema after all migrations: the number of
// the last file.
func latestVersion() (int64, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no migrations in this program: %w", err)
	}
	return goose.NumericComponent(strings.TrimPrefix(files[len(files)-1], "migrations/"))
}

// migrate brings the schema up to date. The store is not written to if it is.
func migrate(ctx context.Context, path string, db *sql.DB) error {
	have, err := version(ctx, path, db)
	if err != nil {
		return err
	}
	want, err := latestVersion()
	switch {
	case err != nil:
		return fmt.Errorf("open store %s: %w", path, err)
	case have == want:
		return nil
	case have > want:
		return newer(path, have, want)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("open store %s: %w", path, err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("open store %s: read migrations: %w", path, err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", explain(path, err))
	}
	return nil
}

// checkVersion tells whether the store can be read without migrating it.
func checkVersion(ctx context.Context, path string, db *sql.DB) error {
	have, err := version(ctx, path, db)
	if err != nil {
		return err
	}
	want, err := latestVersion()
	switch {
	case err != nil:
		return fmt.Errorf("open store %s: %w", path, err)
	case have > want:
		return newer(path, have, want)
	case have < want:
		return problemf(ErrOlder, "store %s was written by an older relaywatch (schema %d; this one needs %d): run relaywatch ingest once", path, have, want)
	}
	return nil
}

func newer(path string, have, want int64) error {
	return problemf(ErrNewer, "store %s was written by a newer relaywatch (schema %d; this one knows %d): update relaywatch", path, have, want)
}

const (
	selectTables  = `SELECT count(*), coalesce(sum(name = 'goose_db_version'), 0) FROM sqlite_schema WHERE type = 'table'`
	selectVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
)

// version is the version of the schema, 0 for an empty file.
func version(ctx context.Context, path string, db *sql.DB) (int64, error) {
	var tables, ours, n int64
	if err := db.QueryRowContext(ctx, selectTables).Scan(&tables, &ours); err != nil {
		return 0, explain(path, err)
	}
	switch {
	case tables == 0:
		return 0, nil
	case ours == 0:
		return 0, problemf(ErrNotDatabase, "open store %s: the file is a database of another program: choose another file", path)
	}
	if err := db.QueryRowContext(ctx, selectVersion).Scan(&n); err != nil {
		return 0, explain(path, err)
	}
	return n, nil
}
