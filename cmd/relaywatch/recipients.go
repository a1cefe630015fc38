package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"relaywatch/detect"
	"relaywatch/mail"
)

// What a store keeps of the addresses of recipients: privacy.recipients.
const (
	recipientsFull   = "full"   // The address.
	recipientsDomain = "domain" // Its domain: all recipients of a domain are one.
	recipientsHash   = "hash"   // A name by which it can be told apart, and its domain.
)

// keyBytes is as much as the hash gives, SHA-256.
const keyBytes = 32

// keyFile is beside a store that does not keep recipients in full: what it keeps, and
// the key of the names. It is no part of the store, so that a copy of that names nobody.
func keyFile(store string) string { return store + ".recipients" }

// makeKey makes the key of a store that is not there yet.
func (c *Config) makeKey() error {
	if c.Privacy.Recipients == recipientsFull {
		return nil
	}
	for _, path := range []string{c.Store.Path, keyFile(c.Store.Path)} {
		if info, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) && (err != nil || info.Size() > 0) {
			return nil // judgingSite says what is wrong.
		}
	}
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	if err := writeClosed(keyFile(c.Store.Path), keyText(c.Privacy.Recipients, key)); err != nil {
		return fmt.Errorf("write the key of the recipients' names: %w", err)
	}
	return nil
}

// keyText is the content of a key file.
func keyText(mode string, key []byte) []byte {
	return []byte(mode + "\n" + hex.EncodeToString(key) + "\n")
}

// readKey is what a store keeps of recipients, and the key of their names: full where no
// key lies beside it.
func readKey(store string) (kept string, key []byte, err error) {
	path := keyFile(store)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return recipientsFull, nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the key of the recipients' names: %w", err)
	}
	kept, hexKey, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	kept = strings.TrimSpace(kept)
	key, err = hex.DecodeString(strings.TrimSpace(hexKey))
	if err != nil || len(key) != keyBytes || kept != recipientsDomain && kept != recipientsHash {
		return "", nil, fmt.Errorf("%s is not as relaywatch wrote it: put it back from a backup", path)
	}
	return kept, key, nil
}

// pseudonyms are the names of recipients in the store; nil where it keeps them in full.
func (c *Config) pseudonyms() (*mail.Pseudonyms, error) {
	path, want := c.Store.Path, c.Privacy.Recipients
	if _, err := os.Stat(changedKeyFile(path)); err == nil {
		return nil, fmt.Errorf("store %s was being changed to keep less of recipients, and that was interrupted: run `relaywatch recipients` to end it", path)
	}
	kept, key, err := readKey(path)
	if err != nil {
		return nil, err
	}
	info, statErr := os.Stat(path)
	switch {
	case kept == recipientsFull && (want == recipientsFull || statErr != nil || info.Size() == 0):
		return nil, nil
	case kept == recipientsFull:
		return nil, fmt.Errorf("store %s keeps recipients in full, or lost %s, and privacy.recipients is %s: %s", path, keyFile(path), want, lessRecipients)
	case howMuch[kept] > howMuch[want]:
		return nil, fmt.Errorf("store %s keeps of recipients: %s, and privacy.recipients is %s: %s", path, kept, want, lessRecipients)
	case kept != want:
		return nil, fmt.Errorf("store %s keeps of recipients: %s, and privacy.recipients is %s: %s", path, kept, want, moreRecipients)
	case kept == recipientsDomain:
		key = nil
	}
	return mail.NewPseudonyms(key), nil
}

// keepsDomainsOnly tells whether a store keeps nothing of a recipient but its domain.
func keepsDomainsOnly(store string) bool {
	data, err := os.ReadFile(keyFile(store))
	return err == nil && strings.HasPrefix(string(data), recipientsDomain+"\n")
}

const (
	lessRecipients = "run `relaywatch recipients` once, with the agent stopped, and it keeps less of those that are stored, too; " +
		"if the file was lost, put it back; or set privacy.recipients back"
	moreRecipients = "what was not kept can't be brought back; set it back, " +
		"or move the store and what lies beside it away: a new one is made from the logs"
)

// judgingSite is site with the names of recipients, as whoever judges stored mail needs
// them.
func (c *Config) judgingSite() (detect.Site, error) {
	s, err := c.site()
	if err != nil {
		return s, err
	}
	if s.Hide, err = c.pseudonyms(); err != nil || s.Hide == nil {
		return s, err
	}
	s.Digest.To = slices.Clone(s.Digest.To)
	for i, to := range s.Digest.To {
		s.Digest.To[i] = s.Hide.Path(to)
	}
	return s, nil
}
