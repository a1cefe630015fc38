package store

import (
	"bytes"
	"context"
	"database/sql"
	"regexp"
	"strings"
	"unicode"

	"relaywatch/ingest"
	"relaywatch/mail"
)

// rename puts another name in place of an address.
type rename struct {
	path, alias mail.Path
	number      int64 // Of path; 0 if it is no row of table addresses.

	whole, local replacement // Of the address and of its local part; nil: they are not told from other words.
}

func newRename(path, alias mail.Path, number int64) *rename {
	r := &rename{path: path, alias: alias, number: number}
	local, domain := split(path)
	if domain != "" || strings.Contains(local, `\`) { // An account, as corp\ann, is no word either.
		r.whole = replaceAlone(string(path), string(alias))
	}
	if len(local) > 2 { // Shorter ones are rather words, or parts of codes.
		name, _ := split(alias)
		r.local = replaceAlone(local, name)
	}
	return r
}

// changeAddress gives the address its other name.
func (r *rename) changeAddress(ctx context.Context, tx *sql.Tx, k *known) error {
	local, _ := split(r.alias)
	if _, err := tx.ExecContext(ctx, renameAddress, local, r.number); err != nil {
		return err
	}
	if r.number > k.addresses.settled {
		return nil
	}
	if _, err := tx.ExecContext(ctx, deleteHash, int64(int32(k.addresses.hash(r.path))), r.number); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, insertOneHash, int64(int32(k.addresses.hash(r.alias))), r.number)
	return err
}

// quotes are the columns with texts that may quote an address.
var quotes = []struct {
	table, column string
	bytes         bool // It is a BLOB.
}{
	{"deliveries", "text", false}, {"quarantine", "text", true}, {"triage", "note", false}, {"allow_entries", "reason", false}, {"allow_entries", "owner", false},
}

const updateSessions = `UPDATE sessions SET sessions = ?1 WHERE id = ?2`

// requoted is a text with the alias in it, and how it is stored.
type requoted struct {
	statement string // Its parameters are text and id.
	id        int64
	text      any // string, or []byte where the column is a BLOB.
}

// changeTexts puts the alias into all texts.
func (r *rename) changeTexts(ctx context.Context, tx *sql.Tx) error {
	texts, err := r.texts(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if _, err := tx.ExecContext(ctx, t.statement, t.text, t.id); err != nil {
			return err
		}
	}
	return nil
}

// texts are those that quote the address, as they read with the alias. One without a
// domain is not told from other words, but in the answers about it.
func (r *rename) texts(ctx context.Context, tx *sql.Tx) ([]requoted, error) {
	var found []requoted
	// SQLite's lower leaves other letters alone: all texts are looked at.
	beyondASCII := strings.ContainsFunc(string(r.path), func(c rune) bool { return c > unicode.MaxASCII })
	for _, q := range quotes {
		about := `?2 < 0`
		if q.table == "deliveries" {
			about = `coalesce(recipient_id = ?2, 0)`
		}
		query := `SELECT rowid, CAST(` + q.column + ` AS BLOB), ` + about + ` FROM ` + q.table + ` WHERE ` + about + ` OR ?3 OR instr(lower(CAST(` + q.column + ` AS TEXT)), ?1) > 0`
		err := each(ctx, tx, func(scan scanner) error {
			var id int64
			var before []byte
			var isAbout bool
			err := scan(&id, &before, &isAbout)
			after := r.requote(before, isAbout)
			if q.table == "deliveries" && !bytes.Equal(before, after) { // One that quotes it is about it, too.
				after = r.requote(before, true)
			}
			if err != nil || bytes.Equal(before, after) {
				return err
			}
			t := requoted{`UPDATE ` + q.table + ` SET ` + q.column + ` = ?1 WHERE rowid = ?2`, id, string(after)}
			if q.bytes {
				t.text = after
			}
			found = append(found, t)
			return nil
		}, query, string(r.path), r.number, beyondASCII)
		if err != nil {
			return nil, err
		}
	}
	sessions, err := r.sessions(ctx, tx)
	if sessions != nil {
		found = append(found, requoted{updateSessions, 1, sessions})
	}
	return found, err
}

// sessions are those still open with the alias in them, or nil if they do not name the
// address.
func (r *rename) sessions(ctx context.Context, tx *sql.Tx) ([]byte, error) {
	var sessions []byte
	if err := each(ctx, tx, func(scan scanner) error { return scan(&sessions) }, selectSessions); err != nil || len(sessions) == 0 {
		return nil, err
	}
	changed := false
	name := func(p mail.Path) mail.Path {
		if p != r.path {
			return p
		}
		changed = true
		return r.alias
	}
	sessions, err := ingest.Rename(sessions, ingest.Names{
		Recipient: name,
		Sender:    name,
		Account:   func(user string) string { return string(name(mail.Path(user))) },
		Text: func(text string) string {
			after := string(r.requote([]byte(text), false))
			changed = changed || after != text
			return after
		},
	})
	if !changed {
		return nil, err
	}
	return sessions, err
}

// requote writes the alias for the address, and, in an answer about it, for its local
// part alone.
func (r *rename) requote(text []byte, about bool) []byte {
	if r.whole != nil {
		text = r.whole(text)
	}
	if about && r.local != nil {
		text = r.local(text)
	}
	return text
}

// replacement is a text with something replaced.
type replacement func(text []byte) []byte

// replaceAlone writes with for what, in any case of letters, where it is no part of
// another name: the full stops of "ann... no such user" are not of a name.
func replaceAlone(what, with string) replacement {
	alone := regexp.MustCompile(`(?i)((?:^|[^\pL\pN._+-])[._-]*)` + regexp.QuoteMeta(what) + `([._-]*(?:$|[^\pL\pN._+-]))`)
	by := []byte("${1}" + strings.ReplaceAll(with, "$", "$$") + "${2}")
	return func(text []byte) []byte {
		// Once more for every second one of a row: they share what stands between them.
		return alone.ReplaceAll(alone.ReplaceAll(text, by), by)
	}
}
