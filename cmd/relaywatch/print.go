package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"relaywatch/words"
)

// formatFlag adds --format to a command that prints rows.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "table", "`FORMAT` of the rows: table, json or csv")
	check := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		switch *format {
		case "table", "csv", "json":
		default:
			return usageError{fmt.Errorf("--format %q: use table, json or csv", *format)}
		}
		if check != nil {
			return check(c, args)
		}
		return nil
	}
}

// rows is a table of results. Its cells may hold text from a log.
type rows struct {
	columns []string
	cells   [][]any  // nil, string, []byte, a number, count or size.
	prose   string   // Column that holds a sentence; the last one.
	spare   []string // Columns that a narrow terminal can do without.
	empty   string   // What a table says without rows.
}

// count is a number that people read with thousands separated.
type count int64

// size is a number of bytes that people read as 12.3 MB.
type size int64

// print writes the rows in a format that formatFlag has checked. JSON is an array
// of objects by column name.
func (r *rows) print(w io.Writer, format string) error {
	switch format {
	case "csv":
		return r.csv(w)
	case "json":
		return r.json(w)
	}
	return r.table(w, terminalWidth(w))
}

func (r *rows) csv(w io.Writer) error {
	c := csvWriter{bufio.NewWriter(w)}
	c.head(r.columns)
	for _, cells := range r.cells {
		c.record(cells)
	}
	return c.to.Flush()
}

// csvWriter writes RFC 4180, but for the line ends. Flush returns the first error.
type csvWriter struct{ to *bufio.Writer }

func (c csvWriter) head(columns []string) {
	cells := make([]any, len(columns))
	for i, name := range columns {
		cells[i] = name
	}
	c.record(cells)
}

func (c csvWriter) record(cells []any) {
	for i, cell := range cells {
		if i > 0 {
			c.to.WriteByte(',')
		}
		c.to.WriteString(csvCell(cell))
	}
	c.to.WriteByte('\n')
}

func (r *rows) json(w io.Writer) error {
	objects := make([]ordered, len(r.cells))
	for i, cells := range r.cells {
		objects[i] = ordered{r.columns, cells}
	}
	return printJSON(w, objects)
}

// ordered is a JSON object that keeps its keys in order.
type ordered struct {
	keys   []string
	values []any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range o.keys {
		key, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		v := o.values[i]
		if raw, ok := v.([]byte); ok {
			v = string(raw)
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// printJSON writes indented JSON. HTML is escaped, so that it can be pasted into
// a page, and so is what could steer a terminal.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, visibleJSON(b.String()))
	return err
}

// printLine writes JSON as printJSON does, on one line.
func printLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, visibleJSON(string(b))+"\n")
	return err
}

// cellText is a cell as programs read it.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case count:
		return strconv.FormatInt(int64(v), 10)
	case size:
		return strconv.FormatInt(int64(v), 10)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// tableText is a cell as people read it.
func tableText(v any) string {
	switch v := v.(type) {
	case count:
		return words.Thousands(v)
	case size:
		return v.String()
	}
	return visible(cellText(v))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is how many columns the terminal has, or 0 where w is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
