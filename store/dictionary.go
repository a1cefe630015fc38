package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"relaywatch/mail"
)

// maxKnown is how many numbers each dictionary holds in memory, some 10 MB. Then it
// starts anew.
const maxKnown = 100_000

// names are the numbers of texts in table names.
type names struct {
	ids  map[string]int64
	used bitmap // Notes what is named, while Prune looks for orphans; nil otherwise.
}

const (
	selectName = `SELECT id FROM names WHERE text = ?`
	insertName = `INSERT INTO names (text) VALUES (?)`
)

// id is the number of text, 0 for "".
func (n *names) id(ctx context.Context, tx *sql.Tx, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if id, ok := n.ids[text]; ok {
		n.used.set(id)
		return id, nil
	}
	id, err := findOrInsert(ctx, tx, selectName, insertName, text)
	if err != nil {
		return 0, err
	}
	makeRoom(&n.ids)
	n.ids[strings.Clone(text)] = id
	n.used.set(id)
	return id, nil
}

// domains are the numbers of table domains, and whether a domain is outside.
type domains struct {
	own  map[string]bool
	ids  map[string]domain
	used bitmap // As names.used.
}

type domain struct {
	id       int64
	external external
}

const (
	selectDomain = `SELECT id FROM domains WHERE name = ?`
	insertDomain = `INSERT INTO domains (name, external) VALUES (?, ?)`
)

// get is the domain of that name, adding it if it is new.
func (d *domains) get(ctx context.Context, tx *sql.Tx, name string) (domain, error) {
	got, err := d.find(ctx, tx, name)
	if err != nil || got.id != 0 {
		return got, err
	}
	got.external = d.external(name)
	result, err := tx.ExecContext(ctx, insertDomain, name, got.external.value())
	if err != nil {
		return domain{}, err
	}
	if got.id, err = result.LastInsertId(); err != nil {
		return domain{}, err
	}
	d.keep(name, got)
	return got, nil
}

// find is the domain of that name; its id is 0 if the store has none.
func (d *domains) find(ctx context.Context, tx *sql.Tx, name string) (domain, error) {
	if got, ok := d.ids[name]; ok {
		d.used.set(got.id)
		return got, nil
	}
	got := domain{external: d.external(name)}
	switch err := tx.QueryRowContext(ctx, selectDomain, name).Scan(&got.id); {
	case errors.Is(err, sql.ErrNoRows):
		return domain{}, nil
	case err != nil:
		return domain{}, err
	}
	d.keep(name, got)
	return got, nil
}

func (d *domains) keep(name string, got domain) {
	makeRoom(&d.ids)
	d.ids[strings.Clone(name)] = got
	d.used.set(got.id)
}

// external tells whether mail to the domain leaves ours: a domain of our own stands
// for its subdomains too, and mail without a domain is local.
func (d *domains) external(name string) external {
	if len(d.own) == 0 {
		return unknown
	}
	for rest := name; rest != ""; {
		if d.own[rest] {
			return inside
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	if name == "" {
		return inside
	}
	return outside
}

// external is 0, 1 or unknown, as column external.
type external int8

const (
	inside  external = 0
	outside external = 1
	unknown external = -1
)

func (e external) value() any {
	if e == unknown {
		return nil
	}
	return int64(e)
}

// submitters are the numbers of table submitters.
type submitters struct {
	ids  map[mail.Submitter]int64
	used bitmap // As names.used.
}

const (
	selectSubmitter = `SELECT id FROM submitters WHERE kind = ? AND value = ?`
	insertSubmitter = `INSERT INTO submitters (kind, value) VALUES (?, ?)`
)

func (s *submitters) id(ctx context.Context, tx *sql.Tx, who mail.Submitter) (int64, error) {
	if id, ok := s.ids[who]; ok {
		s.used.set(id)
		return id, nil
	}
	id, err := findOrInsert(ctx, tx, selectSubmitter, insertSubmitter, who.Kind, who.Value)
	if err != nil {
		return 0, err
	}
	makeRoom(&s.ids)
	s.ids[mail.Submitter{Kind: who.Kind, Value: strings.Clone(who.Value)}] = id
	s.used.set(id)
	return id, nil
}

// findOrInsert is the id that find selects, or that of the row that add makes.
func findOrInsert(ctx context.Context, tx *sql.Tx, find, add string, args ...any) (int64, error) {
	var id int64
	err := tx.QueryRowContext(ctx, find, args...).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	result, err := tx.ExecContext(ctx, add, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// makeRoom empties a map that is full, or makes it.
func makeRoom[K comparable, V any](m *map[K]V) {
	if *m == nil || len(*m) >= maxKnown {
		*m = make(map[K]V)
	}
}
