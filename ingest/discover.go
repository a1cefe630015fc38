package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"relaywatch/mail"
)

// discovery is what a look for logs has found.
type discovery struct {
	byLog map[*Log]*source
	seen  map[string]bool // Paths.
	logs  int
	same  int
}

// discover finds the logs of all sources that have something new in them.
func (r *Reader) discover(ctx context.Context) (Result, error) {
	d := discovery{byLog: map[*Log]*source{}, seen: map[string]bool{}}
	for _, src := range r.Sources {
		// Listed until there is nothing new: a server that renames a log and begins the
		// next hides the one or the other from a single look. A listing more is 14 calls to
		// the system for a folder of 2,000 logs; the looks at them are 18,000.
		for tries, news := 0, true; news && tries <= maxTries; tries++ {
			var err error
			if news, err = r.discoverIn(ctx, src, &d); err != nil {
				return Result{Same: d.same}, err
			}
		}
	}
	r.sortWaiting()
	if d.logs == 0 && len(r.problems) == 0 {
		return Result{}, fmt.Errorf("%w in %s: check the path, and that protocol logging is on", ErrNoLogs, r.where())
	}
	return Result{Same: d.same}, nil
}

// discoverIn adds the files of a source to d, and tells whether there was one that d had
// not seen, and so may be another: a source that names one file has no other.
func (r *Reader) discoverIn(ctx context.Context, src Source, d *discovery) (news bool, err error) {
	paths, explicit := src.files(r.problem)
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if d.seen[path] {
			continue
		}
		d.seen[path], news = true, true
		s, err := r.examine(src, path)
		var unknown *UnknownFormatError
		switch {
		case errors.As(err, &unknown) && !explicit:
			continue // Other files may lie in a folder of logs.
		case !explicit && isGone(path, err):
			delete(d.seen, path) // Another may lie there next.
			continue
		case err != nil:
			r.problem(path, err)
			continue
		}
		if s.shrunk != nil {
			r.problem(path, s.shrunk)
		}
		d.logs++
		r.looks(s)
		if s.first == 0 || !r.enlist(d.byLog, s) {
			d.same++
		}
	}
	return news && !explicit, nil
}

// looks notes that a log was looked at, and how much of an unfinished row stands at its
// end if it holds nothing new; the next Batch tells of that, if there is a whole row to know
// the log by.
func (r *Reader) looks(s *source) {
	l := s.log
	switch {
	case s.shrunk != nil:
		return
	case l == nil && s.rest > 0:
		r.looked[&Log{Path: s.path, SizeBytes: s.rest}] = ""
		return
	case l == nil:
		return
	}
	if s.first != 0 {
		r.looked[l] = "" // It will be read.
		return
	}
	size := l.ReadBytes + s.rest
	if size < l.SizeBytes && s.path != l.Path {
		return // A shorter copy.
	}
	if path, ok := r.looked[l]; !ok || path != "" && s.path == l.Path {
		r.looked[l] = s.path
	}
	if size != l.SizeBytes {
		l.SizeBytes = size
		r.touched[l] = s
	}
}

// isGone tells whether err says that a file is no longer there. A link that leads
// nowhere is there.
func isGone(path string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err = os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// enlist takes a source on to be read. It returns false for a copy of a log that is
// taken on already.
func (r *Reader) enlist(byLog map[*Log]*source, s *source) bool {
	if first, ok := byLog[s.log]; ok {
		first.copies = append(first.copies, s)
		return false
	}
	byLog[s.log] = s
	r.waiting = append(r.waiting, s)
	return true
}

func (r *Reader) sortWaiting() {
	slices.SortFunc(r.waiting, func(a, b *source) int {
		return cmp.Or(cmp.Compare(a.first, b.first), compareID(a.log.ID, b.log.ID))
	})
}

func (r *Reader) where() string {
	var paths []string
	for _, s := range r.Sources {
		paths = append(paths, s.Path)
	}
	return strings.Join(paths, ", ")
}

// files lists the files of a source in the order of their names, and says which of
// its folders can't be read. explicit is true where the source names one file.
func (s Source) files(problem func(path string, err error)) (paths []string, explicit bool) {
	info, err := os.Stat(s.Path)
	switch {
	case err == nil && info.IsDir():
		return s.walk(problem), false
	case err == nil:
		return []string{s.Path}, true
	case errors.Is(err, fs.ErrPermission) || !strings.ContainsAny(s.Path, "*?[{"):
		problem(s.Path, err)
		return nil, true
	}
	// A glob is not there, or, on Windows, has a name that no file can have.
	options := []doublestar.GlobOption{doublestar.WithFilesOnly()}
	if runtime.GOOS == "windows" {
		options = append(options, doublestar.WithCaseInsensitive())
	}
	paths, err = doublestar.FilepathGlob(s.Path, options...)
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("no file matches: %w", fs.ErrNotExist)
	}
	if err != nil {
		problem(s.Path, err)
	}
	slices.Sort(paths)
	return paths, false
}

