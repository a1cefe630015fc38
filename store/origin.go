package store

import (
	"context"
	"database/sql"
	"strings"

	"relaywatch/mail"
)

// session is what table origins has of a transaction.
type session struct {
	server, serverIP, client, helo, user, connector string

	direction                             mail.Direction
	tls                                   mail.TLS
	authenticated, relayRight, hop, probe bool
}

// origin is the numbers of a session. Submitter is 0 for nobody.
type origin struct{ id, submitter int64 }

// origins are the numbers of table origins.
type origins struct {
	ids  map[session]origin
	used bitmap // As names.used.
}

const (
	selectOrigin = `SELECT id FROM origins WHERE client_id = ? AND helo_id = ? AND user_id = ? AND server_id = ? AND server_ip_id = ? AND connector_id = ?
		AND direction = ? AND authenticated = ? AND relay_right = ? AND tls = ? AND hop = ? AND probe = ? AND submitter_id IS ?`
	insertOrigin = `INSERT INTO origins (client_id, helo_id, user_id, server_id, server_ip_id, connector_id,
		direction, authenticated, relay_right, tls, hop, probe, submitter_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (k *known) origin(ctx context.Context, tx *sql.Tx, t *mail.Transaction) (origin, error) {
	s := session{t.Server, t.ServerIP, t.ClientIP, t.HELO, t.User, t.Connector, t.Direction, t.TLS, t.Authenticated, t.RelayRight, t.Hop, t.Probe}
	if got, ok := k.origins.ids[s]; ok {
		k.origins.used.set(got.id)
		return got, nil
	}
	var got origin
	var submitter any
	if who := t.Submitter(); who != (mail.Submitter{}) {
		id, err := k.submitters.id(ctx, tx, who)
		if err != nil {
			return origin{}, err
		}
		got.submitter, submitter = id, id
	}
	args := make([]any, 0, 13)
	for _, text := range [...]string{s.client, s.helo, s.user, s.server, s.serverIP, s.connector} {
		id, err := k.names.id(ctx, tx, text)
		if err != nil {
			return origin{}, err
		}
		args = append(args, id)
	}
	args = append(args, int64(s.direction), s.authenticated, s.relayRight, int64(s.tls), s.hop, s.probe, submitter)
	id, err := findOrInsert(ctx, tx, selectOrigin, insertOrigin, args...)
	if err != nil {
		return origin{}, err
	}
	got.id = id
	for _, text := range [...]*string{&s.server, &s.serverIP, &s.client, &s.helo, &s.user, &s.connector} {
		*text = strings.Clone(*text) // Not a part of a larger text that would be kept with it.
	}
	makeRoom(&k.origins.ids)
	k.origins.ids[s] = got
	k.origins.used.set(got.id)
	return got, nil
}
