package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"relaywatch/mail"
)

const (
	// readAhead is how many recipients are read before their paths are looked up
	// together.
	readAhead = 8192
	// maxPaths is how many paths are kept, some 40 MB. Then replay starts anew.
	maxPaths = 400_000
)

// replay reads transactions and their recipients by two statements that run in the
// same order. Paths are numbers there: a path's text is read once and shared by all
// recipients, since most have many.
type replay struct {
	snapshot     *sql.Tx
	logs         map[int64]mail.LogID
	origins      map[int64]session
	positions    map[int64]mail.LogPos // Of recipients in another log than their transaction.
	transactions numbers
	recipients   numbers
	paths        map[int64]mail.Path // By addresses.id.

	read  []mail.Transaction // In order. What comes after them is of a later second.
	taken int                // Of read.
	to    []int64            // Numbers of the paths of read: a reverse-path, its recipients' paths, the next one.
	err   error
}

func (r *replay) open(ctx context.Context, after mail.Time) error {
	r.paths = make(map[int64]mail.Path)
	r.logs = make(map[int64]mail.LogID)
	err := each(ctx, r.snapshot, func(scan scanner) error {
		var key, id int64
		err := scan(&key, &id)
		r.logs[id] = mail.LogID(key)
		return err
	}, selectLogIDs)
	if err != nil {
		return err
	}
	r.origins = make(map[int64]session)
	err = each(ctx, r.snapshot, func(scan scanner) error {
		var id int64
		var s session
		err := scan(&id, &s.server, &s.serverIP, &s.client, &s.helo, &s.user, &s.connector, &s.direction, &s.tls, &s.authenticated, &s.relayRight, &s.hop, &s.probe)
		r.origins[id] = s
		return err
	}, selectOrigins)
	if err != nil {
		return err
	}
	r.positions = make(map[int64]mail.LogPos)
	err = each(ctx, r.snapshot, func(scan scanner) error {
		var id, key int64
		var pos mail.LogPos
		err := scan(&id, &key, &pos.Offset)
		pos.Log = mail.LogID(key)
		r.positions[id] = pos
		return err
	}, selectPositions)
	if err != nil {
		return err
	}
	var longest int64
	if err := r.snapshot.QueryRowContext(ctx, selectLongest).Scan(&longest); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // As in more.
	if err := r.transactions.open(ctx, r.snapshot, selectReplayed, int64(after), longest); err != nil {
		return err
	}
	if err := r.recipients.open(ctx, r.snapshot, selectReplayedRecipients, int64(after), longest); err != nil {
		return firstError(err, r.transactions.rows.Close())
	}
	return nil
}

func (r *replay) close() {
	r.transactions.rows.Close()
	r.recipients.rows.Close()
}

// more tells whether there is a transaction to take; at the end and after an error
// there is none.
func (r *replay) more(ctx context.Context) bool {
	if r.taken == len(r.read) && r.err == nil {
		if r.err = ctx.Err(); r.err == nil {
			// SQLite would watch ctx at each row, and take its time for that.
			r.err = r.fill(context.WithoutCancel(ctx))
		}
	}
	return r.taken < len(r.read) && r.err == nil
}

// next is the transaction that take takes.
func (r *replay) next() *mail.Transaction { return &r.read[r.taken] }

func (r *replay) take() mail.Transaction {
	t := *r.next()
	r.taken++
	return t
}

// fill reads the transactions of some seconds.
func (r *replay) fill(ctx context.Context) error {
	r.read, r.to, r.taken = r.read[:0], r.to[:0], 0
	for row := r.transactions.peek(); row != nil; row = r.transactions.peek() {
		n := len(r.read)
		if len(r.to) >= readAhead && r.read[n-1].At != mail.Time(row.at(1)) {
			break
		}
		s, ok := r.origins[row.at(4)]
		switch {
		case !ok:
			return fmt.Errorf("transaction %d: no origin %d", row.at(0), row.at(4))
		case s.direction == mail.In: // Others have no recipients here.
			r.read = append(r.read, r.transaction(row, &s))
		}
		r.transactions.done()
	}
	if err := firstError(r.transactions.err, r.recipients.err); err != nil {
		return err
	}
	if err := r.resolve(ctx); err != nil {
		return err
	}
	slices.SortFunc(r.read, func(a, b mail.Transaction) int {
		return cmp.Or(cmp.Compare(a.At, b.At), a.Pos.Compare(b.Pos))
	})
	return nil
}

