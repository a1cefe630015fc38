package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"relaywatch/mail"
	"relaywatch/store"
)

func (p *program) recipientsCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "recipients",
		Short: "Keep less of the recipients that are stored, as privacy.recipients says",
		Long: "recipients changes a store that has kept recipients until now to what the configuration\n" +
			"says in privacy.recipients: from full to hash or domain, or from hash to domain. It is as\n" +
			"if all had been read so from the first row on: in recipients, deliveries, answers of\n" +
			"remote servers, the quarantine and sessions still open. There is no way back. All stored\n" +
			"mail is judged anew, and the file is written anew, so that no byte of them is left.\n\n" +
			"The agent must be stopped meanwhile. Notes, logs, backups, pages and mails are not touched.",
		Example: "  relaywatch recipients\n  relaywatch recipients --yes",
		Args:    only(0, "no argument: set privacy.recipients in the configuration"),
		RunE:    func(c *cobra.Command, _ []string) error { return p.changeRecipients(c.Context(), yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// changedKeyFile is what keyFile will be, while a store is changed.
func changedKeyFile(store string) string { return keyFile(store) + ".new" }

// howMuch orders what is kept of recipients.
var howMuch = map[string]int{recipientsFull: 3, recipientsHash: 2, recipientsDomain: 1}

func (p *program) changeRecipients(ctx context.Context, yes bool) error {
	path, want := p.config.Store.Path, p.config.Privacy.Recipients
	release, err := p.alone(ctx, "stores recipients", "change it")
	if err != nil {
		return err
	}
	defer release()
	db, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	goesOn, err := resumeChange(ctx, db, path)
	if err != nil {
		return err
	}
	kept, _, err := readKey(path)
	if err != nil {
		return err
	}
	switch {
	case kept == want && !goesOn:
		_, err := fmt.Fprintf(p.out, "the store keeps of recipients what privacy.recipients says, %s: there is nothing to change\n", want)
		return err
	case howMuch[kept] < howMuch[want]:
		return fmt.Errorf("store %s keeps of recipients: %s, and privacy.recipients is %s: what was not kept can't be brought back; "+
			"set it to %s, or move the store and what lies beside it away: a new one is made from the logs", path, kept, want, kept)
	}
	if kept == recipientsFull {
		if lost, err := db.LooksHidden(ctx); err != nil || lost {
			return errors.Join(err, fmt.Errorf("store %s has names of recipients, whose key was in %s: put that back first", path, keyFile(path)))
		}
	}
	if kept != want {
		fmt.Fprintf(p.out, "the store keeps of recipients: %s; from now on: %s. Not touched are notes, logs, backups, pages and mails that were sent\n", kept, want)
		if !yes && !p.confirmed("Change what is stored? This cannot be undone. Type yes: ") {
			return errors.New("nothing is changed: it was not confirmed (--yes does not ask)")
		}
		if err := p.hideStored(ctx, db); err != nil {
			return err
		}
	}
	return p.finishChange(ctx, db)
}

// hideStored makes a key, hides what is stored by it, and puts the key in place. Killed
// at any moment, resumeChange knows what was done.
func (p *program) hideStored(ctx context.Context, db *store.DB) error {
	path, mode := p.config.Store.Path, p.config.Privacy.Recipients
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	data := keyText(mode, key)
	if err := writeClosed(changedKeyFile(path), data); err != nil {
		return fmt.Errorf("write the key of the recipients' names: %w", err)
	}
	if mode == recipientsDomain {
		key = nil
	}
	if err := db.Hide(ctx, mail.NewPseudonyms(key), keyMark(data)); err != nil {
		return err
	}
	return os.Rename(changedKeyFile(path), keyFile(path))
}

// keyMark names a key file in the store, and tells nothing of it.
func keyMark(data []byte) string {
	sum := sha256.Sum256(append([]byte("relaywatch recipients "), data...))
	return hex.EncodeToString(sum[:8])
}

// resumeChange ends a change that was interrupted, and tells whether there was one: its
// key holds if the store was changed, and is removed if it was not.
func resumeChange(ctx context.Context, db *store.DB, path string) (bool, error) {
	data, err := os.ReadFile(changedKeyFile(path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	hidden, err := db.Hidden(ctx)
	if err != nil {
		return false, err
	}
	if hidden != keyMark(data) {
		return false, os.Remove(changedKeyFile(path))
	}
	return true, os.Rename(changedKeyFile(path), keyFile(path))
}

// finishChange removes the addresses that nothing names any more, judges all mail anew,
// and writes the file anew.
func (p *program) finishChange(ctx context.Context, db *store.DB) error {
	ruleSet, err := rulesIn(p.config.Rules.Path)
	if err != nil {
		return err
	}
	site, err := p.config.judgingSite()
	if err != nil {
		return err
	}
	if err := db.DropUnnamed(ctx); err != nil {
		return err
	}
	if err := writeAnew(ctx, db, ruleSet, site); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "the store keeps of recipients: %s; all stored mail is judged anew, and the store is written anew\n", p.config.Privacy.Recipients)
	return err
}
