// Command writer does to logs what a mail server on Windows does, while relaywatch
// reads them, and fails where it is kept from that.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const head = "#Software: Microsoft Internet Information Services 8.5\r\n#Version: 1.0\r\n" +
	"#Date: 2026-11-05 08:00:00\r\n" +
	"#Fields: date time c-ip cs-username s-computername cs-method cs-uri-query sc-status cs-bytes\r\n"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "write":
		return write(args[1])
	case len(args) == 3 && args[0] == "remove":
		return remove(args[1], args[2])
	}
	return errors.New("use: writer write FOLDER, writer remove FOLDER STORE")
}

// write logs mail in a folder until there is a file named stop, and prints how many
// mails. The log is held open, and renamed and begun anew after each 100.
func write(folder string) error {
	live := filepath.Join(folder, "ex261105.log")
	mails := 0
	for roll := 0; ; roll++ {
		f, err := os.OpenFile(live, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(head); err != nil {
			return err
		}
		stop := false
		for n := 0; n < 100 && !stop; n++ {
			if _, err := f.WriteString(mail(mails)); err != nil {
				return err
			}
			mails++
			time.Sleep(5 * time.Millisecond)
			_, err := os.Stat(filepath.Join(folder, "stop"))
			stop = err == nil
		}
		if err := f.Close(); err != nil {
			return err
		}
		if stop {
			fmt.Println(mails)
			return nil
		}
		if err := os.Rename(live, filepath.Join(folder, fmt.Sprintf("ex261105-%d.log", roll))); err != nil {
			return err
		}
	}
}

// mail is the rows of a mail to one recipient, the n-th of the day.
func mail(n int) string {
	at := time.Date(2026, 11, 5, 8, 0, n, 0, time.UTC).Format("2006-01-02 15:04:05")
	client := fmt.Sprintf("10.1.%d.%d", n/200%200, n%200+1)
	row := func(method, query string, bytes int) string {
		return fmt.Sprintf("%s %s pc MAIL01 %s %s 250 %d\r\n", at, client, method, query, bytes)
	}
	return row("MAIL", "+FROM:+<ann@corp.example>", 32) +
		row("RCPT", fmt.Sprintf("+TO:+<u%d@corp.example>", n), 30) +
		row("DATA", "-", 900) + row("QUIT", "-", 4)
}

// remove waits until rows of the folder's logs are being stored, and so the logs are
// open, and then renames each of them and deletes it.
func remove(folder, store string) error {
	if err := waitFor(store + "-wal"); err != nil {
		return err
	}
	logs, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, l := range logs {
		path := filepath.Join(folder, l.Name())
		if err := os.Rename(path, path+".old"); err != nil {
			return err
		}
		if err := os.Remove(path + ".old"); err != nil {
			return err
		}
	}
	fmt.Println(len(logs))
	return nil
}

// emptyStore is more than what making an empty store writes, 1.1 MB.
const emptyStore = 2 << 20

// waitFor waits until a file has grown beyond what an empty store needs, for a
// minute at the most.
func waitFor(path string) error {
	for range 6000 {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.Size() > emptyStore:
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("too little was written to %s", path)
}
