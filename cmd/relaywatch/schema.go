package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"relaywatch/store"
)

func (p *program) schemaCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "schema [VIEW...]",
		Short: "The views that queries ask: what each column means, and an example",
		Long: "schema prints the views of the store: what their rows are, the meaning and the unit of\n" +
			"each column, and a query to start from. NULL is what the log does not tell. The same\n" +
			"comments stand in the store: .schema of any sqlite3 shell shows them.",
		Example: "  relaywatch schema v_suspects\n  relaywatch query \"SELECT * FROM v_suspects\"",
		RunE: func(c *cobra.Command, args []string) error {
			views, err := ownSchema(c.Context())
			if err != nil {
				return err
			}
			names := viewNames(views)
			for _, name := range args {
				if !slices.Contains(names, name) {
					return usageError{fmt.Errorf("no view %q (%s)", name, hintOf(name, names))}
				}
			}
			if len(args) > 0 {
				views = slices.DeleteFunc(views, func(v store.View) bool { return !slices.Contains(args, v.Name) })
			}
			return p.printSchema(views, format)
		},
	}
	formatFlag(c, &format)
	return c
}

// ownSchema are the views as this program makes them, whether there is a store or not.
func ownSchema(ctx context.Context) (views []store.View, err error) {
	dir, err := os.MkdirTemp("", "relaywatch-schema")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := store.Open(ctx, filepath.Join(dir, "empty.db"))
	if err != nil {
		return nil, err
	}
	views, err = db.Schema(ctx)
	return views, errors.Join(err, db.Close())
}

func viewNames(views []store.View) []string {
	var names []string
	for _, v := range views {
		names = append(names, v.Name)
	}
	return names
}

func (p *program) printSchema(views []store.View, format string) error {
	if format != "table" {
		r := &rows{columns: []string{"view", "column", "meaning"}}
		for _, v := range views {
			for _, c := range v.Columns {
				r.cells = append(r.cells, []any{v.Name, c.Name, c.About})
			}
		}
		return r.print(p.out, format)
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	for i, v := range views {
		if i > 0 {
			w.line(0, "")
		}
		w.line(2, "%s: %s", v.Name, v.About)
		width := 0
		for _, c := range v.Columns {
			width = max(width, len(c.Name))
		}
		for _, c := range v.Columns {
			w.line(width+4, "  %-*s  %s", width, c.Name, c.About)
		}
		w.line(4, "  %s", v.Example)
	}
	return w.err
}
