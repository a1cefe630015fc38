// Bare is what relaywatch is measured against: the least that a Go program must do
// to get the recipients of an IIS log into SQLite and to ask which hosts reached
// more than 200 different recipients in an hour. It does not follow sessions,
// survive a crash, read a log twice without counting twice, or explain anything.
//
//	go run ./samples/bare LOG DATABASE
//
// DATABASE must not exist.
package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want LOG and DATABASE")
	}
	if _, err := os.Stat(args[1]); err == nil {
		return fmt.Errorf("%s is there already: name a new file", args[1])
	}
	start := time.Now()
	db, err := open(args[1])
	if err != nil {
		return err
	}
	defer db.Close()
	rows, recipients, err := load(db, args[0])
	if err != nil {
		return fmt.Errorf("load %s: %w", args[0], err)
	}
	hosts, err := massMailers(db)
	if err != nil {
		return fmt.Errorf("ask %s: %w", args[1], err)
	}
	seconds := time.Since(start).Seconds()
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	info, err := os.Stat(args[1])
	if err != nil {
		return err
	}
	fmt.Printf("bare: %d rows, %d recipients, %.2f s, %.1f bytes a recipient, mass mailers: %s\n",
		rows, recipients, seconds, float64(info.Size())/float64(max(recipients, 1)), strings.Join(hosts, " "))
	return nil
}

// open makes the database. The index is kept up while rows come, as it must be
// where a log is followed.
func open(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=NORMAL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`
		CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
		CREATE TABLE recipients (
			time INTEGER NOT NULL, client INTEGER NOT NULL, sender INTEGER NOT NULL, recipient INTEGER NOT NULL,
			reply INTEGER NOT NULL
		) STRICT;
		CREATE INDEX recipients_time ON recipients (time);`)
	return db, err
}

// massMailers names the hosts with more than 200 different recipients in an hour.
func massMailers(db *sql.DB) ([]string, error) {
	rows, err := db.Query(`
		SELECT DISTINCT t.text FROM (
			SELECT client FROM recipients WHERE reply = 250
			GROUP BY client, time / 3600 HAVING count(DISTINCT recipient) > 200
		) m JOIN texts t ON t.id = m.client ORDER BY t.text`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var hosts []string
	for rows.Next() {
		var h string
		if err := rows.Scan(&h); err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, rows.Err()
}

// Columns of a log with all 21 of them.
const (
	colDate, colTime, colClient, colUser = 0, 1, 2, 3
	colMethod, colQuery, colStatus       = 8, 10, 11
	columns                              = 21
)

// session is what must be known until DATA.
type session struct {
	sender     int64
	recipients []recipient
}

type recipient struct {
	time, id int64
	reply    int64
}

// load reads the log and stores a row for each recipient of a message whose DATA
// was answered 250.
func load(db *sql.DB, path string) (rows, recipients int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	w, err := newWriter(db)
	if err != nil {
		return 0, 0, err
	}
	sessions := map[string]*session{}
	var field [columns][]byte
	var key []byte
	lines := bufio.NewScanner(bufio.NewReaderSize(f, 1<<20))
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 || line[0] == '#' || !split(line, &field) {
			continue
		}
		rows++
		key = append(append(key[:0], field[colClient]...), field[colUser]...)
		s := sessions[string(key)]
		if s == nil {
			s = &session{}
			sessions[string(key)] = s
		}
		switch string(field[colMethod]) {
		case "MAIL":
			s.sender = w.id(mailbox(field[colQuery]))
		case "RCPT":
			s.recipients = append(s.recipients, recipient{unix(field[colDate], field[colTime]), w.id(mailbox(field[colQuery])), number(field[colStatus])})
		case "DATA":
			client := w.id(field[colClient])
			for _, r := range s.recipients {
				w.add(r.time, client, s.sender, r.id, r.reply)
			}
			recipients += len(s.recipients)
			s.recipients = s.recipients[:0]
		}
	}
	if err := lines.Err(); err != nil {
		return 0, 0, err
	}
	return rows, recipients, w.close()
}

// split cuts a row at its blanks.
func split(line []byte, field *[columns][]byte) bool {
	for i := range columns - 1 {
		n := bytes.IndexByte(line, ' ')
		if n < 0 {
			return false
		}
		field[i], line = line[:n], line[n+1:]
	}
	return true
}

func mailbox(query []byte) []byte {
	_, b, _ := bytes.Cut(query, []byte("<"))
	b, _, _ = bytes.Cut(b, []byte(">"))
	return bytes.ToLower(b)
}

func unix(date, clock []byte) int64 {
	y, m, d := number(date[:4]), number(date[5:7]), number(date[8:10])
	day := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC).Unix()
	return day + number(clock[:2])*3600 + number(clock[3:5])*60 + number(clock[6:8])
}

func number(digits []byte) int64 {
	n := int64(0)
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	return n
}
