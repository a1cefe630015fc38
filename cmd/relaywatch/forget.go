package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
	"relaywatch/words"
)

func (p *program) forgetCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "forget ADDRESS",
		Short: "Take one address out of the store for good",
		Long: "forget gives an address a name that nobody can trace back, forgotten-… at its domain,\n" +
			"wherever the store has it: as a recipient, as a sender, as the account of that name,\n" +
			"in what remote servers answered, in the quarantine, in findings and in notes. It stays\n" +
			"one address, so that all counts and findings stand: who was accused under it is accused\n" +
			"as forgotten-…, with the same proof. An account of another form is forgotten by that,\n" +
			"as 'corp\\ann'. All stored mail is judged anew, and the file is\n" +
			"written anew, so that its bytes are gone: about as long as its logs took to read.\n\n" +
			"The agent must be stopped meanwhile. Logs, backups and pages are not touched, and\n" +
			"explain quotes the rows of logs as they are.",
		Example: "  relaywatch forget ann@example.net\n  relaywatch forget ann@example.net --yes\n  relaywatch forget 'corp\\ann'",
		Args:    only(1, "one argument, the address to forget"),
		RunE: func(c *cobra.Command, args []string) error {
			path := mail.Path(strings.ToLower(strings.Trim(args[0], "<> ")))
			if path == "" || !path.Known() {
				return usageError{errors.New("an address is needed, as ann@example.net")}
			}
			return p.forget(c.Context(), path, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (p *program) forget(ctx context.Context, path mail.Path, yes bool) error {
	release, err := p.alone(ctx, "remembers the address", "forget it")
	if err != nil {
		return err
	}
	defer release()
	db, err := store.Open(ctx, p.config.Store.Path)
	if err != nil {
		return err
	}
	defer db.Close()
	forms, err := p.formsOf(path)
	if err != nil {
		return err
	}
	var m store.Mentions
	for i, form := range forms {
		found, err := db.Mentions(ctx, form)
		if err != nil {
			return err
		}
		if i == 0 {
			m = found
		} else {
			m.Add(found)
		}
	}
	p.sayMentions(path, &m)
	if m.Total() == 0 {
		if yes {
			return db.Scour(ctx) // It may be removed already, and its bytes not.
		}
		return nil
	}
	if !yes && !p.confirmed("Forget it? This cannot be undone. Type yes: ") {
		return errors.New("nothing is changed: it was not confirmed (--yes does not ask)")
	}
	return p.forgetIn(ctx, db, path, forms)
}

// formsOf are as what the store may have an address.
func (p *program) formsOf(path mail.Path) ([]mail.Path, error) {
	names, err := p.config.pseudonyms()
	switch {
	case err != nil:
		return nil, err
	case names == nil || !names.Apart():
		return []mail.Path{path}, nil
	}
	return []mail.Path{path, names.Path(path)}, nil
}

// sayMentions tells what will be touched, and what will not.
func (p *program) sayMentions(path mail.Path, m *store.Mentions) {
	say := func(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }
	address := visible(string(path))
	if m.Total() == 0 {
		say("%s is not in the store as a recipient, a sender or an account, nor in any text: there is nothing to forget", address)
	} else {
		say("%s is in the store as %s, in %s to it, and in %s", address, words.Plural(m.Recipients, "recipient"),
			pluralOf(m.Deliveries, "delivery", "deliveries"), pluralOf(m.Texts, "text that quotes it", "texts that quote it"))
	}
	if m.ReversePaths > 0 {
		say("as the sender of %s it is forgotten, too", words.Plural(m.ReversePaths, "transaction"))
	}
	if m.Account {
		say("the account of that name is forgotten, too: what it did stands, as done by another name")
	}
	if m.Suspected {
		say("it is under suspicion: who was accused, and whether rightly, is told by the log rows alone from now on")
	}
	if m.MailsWaiting > 0 {
		say("%s not sent yet: they quote rows of logs, and are sent as they are", pluralOf(m.MailsWaiting, "daily mail is", "daily mails are"))
	}
	say("not touched are logs, backups, pages and mails that were sent; a log that is not read yet brings it back")
}

func pluralOf(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return words.Thousands(n) + " " + many
}

// confirmed asks on standard input.
func (p *program) confirmed(question string) bool {
	fmt.Fprint(p.err, question)
	answer, err := bufio.NewReader(cmp.Or[io.Reader](p.in, os.Stdin)).ReadString('\n')
	if err != nil {
		fmt.Fprintln(p.err) // Nobody has ended the line.
	}
	return (err == nil || errors.Is(err, io.EOF)) && strings.EqualFold(strings.TrimSpace(answer), "yes")
}

// forgetIn forgets an address, judges all mail anew, so that no memory of it is left,
// and writes the file anew.
func (p *program) forgetIn(ctx context.Context, db *store.DB, path mail.Path, forms []mail.Path) error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	for _, form := range forms {
		if err := db.Forget(ctx, form); err != nil {
			return err
		}
	}
	if err := writeAnew(ctx, db, ruleSet, site); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s is forgotten; all stored mail is judged anew, and the store is written anew\n", visible(string(path)))
	return err
}

// writeAnew judges all mail anew, if what is stored was changed, and writes the file anew,
// so that no byte is left of what it was.
func writeAnew(ctx context.Context, db *store.DB, ruleSet []*detect.Rule, site detect.Site) error {
	line, err := newPipeline(ctx, db, ruleSet, site)
	if err != nil {
		return err
	}
	if line.anew {
		if err := line.finish(ctx, line.until.Add(detect.Grace)); err != nil {
			return err
		}
	}
	return db.Scour(ctx)
}
