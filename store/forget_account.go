package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
)

const (
	selectAccount  = `SELECT id FROM names WHERE text = ?`
	moveOrigins    = `UPDATE origins SET user_id = ?1 WHERE user_id = ?2`
	moveLogins     = `UPDATE logins SET user_id = ?1 WHERE user_id = ?2`
	deleteIfUnused = `DELETE FROM names WHERE id = ?1
		AND id NOT IN (SELECT server_id FROM origins UNION SELECT server_ip_id FROM origins UNION SELECT client_id FROM origins
			UNION SELECT helo_id FROM origins UNION SELECT user_id FROM origins UNION SELECT connector_id FROM origins
			UNION SELECT server_id FROM logins UNION SELECT client_id FROM logins UNION SELECT user_id FROM logins
			UNION SELECT server_id FROM deliveries UNION SELECT remote_ip_id FROM deliveries)`
	renameSubmitter = `UPDATE submitters SET value = ?1 WHERE kind IN ('user', 'sender') AND value = ?2`
	renameAlerted   = `UPDATE alerted SET value = ?1 WHERE kind IN ('user', 'sender') AND value = ?2`
	renameAllowed   = `UPDATE allow_entries SET submitter = substr(submitter, 1, instr(submitter, ':')) || ?1 WHERE submitter IN ('user:' || ?2, 'sender:' || ?2)`
)

// changeAccount gives the account of that name, and who is accused as it, the other
// name. A host of the same name keeps it.
func (r *rename) changeAccount(ctx context.Context, tx *sql.Tx) error {
	var old int64
	if err := each(ctx, tx, func(scan scanner) error { return scan(&old) }, selectAccount, string(r.path)); err != nil {
		return err
	}
	if old != 0 {
		result, err := tx.ExecContext(ctx, insertName, string(r.alias))
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		if err != nil {
			return err
		}
		for _, statement := range []string{moveOrigins, moveLogins} {
			if _, err := tx.ExecContext(ctx, statement, id, old); err != nil {
				return err
			}
		}
		for _, name := range []int64{old, id} { // Of a host only, the alias is nobody's.
			if _, err := tx.ExecContext(ctx, deleteIfUnused, name); err != nil {
				return err
			}
		}
	}
	for _, statement := range []string{renameSubmitter, renameAlerted, renameAllowed} {
		if _, err := tx.ExecContext(ctx, statement, string(r.alias), string(r.path)); err != nil {
			return err
		}
	}
	return r.changeFound(ctx, tx)
}

// found are the texts of what was found, which stand as they are where their mail is no
// longer kept: the columns of the key, and the texts, which are JSON or are not.
var found = []struct {
	table, key string
	texts      []string
}{
	{"findings", "submitter_id, flagged_at, rule, provisional", []string{"sentence", "evidence"}},
	{"episodes", "submitter_id, first_flagged, provisional", []string{"summary"}},
	{"alerts", "id", []string{"suspect"}},
	{"watched", "submitter_id, rule", []string{"evidence"}},
}

// changeFound puts the alias into them.
func (r *rename) changeFound(ctx context.Context, tx *sql.Tx) error {
	if r.whole == nil {
		return nil // It is not told from other words.
	}
	for _, f := range found {
		key := strings.Split(f.key, ", ")
		for _, column := range f.texts {
			if err := r.changeColumn(ctx, tx, f.table, column, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rename) changeColumn(ctx context.Context, tx *sql.Tx, table, column string, key []string) error {
	type row struct {
		key  []any
		text string
	}
	var rows []row
	err := each(ctx, tx, func(scan scanner) error {
		var before string
		values := make([]any, len(key))
		into := []any{&before}
		for i := range values {
			into = append(into, &values[i])
		}
		err := scan(into...)
		if after := string(r.inJSON(r.whole([]byte(before)))); after != before {
			rows = append(rows, row{values, after})
		}
		return err
	}, `SELECT `+column+`, `+strings.Join(key, ", ")+` FROM `+table)
	if err != nil {
		return err
	}
	update := `UPDATE ` + table + ` SET ` + column + ` = ? WHERE ` + strings.Join(key, " = ? AND ") + ` = ?`
	for _, row := range rows {
		if _, err := tx.ExecContext(ctx, update, append([]any{row.text}, row.key...)...); err != nil {
			return err
		}
	}
	return nil
}

// inJSON replaces the name as JSON writes it, with its backslash doubled.
func (r *rename) inJSON(text []byte) []byte {
	quoted, err := json.Marshal(string(r.path))
	if inner := strings.Trim(string(quoted), `"`); err == nil && inner != string(r.path) {
		return replaceAlone(inner, string(r.alias))(text)
	}
	return text
}