// walk lists the files in a folder and all below it, also behind symbolic links. A
// folder that can't be read hides its own files only.
func (s Source) walk(problem func(path string, err error)) (paths []string) {
	walkFolder(s.Path, map[string]bool{}, problem, func(path string) { paths = append(paths, path) })
	return paths
}

// walkFolder calls found for each file. behind holds the folders that links led to: a
// link may lead to a folder that it stands in.
func walkFolder(dir string, behind map[string]bool, problem func(path string, err error), found func(path string)) {
	if target, err := filepath.EvalSymlinks(dir); err == nil { // Else WalkDir tells why.
		if behind[target] {
			return
		}
		behind[target] = true
	}
	root := dir + string(filepath.Separator)                                       // Else WalkDir does not follow a link.
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { // All errors go to problem.
		switch {
		case err != nil && path != root && errors.Is(err, fs.ErrNotExist): // Removed meanwhile.
		case err != nil:
			problem(filepath.Clean(path), err) // The root has a separator behind it.
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
		case d.Type()&fs.ModeSymlink != 0 && isFolder(path):
			walkFolder(path, behind, problem, found)
		default:
			found(path)
		}
		return nil
	})
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// examine looks at a file: which log it is, and the time of its next row; first is
// 0 if the file holds nothing new, and log is nil if it holds no row to tell by.
func (r *Reader) examine(src Source, path string) (*source, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, plain, err := f.size()
	if err != nil {
		return nil, err
	}
	b, err := f.beginning()
	if err != nil {
		return nil, err
	}
	s := &source{path: path, page: src.CodePage, plain: plain, seen: int64(len(b))}
	logs, err := r.known.identify(b, src.Format, path)
	if err != nil || len(logs) == 0 {
		if format, _ := sniff(b); format != "" { // Else it may be no log at all, which lies among them.
			s.rest = int64(len(b) - bytes.LastIndexByte(b, '\n') - 1)
		}
		return s, err
	}
	if !plain {
		length := f.unzippedSize(size)
		for _, l := range logs {
			if uint32(l.ReadBytes) == length {
				s.log = l
				return s, nil
			}
		}
	}
	if err := r.which(f, s, size, newHead(b), logs); err != nil {
		return nil, err
	}
	if plain && size <= s.log.ReadBytes {
		return s, nil
	}
	if s.first, s.rest, err = peek(f, s.log, src.CodePage); err != nil || s.first == 0 {
		return s, err
	}
	s.at = s.first
	r.progress.Total += size
	return s, nil
}

// peek returns the time of the first row behind the log's cursor. Where there are
// only rows that can't be understood it is the log's last time, or 1; where there
// is no complete row it is 0, and rest is how much of one there is.
func peek(f *file, l *Log, codePage string) (first mail.Time, rest int64, err error) {
	scratch, err := newAssembly(nil)
	if err != nil {
		return 0, 0, err
	}
	d, err := scratch.decoder(l, codePage)
	if err != nil {
		return 0, 0, err
	}
	lines, err := newLines(f, l.ReadBytes)
	if err != nil {
		return 0, 0, err
	}
	probe := &source{log: &Log{ID: l.ID}, lines: lines, decoder: d}
	more, err := probe.advance(&scratch.tray)
	switch {
	case err != nil:
		return 0, 0, err
	case more:
		return probe.at, 0, nil
	case lines.offset > l.ReadBytes:
		return max(l.LastTime, 1), 0, nil
	}
	return 0, lines.rest, nil
}

// position is how much of the file on disk is read.
func (l *file) position() int64 {
	at, err := l.f.Seek(0, 1)
	if err != nil {
		return 0
	}
	return at
}

func compareID(a, b mail.LogID) int { return cmp.Compare(a, b) }
