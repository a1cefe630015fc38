package traffic

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// folder writes the files of a log folder while their rows come.
type folder struct {
	dir     string
	rows    *rows
	name    func(time.Time) string // File of a row, from dir on, with slashes.
	head    func(time.Time) string // Of a file, by its first row.
	files   []File                 // Without data.
	file    *os.File
	text    *bufio.Writer
	flushed time.Time
}

// flushEvery is how much of a log is in memory at least.
const flushEvery = 6 * time.Hour

// flush writes rows that no session can precede that starts at that moment or
// later: once in flushEvery, as sorting takes its time.
func (f *folder) flush(start time.Time) error {
	if start.Sub(f.flushed) < flushEvery {
		return nil
	}
	f.flushed = start
	f.rows.sort()
	n := 0
	for _, r := range f.rows.all {
		if !r.at.Truncate(time.Millisecond).Before(start.Truncate(time.Millisecond)) {
			break
		}
		if err := f.write(r); err != nil {
			return err
		}
		n++
	}
	f.rows.all = append([]row(nil), f.rows.all[n:]...)
	return nil
}

func (f *folder) write(r row) error {
	if name := f.name(r.at); len(f.files) == 0 || f.files[len(f.files)-1].Path != name {
		if err := f.next(name); err != nil {
			return err
		}
		if _, err := f.text.WriteString(f.head(r.at)); err != nil {
			return err
		}
	}
	_, err := f.text.Write(r.text)
	return err
}

// next begins a file.
func (f *folder) next(name string) error {
	if err := f.end(); err != nil {
		return err
	}
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	f.file, f.text = file, bufio.NewWriterSize(file, 1<<16)
	f.files = append(f.files, File{Path: name})
	return nil
}

// end ends the file that is open.
func (f *folder) end() error {
	if f.file == nil {
		return nil
	}
	return errors.Join(f.text.Flush(), f.file.Close())
}

// close writes the rows that are left.
func (f *folder) close() error {
	f.rows.sort()
	for _, r := range f.rows.all {
		if err := f.write(r); err != nil {
			return err
		}
	}
	return f.end()
}
