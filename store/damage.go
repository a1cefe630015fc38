package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// Check looks through the whole file of a store, beside its writer, in some 6 s of
// CPU time per GB. It returns nil if the file is sound, ErrDamaged if it is not, and
// ErrNotDatabase for a file that may never have been a store. Any other error tells
// nothing of the file.
//
// It opens the file anew: what an open store holds in its memory hides damage.
func Check(ctx context.Context, path string) error {
	if err := checkHeader(path); err != nil {
		return err
	}
	db := sql.OpenDB(&connector{dsn: readDSN(path, "mode=ro")})
	defer db.Close()
	var found string
	err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found)
	var code sqlite3.Error
	switch {
	case err == nil && found == "ok":
		return nil
	case err == nil:
		return damaged(path, found)
	case errors.As(err, &code) && (code.Code == sqlite3.ErrCorrupt || code.Code == sqlite3.ErrNotADB):
		return damaged(path, err.Error())
	}
	return fmt.Errorf("check store %s: %w", path, sayFault(err))
}

// damaged says what SQLite found, of whose lines the last one tells.
func damaged(path, found string) error {
	lines := strings.Split(strings.TrimSpace(found), "\n")
	return problemf(ErrDamaged, "the store %s is damaged (%s): %s", path, lines[len(lines)-1], damageRemedy)
}

const damageRemedy = "put a backup in its place, or move it away and read the logs again"

// databaseHeader is how an SQLite file begins (sqlite.org/fileformat2.html).
const databaseHeader = "SQLite format 3\x00"

// checkHeader tells a file that is no database from one that was: after a power cut
// files begin with NUL bytes, which nobody else's file does. An empty file is damaged:
// a store never is empty.
func checkHeader(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return explain(path, err)
	}
	defer file.Close()
	head := make([]byte, 100)
	n, err := io.ReadFull(file, head)
	switch {
	case bytes.HasPrefix(head, []byte(databaseHeader)):
		return nil
	case errors.Is(err, io.EOF):
		return damaged(path, "it is empty")
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("check store %s: %w", path, err)
	case len(bytes.Trim(head[:n], "\x00")) == 0:
		return damaged(path, "it begins with NUL bytes")
	}
	return notDatabase(path)
}

// asideMark stands between the name of a store and the moment when it was put aside.
const asideMark = ".corrupt-"

// SetAside renames a store that is not open, and its write-ahead log, so that Open
// makes a new one in its place. It returns the new name, which holds the stamp.
func SetAside(path, stamp string) (string, error) {
	aside := path + asideMark + stamp
	if exists(aside) {
		return "", fmt.Errorf("put store %s aside: there is %s already", path, aside)
	}
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("put store %s aside: %w", path, err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		err := os.Rename(path+suffix, aside+suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return aside, fmt.Errorf("put store %s aside: %w", path, err)
		}
	}
	return aside, nil
}

// Aside are the damaged stores that SetAside has renamed, and that are still there.
func Aside(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("look for damaged stores: %w", err)
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, filepath.Base(path)+asideMark) && !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			found = append(found, filepath.Join(filepath.Dir(path), name))
		}
	}
	return found, nil
}
