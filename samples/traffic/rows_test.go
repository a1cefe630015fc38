package traffic

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"
	"time"
)

// w3cRow is a row of an IIS log, read by the column numbers of its header. It is
// read here by other code than wrote it.
type w3cRow struct {
	file, line                string
	at                        time.Time
	client, user, verb, query string
	status                    string
	win32, sc, cs             int
}

const colCount = 21

func readW3C(t *testing.T, files []File) []w3cRow {
	t.Helper()
	var all []w3cRow
	for _, f := range files {
		for line := range strings.SplitSeq(strings.TrimSuffix(string(f.Data), "\r\n"), "\r\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			c := strings.Split(line, " ")
			if len(c) != colCount {
				t.Fatalf("%s: got %d columns; want %d: %q", f.Path, len(c), colCount, line)
			}
			at, err := time.Parse(time.DateTime, c[0]+" "+c[1])
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			all = append(all, w3cRow{
				file: f.Path, line: line, at: at, client: c[2], user: c[3], verb: c[8], query: c[10], status: c[11],
				win32: number(t, c[12]), sc: number(t, c[13]), cs: number(t, c[14]),
			})
		}
	}
	return all
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// argument is the mailbox in a MAIL or RCPT query.
func (r *w3cRow) argument() string {
	_, s, _ := strings.Cut(r.query, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (r *w3cRow) outbound() bool { return strings.HasPrefix(r.user, "OutboundConnection") }

// exRow is a row of an Exchange log.
type exRow struct {
	file, connector, session   string
	at                         time.Time
	seq                        int
	local, remote              string
	event, data, context, line string
}

func readExchange(t *testing.T, files []File, folder string) []exRow {
	t.Helper()
	var all []exRow
	for _, f := range files {
		if !strings.HasPrefix(f.Path, folder) {
			continue
		}
		r := csv.NewReader(bytes.NewReader(f.Data))
		r.Comment, r.FieldsPerRecord, r.LazyQuotes = '#', 9, false
		records, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		for _, c := range records {
			at, err := time.Parse("2006-01-02T15:04:05.000Z", c[0])
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			all = append(all, exRow{
				file: f.Path, at: at, connector: c[1], session: c[2], seq: number(t, c[3]), local: c[4], remote: c[5],
				event: c[6], data: c[7], context: c[8], line: strings.Join(c, ","),
			})
		}
	}
	if len(all) == 0 {
		t.Fatalf("no rows in %s", folder)
	}
	return all
}
