package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// formatFlag adds --format to a command that prints rows.
func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "table", "`FORMAT` of the rows: table, json or csv")
}

// rows is a table of results. Its cells may hold text from a log.
type rows struct {
	columns []string
	cells   [][]any
	wide    string // Column that takes the room left, and is wrapped in it.
	empty   string // What a table says without rows.
}

// print writes the rows in a format. JSON is an array of objects by column name.
func (r *rows) print(w io.Writer, format string) error {
	switch format {
	case "table":
		return r.table(w)
	case "csv":
		return r.csv(w)
	case "json":
		return r.json(w)
	}
	return usageError{fmt.Errorf("--format %q: use table, json or csv", format)}
}

func (r *rows) table(w io.Writer) error {
	if len(r.cells) == 0 && r.empty != "" {
		_, err := fmt.Fprintln(w, r.empty)
		return err
	}
	t := table.NewWriter()
	t.SetStyle(plainStyle)
	head := make(table.Row, len(r.columns))
	used := 2 * len(r.columns)
	for i, c := range r.columns {
		head[i] = c
		if c != r.wide {
			used += r.width(i)
		}
	}
	t.AppendHeader(head)
	for _, cells := range r.cells {
		row := make(table.Row, len(cells))
		for i, c := range cells {
			row[i] = visible(cellText(c))
		}
		t.AppendRow(row)
	}
	if width := terminalWidth(w); width > 0 {
		if r.wide != "" {
			t.SetColumnConfigs([]table.ColumnConfig{{Name: r.wide, WidthMax: max(30, width-used), WidthMaxEnforcer: text.WrapSoft}})
		} else {
			t.SetAllowedRowLength(width)
		}
	}
	for line := range strings.Lines(t.Render() + "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// width is the width of a column's widest cell.
func (r *rows) width(column int) int {
	n := text.RuneWidthWithoutEscSequences(r.columns[column])
	for _, cells := range r.cells {
		n = max(n, text.RuneWidthWithoutEscSequences(visible(cellText(cells[column]))))
	}
	return n
}

// plainStyle has no lines between columns, so that rows can be copied and grepped.
var plainStyle = table.Style{
	Name:    "plain",
	Box:     table.BoxStyle{PaddingRight: "  ", UnfinishedRow: " …"},
	Format:  table.FormatOptions{Header: text.FormatUpper, Row: text.FormatDefault},
	Options: table.OptionsNoBordersAndSeparators,
}

func (r *rows) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(r.columns); err != nil {
		return err
	}
	for _, cells := range r.cells {
		record := make([]string, len(cells))
		for i, cell := range cells {
			record[i] = csvCell(cell)
		}
		if err := c.Write(record); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
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
	var b strings.Builder
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
	return []byte(b.String()), nil
}

// printJSON writes indented JSON. HTML is escaped, so that it can be pasted into
// a page.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

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
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// csvCell is a cell that no spreadsheet takes for a formula: text that starts like
// one gets an apostrophe in front (OWASP, CSV Injection).
func csvCell(v any) string {
	s := cellText(v)
	switch v.(type) {
	case string, []byte:
		if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
			s = "'" + s
		}
	}
	return strings.ReplaceAll(s, "\x00", `\x00`)
}

// visible shows control characters instead of sending them: text from a log must
// not move the cursor, change colours, or turn the direction of writing.
func visible(s string) string {
	if strings.IndexFunc(s, unsafeRune) < 0 && strings.ToValidUTF8(s, "") == s {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if unsafeRune(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// visibleLines is visible, but keeps line breaks, for our own texts of several lines.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = visible(l)
	}
	return strings.Join(lines, "\n")
}

// unsafeRune is true for control characters and for the format characters that
// hide text or reorder it (Unicode category Cf, as the bidirectional overrides).
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
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
