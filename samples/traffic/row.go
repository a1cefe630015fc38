package traffic

import (
	"cmp"
	"slices"
	"time"
)

// File is one file of a log folder.
type File struct {
	Path string // Slashes; relative to the folder.
	Data []byte
}

// row is one line of a log, with its line end.
type row struct {
	at   time.Time
	text []byte
}

// rows are the lines of one log folder.
type rows struct {
	all   []row
	block []byte // Memory for coming rows: a log has a million of them.
}

const blockBytes = 1 << 20

// add keeps a row that was appended to what begin returned.
func (r *rows) add(at time.Time, text []byte) {
	r.all = append(r.all, row{at, text})
	if cap(r.block)-len(r.block) >= len(text) {
		r.block = r.block[:len(r.block)+len(text)]
	}
}

// begin returns an empty slice to append one row to.
func (r *rows) begin() []byte {
	const roomForRow = 4096
	if cap(r.block)-len(r.block) < roomForRow {
		r.block = make([]byte, 0, blockBytes)
	}
	return r.block[len(r.block):]
}

// sort brings rows into the order in which a server writes them. Rows of the same
// moment stay as they were added, so that a session's rows keep their order.
func (r *rows) sort() {
	slices.SortStableFunc(r.all, func(a, b row) int { return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli()) })
}

// files splits sorted rows: name tells the file of a row, head begins a file with
// the time of its first row.
func (r *rows) files(name func(time.Time) string, head func(*File, time.Time)) []File {
	var all []File
	for _, row := range r.all {
		if n := name(row.at); len(all) == 0 || all[len(all)-1].Path != n {
			all = append(all, File{Path: n})
			head(&all[len(all)-1], row.at)
		}
		f := &all[len(all)-1]
		f.Data = append(f.Data, row.text...)
	}
	return all
}
