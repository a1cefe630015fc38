package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

var (
	// ErrNewer is returned for a store whose schema this program does not know yet.
	ErrNewer = errors.New("newer store")
	// ErrOlder is returned by OpenReadOnly for a store that must be migrated first.
	ErrOlder = errors.New("older store")
	// ErrNotDatabase is returned for a file that is no relaywatch store.
	ErrNotDatabase = errors.New("not a relaywatch store")
	// ErrDamaged is returned for a store whose file is not as SQLite wrote it.
	ErrDamaged = errors.New("damaged store")
	// ErrNoStore is returned by OpenReadOnly if there is no such file.
	ErrNoStore = errors.New("no store")
	// ErrReadOnly is returned for what would write to a store opened for reading.
	ErrReadOnly = errors.New("read only")
	// ErrSQL is returned by Query for a text that is no statement over the store: a
	// mistake of whoever wrote it.
	ErrSQL = errors.New("mistake in SQL")
	// ErrCheckpoint is returned by Checkpoint if what is stored cannot be read.
	ErrCheckpoint = errors.New("damaged checkpoint")
	// ErrTwice is returned by Write for rows that are stored already, as it happens
	// if two programs read the same logs into one store. Nothing of the batch is
	// stored then.
	ErrTwice = errors.New("stored already")
)

// problem is an error whose text is written for people, and that is one of the
// errors above to errors.Is.
type problem struct {
	is   error
	text string
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.is }

func problemf(is error, format string, args ...any) error {
	return &problem{is, fmt.Sprintf(format, args...)}
}

// explain says what stands behind an error of the file system or of SQLite's, and
// what to do.
func explain(path string, err error) error {
	folder := filepath.Dir(path)
	if abs, absErr := filepath.Abs(folder); absErr == nil {
		folder = abs
	}
	var code sqlite3.Error
	isSQLite := errors.As(err, &code)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open store %s: folder %s does not exist: create it, or choose another file: %w", path, folder, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open store %s: no permission to write: this user must be allowed to write the file and folder %s: %w", path, folder, err)
	case readOnlyDisk(err):
		return fmt.Errorf("open store %s: the disk of folder %s is read-only: choose a file on another one: %w", path, folder, err)
	case isSQLite && code.Code == sqlite3.ErrNotADB:
		return notDatabase(path)
	case isSQLite && code.Code == sqlite3.ErrCorrupt:
		return damaged(path, err.Error())
	case isSQLite && (code.Code == sqlite3.ErrCantOpen || code.Code == sqlite3.ErrReadonly):
		return fmt.Errorf("open store %s: SQLite keeps two files beside it: this user must be allowed to write in folder %s: %w", path, folder, err)
	case isSQLite && code.Code == sqlite3.ErrBusy:
		return fmt.Errorf("open store %s: another program holds it: wait until it is done, or end it: %w", path, err)
	}
	return fmt.Errorf("open store %s: %w", path, err)
}

func notDatabase(path string) error {
	return problemf(ErrNotDatabase, "open store %s: the file is no SQLite database: choose another file; if it was a store once, %s", path, damageRemedy)
}

// checkFolder tells a missing folder and a folder in the file's place apart from
// other errors.
func checkFolder(path string) error {
	folder := filepath.Dir(path)
	switch info, err := os.Stat(folder); {
	case err != nil:
		return explain(path, err)
	case !info.IsDir():
		return fmt.Errorf("open store %s: %s is no folder: choose another file", path, folder)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("open store %s: it is a folder: add a file name, as %s", path, filepath.Join(path, "relaywatch.db"))
	}
	return nil
}
