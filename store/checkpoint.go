package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"relaywatch/detect"
	"relaywatch/mail"
)

const (
	upsertCheckpoint = `INSERT INTO checkpoint (id, judge, until, memory_at, cases, turn, turn_at) VALUES (1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET judge = excluded.judge, until = excluded.until, memory_at = excluded.memory_at, cases = excluded.cases,
		turn = excluded.turn, turn_at = excluded.turn_at`

	selectTurn       = `SELECT coalesce((SELECT turn FROM checkpoint), 0)`
	forgetMemory     = `DELETE FROM memory WHERE turn < ?`
	selectLastMemory = `SELECT submitter_id, max(id), length(stretches), turn FROM memory GROUP BY submitter_id`
	insertMemory     = `INSERT INTO memory (submitter_id, turn, stretches) VALUES (?, ?, ?)`
	appendMemory     = `UPDATE memory SET stretches = CAST(stretches || ? AS BLOB) WHERE id = ?`
)

// memoryRow is the last row of a submitter in table memory.
type memoryRow struct {
	id     int64
	length int
	turn   uint32
}

// maxMemoryRow is how long a row of table memory grows: a page. A judgement comes
// every few minutes, and a row for each would be slow to load.
const maxMemoryRow = 3000

// writeCheckpoint stores what the engine must remember.
func writeCheckpoint(ctx context.Context, tx *sql.Tx, k *known, j *detect.Judgement) error {
	var before uint32
	if err := tx.QueryRowContext(ctx, selectTurn).Scan(&before); err != nil {
		return err
	}
	if j.Turn > before && j.Turn > 1 { // Two turns are remembered.
		if _, err := tx.ExecContext(ctx, forgetMemory, j.Turn-1); err != nil {
			return err
		}
		k.memory = nil
	}
	if _, err := tx.ExecContext(ctx, upsertCheckpoint, j.By, int64(j.Until), int64(j.MemoryAt), j.Cases, j.Turn, int64(j.TurnAt)); err != nil {
		return err
	}
	if k.memory == nil {
		k.memory = make(map[int64]memoryRow)
		err := each(ctx, tx, func(scan scanner) error {
			var submitter int64
			var row memoryRow
			err := scan(&submitter, &row.id, &row.length, &row.turn)
			k.memory[submitter] = row
			return err
		}, selectLastMemory)
		if err != nil {
			return err
		}
	}
	for _, m := range j.Memory {
		if err := writeMemory(ctx, tx, k, m); err != nil {
			return fmt.Errorf("memory of %s: %w", m.Submitter, err)
		}
	}
	for _, p := range j.Profiles {
		if err := writeProfile(ctx, tx, k, p); err != nil {
			return fmt.Errorf("profile of %s: %w", p.Submitter, err)
		}
	}
	return nil
}

const upsertProfile = `INSERT INTO profiles (submitter_id, state) VALUES (?, ?) ON CONFLICT (submitter_id) DO UPDATE SET state = excluded.state`

func writeProfile(ctx context.Context, tx *sql.Tx, k *known, p detect.Profile) error {
	submitter, err := k.submitters.id(ctx, tx, p.Submitter)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, upsertProfile, submitter, p.State)
	return err
}

// writeMemory adds a stretch to the last row of its submitter, or to a new one.
func writeMemory(ctx context.Context, tx *sql.Tx, k *known, m detect.Memory) error {
	submitter, err := k.submitters.id(ctx, tx, m.Submitter)
	if err != nil {
		return err
	}
	stretch := binary.AppendUvarint(nil, uint64(len(m.Hashes)))
	stretch = append(stretch, m.Hashes...)
	row, ok := k.memory[submitter]
	if ok && row.turn == m.Turn && row.length+len(stretch) <= maxMemoryRow {
		row.length += len(stretch)
		k.memory[submitter] = row
		_, err := tx.ExecContext(ctx, appendMemory, stretch, row.id)
		return err
	}
	result, err := tx.ExecContext(ctx, insertMemory, submitter, m.Turn, stretch)
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	k.memory[submitter] = memoryRow{id, len(stretch), m.Turn}
	return err
}

const (
	selectCheckpoint = `SELECT judge, until, memory_at, cases, turn, turn_at FROM checkpoint`
	selectMemory     = `SELECT s.kind, s.value, m.turn, m.stretches FROM memory m JOIN submitters s ON s.id = m.submitter_id ORDER BY s.kind, s.value, m.id`

	selectProfiles = `SELECT s.kind, s.value, p.state FROM profiles p JOIN submitters s ON s.id = p.submitter_id ORDER BY s.kind, s.value`
)

// Checkpoint is what the engine must remember of the Judgements so far: the zero
// Checkpoint if there was none. The error is ErrCheckpoint if it is damaged; all that
// is stored can then be judged anew.
func (db *DB) Checkpoint(ctx context.Context) (detect.Checkpoint, error) {
	var c detect.Checkpoint
	err := db.snapshot(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, selectCheckpoint).Scan(&c.By, &c.Until, &c.MemoryAt, &c.Cases, &c.Turn, &c.TurnAt)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		err = each(ctx, tx, func(scan scanner) error {
			var p detect.Profile
			err := scan(&p.Submitter.Kind, &p.Submitter.Value, &p.State)
			c.Profiles = append(c.Profiles, p)
			return err
		}, selectProfiles)
		if err != nil {
			return err
		}
		return each(ctx, tx, func(scan scanner) error {
			var who mail.Submitter
			var turn uint32
			var stretches []byte
			if err := scan(&who.Kind, &who.Value, &turn, &stretches); err != nil {
				return err
			}
			hashes, ok := joined(stretches)
			if !ok {
				return problemf(ErrCheckpoint, "the stored memory of %s is damaged", who)
			}
			c.Memory = append(c.Memory, detect.Memory{Submitter: who, Turn: turn, Hashes: hashes})
			return nil
		}, selectMemory)
	})
	return c, err
}

// joined makes one of the stretches of a row, in their place: there is one for every few
// minutes in which somebody mailed.
func joined(stretches []byte) (hashes []byte, ok bool) {
	hashes = stretches[:0]
	for len(stretches) > 0 {
		length, n := binary.Uvarint(stretches)
		if n <= 0 || length > uint64(len(stretches)-n) {
			return nil, false
		}
		end := n + int(length)
		hashes = append(hashes, stretches[n:end]...)
		stretches = stretches[end:]
	}
	return hashes, true
}

const selectHashKey = `SELECT key FROM hash_key`

// HashKey is the secret that the engine's hashes are made with: see detect.Site.
func (db *DB) HashKey(ctx context.Context) (key [16]byte, err error) {
	err = db.snapshot(ctx, func(tx *sql.Tx) error {
		var stored []byte
		if err := tx.QueryRowContext(ctx, selectHashKey).Scan(&stored); err != nil {
			return fmt.Errorf("key of hashes: %w", err)
		}
		if copy(key[:], stored) != len(key) {
			return errors.New("the stored key of hashes is damaged: take the last backup of the store")
		}
		return nil
	})
	return key, err
}
