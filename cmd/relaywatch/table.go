package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"relaywatch/ingest"
)

// Widths in columns of a terminal.
const (
	gap       = 2   // Between two columns.
	minProse  = 40  // A sentence in a narrower column is a ladder of words.
	minCell   = 20  // A date with its time fits.
	proseHang = 4   // Indent of a sentence below its row.
	maxName   = 120 // Longest name in a table of ours; JSON and CSV have it all.
)

// plainStyle has no lines between columns, so that rows can be copied and grepped.
var plainStyle = table.Style{
	Name:    "plain",
	Box:     table.BoxStyle{PaddingRight: strings.Repeat(" ", gap)},
	Format:  table.FormatOptions{Header: text.FormatUpper, Row: text.FormatDefault},
	Options: table.OptionsNoBordersAndSeparators,
}

// table writes the rows for people, not wider than width; 0 is any width: one line
// a row, for grep. On a narrow terminal spare columns go first, then a sentence
// goes below its row, and rows that can't be made to fit become lists.
func (r *rows) table(w io.Writer, width int) error {
	if len(r.cells) == 0 && r.empty != "" {
		_, err := fmt.Fprintln(w, r.empty)
		return err
	}
	t := r.texts()
	if width > 0 {
		for _, name := range slices.Backward(r.spare) {
			if t.width(r.prose) > width {
				t.drop(name)
			}
		}
	}
	prose := slices.Index(t.columns, r.prose)
	switch room := width - t.width(r.prose) - gap; {
	case width == 0 || t.width("") <= width:
		return t.write(w)
	case prose >= 0 && room >= minProse:
		t.wrap(prose, room)
		return t.write(w)
	case prose >= 0 && t.width(r.prose) <= width:
		return t.writeBelow(w, prose, width)
	case t.fit(width):
		return t.write(w)
	}
	return t.writeList(w, width)
}

// texts is a table of visible text.
type texts struct {
	columns []string
	numbers []bool // Columns of numbers.
	cells   [][]string
}

func (r *rows) texts() *texts {
	t := &texts{columns: slices.Clone(r.columns), numbers: make([]bool, len(r.columns))}
	for i := range t.columns {
		t.columns[i] = visible(t.columns[i])
		t.numbers[i] = len(r.cells) > 0
	}
	for _, cells := range r.cells {
		line := make([]string, len(cells))
		for i, c := range cells {
			line[i] = tableText(c)
			if r.prose != "" && r.columns[i] != r.prose {
				line[i] = ingest.Cut(line[i], maxName)
			}
			switch c.(type) {
			case string, []byte:
				t.numbers[i] = t.numbers[i] && c == "?"
			}
		}
		t.cells = append(t.cells, line)
	}
	return t
}

// width is that of the table without one column.
func (t *texts) width(without string) int {
	n := 0
	for i, c := range t.columns {
		if c != without {
			n += t.columnWidth(i) + gap
		}
	}
	return n - gap
}

func (t *texts) columnWidth(i int) int {
	n := textWidth(t.columns[i])
	for _, cells := range t.cells {
		for line := range strings.SplitSeq(cells[i], "\n") {
			n = max(n, textWidth(line))
		}
	}
	return n
}

func (t *texts) drop(name string) {
	i := slices.Index(t.columns, name)
	if i < 0 {
		return
	}
	t.columns = slices.Delete(t.columns, i, i+1)
	t.numbers = slices.Delete(t.numbers, i, i+1)
	for row := range t.cells {
		t.cells[row] = slices.Delete(t.cells[row], i, i+1)
	}
}

// wrap breaks the cells of a column into lines.
func (t *texts) wrap(column, width int) {
	for _, cells := range t.cells {
		cells[column] = wrapped(cells[column], 0, width)
	}
}

// fit wraps the widest columns, all to the same width, until the table fits. It
// returns false if they would get too narrow to be read.
func (t *texts) fit(width int) bool {
	for limit := width; limit >= minCell; limit-- {
		n := gap * (len(t.columns) - 1)
		for i := range t.columns {
			n += min(limit, t.columnWidth(i))
		}
		if n <= width {
			for i := range t.columns {
				t.wrap(i, limit)
			}
			return true
		}
	}
	return false
}

// write writes the table, and a text below each row if there is one.
func (t *texts) write(w io.Writer, below ...string) error {
	p := table.NewWriter()
	p.SetStyle(plainStyle)
	configs := make([]table.ColumnConfig, len(t.columns))
	head := make(table.Row, len(t.columns))
	for i, c := range t.columns {
		head[i] = c
		configs[i] = table.ColumnConfig{Number: i + 1}
		if t.numbers[i] {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	p.SetColumnConfigs(configs)
	p.AppendHeader(head)
	for _, cells := range t.cells {
		row := make(table.Row, len(cells))
		for i, c := range cells {
			row[i] = c
		}
		p.AppendRow(row)
	}
	lines := strings.Split(p.Render(), "\n")
	for i, line := range lines {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		if i > 0 && i <= len(below) {
			if _, err := fmt.Fprintln(w, below[i-1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeBelow writes a column of sentences below the rows.
func (t *texts) writeBelow(w io.Writer, prose, width int) error {
	var below []string
	for _, cells := range t.cells {
		below = append(below, wrapped(cells[prose], proseHang, width))
	}
	t.drop(t.columns[prose])
	return t.write(w, below...)
}

// writeList writes each row as a list of its columns.
func (t *texts) writeList(w io.Writer, width int) error {
	name := 0
	for _, c := range t.columns {
		name = max(name, textWidth(c))
	}
	for i, cells := range t.cells {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		for j, c := range cells {
			head := text.Pad(t.columns[j], name+gap, ' ')
			body := wrapped(c, name+gap, max(width, name+gap+minCell))
			if _, err := fmt.Fprintln(w, strings.TrimRight(head+strings.TrimLeft(body, " "), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrapped breaks a text into lines of at most width columns, each indented; width
// 0 breaks nothing.
func wrapped(s string, indent, width int) string {
	if width > 0 {
		width = max(minCell, width-indent)
	}
	margin := strings.Repeat(" ", indent)
	return margin + strings.Join(lines(s, width, width), "\n"+margin)
}

// lines breaks a text at blanks into lines of at most rest columns, the first of
// at most first; longer words are broken, too. 0 breaks nothing.
func lines(s string, first, rest int) []string {
	if first <= 0 || textWidth(s) <= first {
		return []string{strings.TrimRight(s, " ")}
	}
	end, n := 0, 0 // Where the line ends at the latest.
	for i, r := range s {
		if n += textWidth(string(r)); n > first && i > 0 {
			end = i
			break
		}
	}
	if end == 0 {
		return []string{s}
	}
	next := end
	if at := strings.LastIndexByte(s[:end+1], ' '); strings.Trim(s[:max(at, 0)], " ") != "" {
		end, next = at, at+1
	}
	return append([]string{strings.TrimRight(s[:end], " ")}, lines(s[next:], rest, rest)...)
}

func textWidth(s string) int { return text.StringWidthWithoutEscSequences(s) }
