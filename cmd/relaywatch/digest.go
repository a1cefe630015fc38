package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/digest"
	"relaywatch/mail"
	"relaywatch/store"
)

// digestFlags are those of the command.
type digestFlags struct {
	date, out  string
	send, test bool
}

func (p *program) digestCommand() *cobra.Command {
	var f digestFlags
	c := &cobra.Command{
		Use:   "digest",
		Short: "The daily mail: print it, write it to a file, send it",
		Long: "digest prints the mail of a day as text. The agent sends it by itself every day at\n" +
			"digest.at; without an agent, `digest --send` once a day does the same: each mail is\n" +
			"sent once, whoever sends it. digest --test sends a harmless mail and shows what is\n" +
			"said to the server.",
		Example: "  relaywatch digest --date 2026-11-05\n  relaywatch digest --out today.html\n  relaywatch digest --test",
		Args:    only(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			if n := countTrue(f.out != "", f.send, f.test); n > 1 || f.test && f.date != "" {
				return usageError{errors.New("choose one of --out, --send and --test (which takes no --date)")}
			}
			if f.test {
				return p.testMail(c.Context())
			}
			return p.digest(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.date, "date", "", "the mail of `DATE` (2026-11-05), which covers the day before digest.at (default: the latest that is due)")
	c.Flags().StringVar(&f.out, "out", "", "write `FILE`: .html, .eml, .json or .txt")
	c.Flags().BoolVar(&f.send, "send", false, "send it, unless it was sent")
	c.Flags().BoolVar(&f.test, "test", false, "send a harmless mail to digest.to, and show the dialogue")
	return c
}

func countTrue(list ...bool) int {
	n := 0
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

func (p *program) digest(ctx context.Context, f digestFlags) error {
	clock, err := p.config.clock()
	if err != nil {
		return err
	}
	now := p.clock()
	date := clock.Latest(now)
	if f.date != "" {
		if date, err = digest.ParseDate(f.date); err != nil {
			return usageError{fmt.Errorf("--date %w", err)}
		}
	}
	if clock.Due(date).After(now) && f.send {
		return usageError{fmt.Errorf("the mail of %s is not due before %s", date, clock.Due(date).Format("2006-01-02 15:04 MST"))}
	}
	if f.out != "" && !slices.Contains([]string{".html", ".eml", ".json", ".txt"}, strings.ToLower(filepath.Ext(f.out))) {
		return usageError{fmt.Errorf("--out %q: name a file that ends in .html, .eml, .json or .txt", f.out)}
	}
	if f.out != "" {
		if err := errors.Join(checkTarget("--out", f.out), p.notStore("--out", f.out)); err != nil {
			return err
		}
	}
	if f.send {
		return p.sendDigest(ctx, date)
	}
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	m := &mailer{p: p, db: db, now: now}
	spec, err := m.spec(date, nil)
	if err != nil {
		return err
	}
	d, _, err := p.day(ctx, db, spec)
	if err != nil {
		return err
	}
	d.Late = false // It is made by hand.
	if f.out != "" {
		return m.write(d, f.out)
	}
	_, err = fmt.Fprintf(p.out, "Subject: %s\n\n%s", d.Subject(), d.Text())
	return err
}

// write writes the mail in the form that the file's name tells.
func (m *mailer) write(d *digest.Day, path string) error {
	data := []byte("Subject: " + d.Subject() + "\n\n" + d.Text())
	var err error
	switch strings.ToLower(filepath.Ext(path)) {
	case ".html":
		data, err = d.HTML()
	case ".json":
		data, err = d.JSON()
	case ".eml":
		c := m.p.config.Digest
		if !c.on() {
			return usageError{errors.New("digest.from and digest.to are not set: an .eml file needs them")}
		}
		var msg *digest.Message
		msg, err = d.Compose(digest.Head{ID: m.messageID(store.DigestDaily, d.Date), From: c.From, To: c.To, Date: m.now, JSON: c.AttachJSON})
		if err == nil {
			data = msg.Data
		}
	}
	if err != nil {
		return err
	}
	if err := writeClosed(path, data); err != nil {
		return fmt.Errorf("write the mail: %w", err)
	}
	return nil
}

// wanted says so if there is nobody to send mail to.
func (p *program) wanted() error {
	if !p.config.Digest.on() {
		return usageError{errors.New("nobody is to get the mail: set digest.to, digest.from and digest.smtp in the configuration")}
	}
	return nil
}

// sendDigest sends the mail of a date, if nobody did.
func (p *program) sendDigest(ctx context.Context, date digest.Date) error {
	if err := p.wanted(); err != nil {
		return err
	}
	if _, err := p.config.relay(); err != nil {
		return usageError{err}
	}
	if _, err := os.Stat(p.config.Store.Path); err != nil {
		db, err := store.OpenReadOnly(ctx, p.config.Store.Path) // It says what is wrong.
		if err == nil {
			err = db.Close()
		}
		return err
	}
	db, err := store.Open(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	m := &mailer{p: p, db: db, now: p.clock()}
	d, err := db.Digest(ctx, store.DigestDaily, date.String())
	if err == nil && (d == nil || d.MessageID == "") {
		var last *store.Digest
		if last, err = db.LastDigest(ctx, store.DigestDaily, date.String()); err == nil {
			_, err = m.make(ctx, date, last)
		}
	}
	switch {
	case err != nil:
		return err
	case d != nil && d.MessageID != "" && d.Done != 0:
		_, err := fmt.Fprintf(p.out, "the mail of %s was made before, and is done with since %s UTC: it is not sent again\n", date, short(d.Done))
		return err
	}
	if err := m.try(ctx, store.DigestDaily, date.String()); err != nil {
		return fmt.Errorf("%w\nthe mail of %s is kept: the agent, or the next `relaywatch digest --send --date %s`, tries it again", err, date, date)
	}
	_, err = fmt.Fprintf(p.out, "the server has taken the mail of %s for %s\n", date, strings.Join(p.config.Digest.To, ", "))
	return err
}

// testMail sends a harmless mail and shows the dialogue.
func (p *program) testMail(ctx context.Context) error {
	if err := p.wanted(); err != nil {
		return err
	}
	relay, err := p.config.relay()
	if err != nil {
		return usageError{err}
	}
	relay.Dialogue = func(line string) { fmt.Fprintln(p.out, visible(line)) }
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	m := &mailer{p: p, now: p.clock()}
	c := p.config.Digest
	head := digest.Head{ID: m.messageID("test", mail.Of(m.now).String()), From: c.From, To: c.To, Date: m.now}
	msg, err := digest.Test(head, host)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "* %s, to %s\n", c.SMTP.String(), strings.Join(c.To, ", "))
	taken, err := relay.Send(ctx, msg, c.To)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "* the server has taken the test for %s\n", strings.Join(taken, ", "))
	return err
}
