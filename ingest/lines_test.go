package ingest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type lineAt struct {
	Offset int64
	Text   string
}

// readLines reads everything that is written from offset on, and where it stops.
func readLines(t *testing.T, content []byte, offset int64) (got []lineAt, l *lines, long int) {
	t.Helper()
	l, err := newLines(bytes.NewReader(content), offset)
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, at, err := l.next()
		switch {
		case errors.Is(err, io.EOF):
			return got, l, long
		case errors.Is(err, errTooLong):
			long++
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, lineAt{at, string(line)})
		}
	}
}

func TestLines(t *testing.T) {
	nuls := strings.Repeat("\x00", 70_000)
	tests := []struct {
		name    string
		content string
		want    []lineAt
		end     int64 // Where the next run goes on.
		rest    int64 // What stands there of a row.
	}{
		{"empty", "", nil, 0, 0},
		{"two rows, CR stays", "a\r\nbc\n", []lineAt{{0, "a\r"}, {3, "bc"}}, 6, 0},
		{"half a row is not written yet", "a\nhal", []lineAt{{0, "a"}}, 2, 3},
		{"reserved space is not written yet", "a\n" + nuls, []lineAt{{0, "a"}}, 2, 0},
		{"half a row in reserved space", "a\nhal" + nuls, []lineAt{{0, "a"}}, 2, 3},
		{"a gap with rows behind it ends the line before it", "a\nbro" + nuls + "c\nd\n", []lineAt{{0, "a"}, {2, "bro"}, {70_005, "c"}, {70_007, "d"}}, 70_009, 0},
		{"a gap between rows", "a\n\x00\x00b\n", []lineAt{{0, "a"}, {4, "b"}}, 6, 0},
		{"two gaps", "a\x00b\x00c\nd\x00", []lineAt{{0, "a"}, {2, "b"}, {4, "c"}}, 6, 1},
		{"half a row longer than is read at once", "a\n" + strings.Repeat("x", 300_000) + nuls, []lineAt{{0, "a"}}, 2, 300_000},
		{"empty lines", "\n\na\n", []lineAt{{0, ""}, {1, ""}, {2, "a"}}, 4, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, l, _ := readLines(t, []byte(tt.content), 0)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if l.offset != tt.end || l.rest != tt.rest {
				t.Errorf("goes on at %d, where %d bytes stand; want %d, %d", l.offset, l.rest, tt.end, tt.rest)
			}
		})
	}
}

func TestLinesTooLong(t *testing.T) {
	content := "a\n" + strings.Repeat("x", 3*maxLine) + "\nb\n"
	got, l, long := readLines(t, []byte(content), 0)
	want := []lineAt{{0, "a"}, {int64(3*maxLine + 3), "b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if long != 1 || l.offset != int64(len(content)) {
		t.Errorf("got %d long lines, end %d; want 1, %d", long, l.offset, len(content))
	}
}

// While a server fills reserved space, a read may see NUL bytes whose place is
// written by the time of the next read. Nothing may be cut in two by that.
func TestLinesOvertakenByWriter(t *testing.T) {
	w := &overtaking{content: []byte("first row\nsecond row\nthird row\n"), seen: 14}
	l, err := newLines(w, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		line, _, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"first row", "second row", "third row"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// overtaking is a file whose first read ends in NUL bytes that are written before
// the second read.
type overtaking struct {
	content []byte
	seen    int // Bytes written at the first read.
	at      int
	reads   int
}

func (w *overtaking) Read(b []byte) (int, error) {
	w.reads++
	if w.at >= len(w.content) {
		return 0, io.EOF
	}
	if w.reads == 1 {
		n := copy(b, w.content[:w.seen])
		n += copy(b[n:], "\x00\x00\x00")
		w.at = n
		return n, nil
	}
	n := copy(b, w.content[w.at:])
	w.at += n
	return n, nil
}

func (w *overtaking) Seek(offset int64, _ int) (int64, error) {
	w.at = int(offset)
	return offset, nil
}

// Wherever reading stops, going on from there gives the same lines.
func TestLinesResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		content := rapid.SliceOf(rapid.SampledFrom([]byte("ab\r\n\n\x00"))).Draw(rt, "content")
		cut := rapid.IntRange(0, len(content)).Draw(rt, "cut")
		whole, wholeLines, _ := readLines(t, content, 0)
		// A gap is told only by what is behind it: cut where no NUL stands before.
		for cut > 0 && content[cut-1] == 0 {
			cut--
		}
		before, half, _ := readLines(t, content[:cut], 0)
		after, rest, _ := readLines(t, content, half.offset)
		if diff := cmp.Diff(whole, append(before, after...)); diff != "" {
			rt.Fatalf("cut at %d, lines (-whole +parts):\n%s", cut, diff)
		}
		if rest.offset != wholeLines.offset || rest.rest != wholeLines.rest {
			rt.Fatalf("goes on at %d, where %d bytes stand; want %d, %d", rest.offset, rest.rest, wholeLines.offset, wholeLines.rest)
		}
	})
}