// transaction is one with its recipients; their paths come later.
func (r *replay) transaction(row numberRow, s *session) mail.Transaction {
	id := row.at(0)
	t := mail.Transaction{
		Pos: mail.LogPos{Log: r.logs[row.at(2)], Offset: row.at(3)}, At: mail.Time(row.at(1)),
		Server: s.server, ServerIP: s.serverIP, ClientIP: s.client, HELO: s.helo, User: s.user, Connector: s.connector, TLS: s.tls,
		Direction: s.direction, Authenticated: s.authenticated, RelayRight: s.relayRight, Hop: s.hop, Probe: s.probe,
		Exact: row.at(5) != 0, SizeBytes: row.at(8), Outcome: mail.Outcome(row.at(9)), EndAt: mail.Time(row.at(10)),
	}
	r.to = append(r.to, row.at(6))
	if n := row.at(7); n > 0 {
		t.Recipients = make([]mail.Recipient, 0, min(n, mail.MaxRecipients))
	}
	last := t.Pos.Offset
	for to := r.recipients.peek(); to != nil && to.at(0)>>16 == id; to = r.recipients.peek() {
		last += to.at(3)
		reply, seconds := untold(to.at(2))
		pos, elsewhere := r.positions[to.at(0)]
		if !elsewhere {
			pos = mail.LogPos{Log: t.Pos.Log, Offset: last}
		}
		t.Recipients = append(t.Recipients, mail.Recipient{Pos: pos, At: t.At + mail.Time(seconds), Reply: reply})
		r.to = append(r.to, to.at(1))
		r.recipients.done()
	}
	return t
}

// awaited is a path whose text is not known yet.
type awaited struct {
	id   int64
	into *mail.Path
}

// resolve gives the transactions that were read their paths.
func (r *replay) resolve(ctx context.Context) error {
	return r.resolveAll(ctx, r.to, func(next func(*mail.Path)) {
		for i := range r.read {
			t := &r.read[i]
			next(&t.ReversePath)
			for j := range t.Recipients {
				next(&t.Recipients[j].Path)
			}
		}
	})
}

// resolveAll gives the paths that each hands to next their texts, by their numbers
// in the same order.
func (r *replay) resolveAll(ctx context.Context, numbers []int64, each func(next func(*mail.Path))) error {
	if len(r.paths) > maxPaths {
		clear(r.paths)
	}
	r.paths[0] = mail.UnknownPath
	var missing []awaited
	each(func(into *mail.Path) {
		id := numbers[0]
		numbers = numbers[1:]
		if path, ok := r.paths[id]; ok {
			*into = path
			return
		}
		missing = append(missing, awaited{id, into})
	})
	if err := r.lookUp(ctx, missing); err != nil {
		return err
	}
	for _, m := range missing {
		*m.into = r.paths[m.id]
	}
	return nil
}

// lookUp reads the paths that are missing.
func (r *replay) lookUp(ctx context.Context, missing []awaited) error {
	ids := make([]int64, 0, len(missing))
	for _, m := range missing {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	var id any // Scan need not convert into these two.
	var path string
	args := make([]any, maxLookups)
	for part := range slices.Chunk(slices.Compact(ids), maxLookups) {
		for i := range args {
			args[i] = part[min(i, len(part)-1)] // The last one again, to fill the statement.
		}
		err := each(ctx, r.snapshot, func(scan scanner) error {
			err := scan(&id, &path)
			n, _ := id.(int64)
			r.paths[n] = mail.Path(path)
			return err
		}, selectPaths, args...)
		if err != nil {
			return err
		}
	}
	return nil
}
