package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

// exportFlags are those of export.
type exportFlags struct {
	out, format, since, until string
	force                     bool
}

const (
	formatParquet = "parquet"
	formatCSV     = "csv"
)

func (p *program) exportCommand() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export --out FILE [VIEW...]",
		Short: "Write the rows of a period to a Parquet or CSV file",
		Long: "export writes a view (v_recipients, if none is named) to a file, as Parquet with typed\n" +
			"columns, or as CSV. Of several views it makes a file each in the folder FILE.\n" +
			"What lasts, as an episode or a log, is of the period if it overlaps. A file is there\n" +
			"when it is complete. It names people as the store does: keep it as closed.",
		Example: "  relaywatch export --since 2026-11-01 --until 2026-12-01 --out november.parquet\n" +
			"  relaywatch export --out november v_transactions v_recipients v_deliveries",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return p.export(c.Context(), f, args) },
	}
	c.Flags().StringVar(&f.out, "out", "", "`FILE` to make; a folder, if several views are named")
	c.Flags().StringVar(&f.format, "format", "", "`FORMAT`: parquet or csv; else the ending of FILE decides, and parquet if it has none")
	c.Flags().StringVar(&f.since, "since", "", "only rows from `TIME` on (2026-11-05, 2026-11-05T02:00:00Z)")
	c.Flags().StringVar(&f.until, "until", "", "only rows before `TIME`")
	c.Flags().BoolVar(&f.force, "force", false, "replace a file that is there")
	return c
}

// check completes the flags, and returns the period.
func (f *exportFlags) check() (since, until mail.Time, err error) {
	if f.out == "" {
		return 0, 0, usageError{errors.New("export makes a file: name it with --out, as --out november.parquet")}
	}
	if f.format == "" {
		f.format = formatParquet
		if strings.EqualFold(filepath.Ext(f.out), "."+formatCSV) {
			f.format = formatCSV
		}
	}
	if f.format != formatParquet && f.format != formatCSV {
		return 0, 0, usageError{fmt.Errorf("--format %q: use parquet or csv", f.format)}
	}
	if since, err = parseTime("--since", f.since); err != nil {
		return 0, 0, err
	}
	if until, err = parseTime("--until", f.until); err != nil {
		return 0, 0, err
	}
	if until != 0 && since >= until {
		return 0, 0, usageError{fmt.Errorf("--since %s is not before --until %s: nothing lies between them", f.since, f.until)}
	}
	return since, until, nil
}

func (p *program) export(ctx context.Context, f exportFlags, names []string) error {
	since, until, err := f.check()
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	views, err := chosenViews(ctx, db, names, since != 0 || until != 0)
	if err != nil {
		return err
	}
	paths, err := p.exportPaths(&f, views)
	if err != nil {
		return err
	}
	for i := range views {
		n, err := f.write(ctx, db, &views[i], since, until, paths[i])
		if err != nil {
			return err
		}
		var bytes int64
		if info, err := os.Stat(paths[i]); err == nil {
			bytes = info.Size()
		}
		fmt.Fprintf(p.out, "wrote %s of %s to %s, %s\n", words.Plural(n, "row"), views[i].Name, visible(paths[i]), size(bytes))
	}
	return nil
}

// chosenViews are the named views, each once.
func chosenViews(ctx context.Context, db *store.DB, names []string, period bool) ([]store.View, error) {
	all, err := db.Schema(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []string{"v_recipients"}
	}
	var views []store.View
	for _, name := range names {
		i := slices.IndexFunc(all, func(v store.View) bool { return v.Name == name })
		switch {
		case i < 0:
			return nil, usageError{fmt.Errorf("no view %q (%s)", name, hintOf(name, viewNames(all)))}
		case period && !all[i].HasPeriod():
			return nil, usageError{fmt.Errorf("%s has no time: export it without --since and --until", name)}
		case !slices.ContainsFunc(views, func(v store.View) bool { return v.Name == name }):
			views = append(views, all[i])
		}
	}
	return views, nil
}

// exportPaths are the files to make, one for each view.
func (p *program) exportPaths(f *exportFlags, views []store.View) ([]string, error) {
	info, err := os.Stat(f.out)
	folder := err == nil && info.IsDir()
	if len(views) > 1 && !folder {
		if err := os.Mkdir(f.out, 0o750); err != nil {
			return nil, fmt.Errorf("export several views: --out must be a folder, and this one can't be made: %w", err)
		}
		folder = true
	}
	paths := []string{f.out}
	if folder {
		paths = nil
		for _, v := range views {
			paths = append(paths, filepath.Join(f.out, v.Name+"."+f.format))
		}
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil && !f.force {
			return nil, usageError{fmt.Errorf("%s is there already: name a new file, or replace it with --force", path)}
		}
		if err := checkTarget("--out", path); err != nil {
			return nil, err
		}
		if err := p.notStore("--out", path); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// rowWriter writes the rows of a view in some format.
type rowWriter interface {
	row(values []any) error
	close() error
}

// write makes one file.
func (f *exportFlags) write(ctx context.Context, db *store.DB, v *store.View, since, until mail.Time, path string) (n int64, err error) {
	err = writeWhole(path, func(file *os.File) (err error) {
		n, err = f.fill(ctx, db, v, since, until, file)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("export %s to %s: %w", v.Name, path, err)
	}
	return n, nil
}

func (f *exportFlags) fill(ctx context.Context, db *store.DB, v *store.View, since, until mail.Time, file io.Writer) (n int64, err error) {
	buffer := bufio.NewWriterSize(file, 1<<20)
	var to rowWriter
	if f.format == formatParquet {
		to = newParquetWriter(buffer, v)
	} else {
		to = newViewCSV(buffer, v)
	}
	err = db.ReadView(ctx, v, since, until, func(values []any) error {
		n++
		return to.row(values)
	})
	if err == nil {
		err = to.close()
	}
	if err == nil {
		err = buffer.Flush()
	}
	return n, err
}

// viewCSV writes the rows of a view as query --format csv does.
type viewCSV struct{ csvWriter }

func newViewCSV(w *bufio.Writer, v *store.View) viewCSV {
	c := viewCSV{csvWriter{w}}
	names := make([]string, len(v.Columns))
	for i := range v.Columns {
		names[i] = v.Columns[i].Name
	}
	c.head(names)
	return c
}

func (c viewCSV) row(values []any) error {
	c.record(values)
	return c.close() // Of what was flushed before: a full disk ends it at once.
}

func (c viewCSV) close() error {
	_, err := c.to.Write(nil)
	return err
}
