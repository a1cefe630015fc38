package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/store"
)

func (p *program) queryCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the store in SQL, reading only",
		Long: "query runs one SELECT over the views; `relaywatch schema` tells what they are and what\n" +
			"their columns mean. SQL can be given as @FILE, or as - for standard input.\n" +
			"samples/queries has examples.",
		Example: `  relaywatch query "SELECT client_ip, sum(recipients) FROM v_transactions GROUP BY 1 ORDER BY 2 DESC LIMIT 10"`,
		Args:    only(1, "one argument, the SQL in quotes"),
		RunE: func(c *cobra.Command, args []string) error {
			sql, err := readSQL(args[0], c.InOrStdin())
			if err != nil {
				return usageError{err}
			}
			db, err := store.OpenReadOnly(c.Context(), p.config.Store.Path)
			if err != nil {
				return err
			}
			defer db.Close()
			if format == "csv" {
				err = queryCSV(c.Context(), db, sql, p.out)
			} else {
				err = queryRows(c.Context(), db, sql, p.out, format)
			}
			if errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrSQL) {
				return usageError{err}
			}
			return err
		},
	}
	formatFlag(c, &format)
	return c
}

// queryCSV writes rows as they come: there may be more than fit into memory.
func queryCSV(ctx context.Context, db *store.DB, sql string, out io.Writer) error {
	w := csvWriter{bufio.NewWriter(out)}
	first := true
	err := db.Query(ctx, sql, func(columns []string, values []any) error {
		if first {
			w.head(columns)
			first = false
		}
		if values != nil {
			w.record(values)
		}
		return nil
	})
	return errors.Join(err, w.to.Flush())
}

// queryRows gathers all rows: a table's columns are as wide as their widest cell.
func queryRows(ctx context.Context, db *store.DB, sql string, out io.Writer, format string) error {
	r := &rows{empty: "no rows"}
	err := db.Query(ctx, sql, func(columns []string, values []any) error {
		r.columns = columns
		if values != nil {
			r.cells = append(r.cells, slices.Clone(values))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.print(out, format)
}

// readSQL takes the SQL from the argument, from @FILE, or from standard input.
func readSQL(arg string, in io.Reader) (string, error) {
	var data []byte
	var err error
	switch {
	case arg == "-":
		data, err = io.ReadAll(in)
	case strings.HasPrefix(arg, "@"):
		data, err = os.ReadFile(arg[1:])
	default:
		return arg, nil
	}
	return string(data), err
}
