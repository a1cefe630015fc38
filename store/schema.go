package store

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
)

// View is a view with its documentation, which stands in its own text.
type View struct {
	Name    string
	About   string // What its rows are.
	Example string // A query.
	Columns []Column
}

// Column is a column of a View.
type Column struct {
	Name  string
	About string // Meaning and unit.
	Kind  Kind
}

const (
	selectViewTexts   = `SELECT name, sql FROM sqlite_schema WHERE type = 'view'` + viewOrder
	selectViewColumns = `SELECT name FROM pragma_table_info(?) ORDER BY cid`
)

// Schema describes the views, as the comments in their texts do.
func (db *DB) Schema(ctx context.Context) ([]View, error) {
	var views []View
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		var texts []string
		err := each(ctx, tx, func(scan scanner) error {
			var v View
			var text string
			err := scan(&v.Name, &text)
			views, texts = append(views, v), append(texts, text)
			return err
		}, selectViewTexts)
		if err != nil {
			return err
		}
		for i := range views {
			v := &views[i]
			comments := v.read(texts[i])
			err := each(ctx, tx, func(scan scanner) error {
				var c Column
				err := scan(&c.Name)
				c.About, c.Kind = comments[c.Name], kinds[c.Name]
				v.Columns = append(v.Columns, c)
				return err
			}, selectViewColumns, v.Name)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return views, err
}

// columnComment is the end of a column in a view's text: its name and what it means.
var columnComment = regexp.MustCompile(`\bAS (\w+),? -- (.+)$`)

// read takes what the text says of the view, and returns what it says of its columns.
func (v *View) read(text string) map[string]string {
	comments := make(map[string]string)
	head := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		head = head && line != "SELECT"
		about, isComment := strings.CutPrefix(line, "-- ")
		example, isExample := strings.CutPrefix(about, "Example: ")
		switch {
		case head && isExample:
			v.Example = example
		case head && isComment:
			v.About = about
		default:
			if m := columnComment.FindStringSubmatch(line); m != nil {
				comments[m[1]] = m[2]
			}
		}
	}
	return comments
}
