package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/mattn/go-sqlite3"
)

// DB is an open store. Its methods may be called from several goroutines; those
// that write wait for each other.
type DB struct {
	path   string
	opened fs.FileInfo // Of the file that was opened; nil if the store is open for reading only.
	write  *sql.DB     // One connection, as SQLite has one writer; nil if the store is open for reading only.
	read   *sql.DB     // Any number of connections that cannot write.

	mu      sync.Mutex // Held while a method writes; guards what follows.
	known   *known     // What the store is known to hold; nil until it is needed, and after a failed write.
	telling Telling    // See Tell.
	most    unsettled  // addresses.most; for tests.
}

// Open opens the store at path, or creates it, and brings its schema up to date.
// A new file can be read by its owner and group only; on Windows by those whom its
// folder names, but not by everybody. The error is ErrNewer or
// ErrNotDatabase where the file cannot be used at all.
func Open(ctx context.Context, path string) (*DB, error) {
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	// SQLite would hide why it cannot open the file, and take its mode from the umask.
	if _, err := createClosed(path); err != nil {
		return nil, explain(path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	opened, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, explain(path, err)
	}
	if err := createBeside(path); err != nil {
		return nil, explain(path, err)
	}
	write := sql.OpenDB(&connector{dsn: writeDSN(path)})
	write.SetMaxOpenConns(1)
	db := &DB{path: path, opened: opened, write: write, read: sql.OpenDB(&connector{dsn: readDSN(path, "mode=ro")}), most: mostUnsettled}
	if err := migrate(ctx, path, write); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// OpenReadOnly opens a store that exists, and never writes to it. The error is
// ErrNoStore, ErrOlder, ErrNewer or ErrNotDatabase where it cannot be used.
func OpenReadOnly(ctx context.Context, path string) (*DB, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problemf(ErrNoStore, "there is no store at %s yet: run relaywatch ingest first, or name another file with --db", path)
	case err != nil:
		return nil, explain(path, err)
	case info.IsDir():
		return nil, checkFolder(path)
	}
	// WAL needs two files beside the store. Whoever closes it last removes them, if he
	// may write it; nothing else is written, see readDSN.
	how := "mode=rw"
	if !writable(path) && !exists(path+"-wal") {
		how = immutable
	}
	db := &DB{path: path, read: sql.OpenDB(&connector{dsn: readDSN(path, how)})}
	err = checkVersion(ctx, path, db.read)
	var code sqlite3.Error
	if errors.As(err, &code) && (code.Code == sqlite3.ErrCantOpen || code.Code == sqlite3.ErrReadonly) && !exists(path+"-wal") {
		// The folder cannot be written.
		err = errors.Join(db.read.Close())
		db.read = sql.OpenDB(&connector{dsn: readDSN(path, immutable)})
		if err == nil {
			err = checkVersion(ctx, path, db.read)
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.read.Close())
	}
	return db, nil
}

// immutable opens a store that nobody is writing, without any file beside it. If a
// writer comes meanwhile, a query may fail or miss its rows.
const immutable = "mode=ro&immutable=1"

// writable tells whether this user may write the file.
func writable(path string) bool {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return file.Close() == nil
}

// Close ends all connections. The last to close moves the write-ahead log into the
// file.
func (db *DB) Close() error {
	err := db.read.Close()
	if db.write != nil {
		err = errors.Join(err, db.write.Close())
	}
	if err != nil {
		return fmt.Errorf("close store %s: %w", db.path, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fileURI is path as SQLite's URI (sqlite.org/uri.html).
func fileURI(path, query string) string {
	path = filepath.ToSlash(path)
	// A colon or // at the beginning would be read as something else.
	switch {
	case strings.HasPrefix(path, "//"):
		path = "//" + path // file:////host/share
	case filepath.VolumeName(path) != "":
		path = "/" + path // file:/C:/logs
	case !strings.HasPrefix(path, "/"):
		path = "./" + path
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query
}

// writeDSN has the pragmas of the writer. auto_vacuum INCREMENTAL holds for a file that
// is new, or written anew: see giveBack. synchronous NORMAL: after a power cut the
// last batches may be missing, rows and cursors together; after a kill nothing is.
// mutex no: database/sql lets one goroutine at a time use the connection, and to
// interrupt it needs no lock.
func writeDSN(path string) string {
	return fileURI(path, "_auto_vacuum=incremental&_journal_mode=WAL&_busy_timeout=10000&_mutex=no&_synchronous=NORMAL&_foreign_keys=1&_txlock=immediate&_cache_size=-6144&_stmt_cache_size=64")
}

// readDSN has the pragmas of a reader. query_only keeps it from writing rows also
// where it may write the file.
func readDSN(path, how string) string {
	return fileURI(path, how+"&_query_only=1&_busy_timeout=10000&_cache_size=-2048&_stmt_cache_size=64")
}

// connector opens connections with the pragmas that a DSN cannot hold.
type connector struct{ dsn string }

func (c *connector) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: setPragmas}
}

func (c *connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }

func setPragmas(c *sqlite3.SQLiteConn) error {
	// A long reader makes the write-ahead log grow: afterwards it shrinks to 32 MB.
	_, err := c.Exec("PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 33554432", nil)
	return err
}
