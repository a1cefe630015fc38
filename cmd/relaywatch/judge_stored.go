package main

import (
	"context"
	"errors"
	"math"
	"slices"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// judgeEach is how many stored transactions, logins and deliveries are judged at a time.
const judgeEach = 5000

// stored is mail of the store that is to be judged.
type stored struct {
	db     *store.DB
	after  mail.Time // 0 is from the beginning.
	until  mail.Time // What is later is not judged.
	ahead  bool      // It waits in the engine instead, for a preview.
	latest mail.Time // With ahead: until is this as soon as more than room rows wait.
	room   int       // See latest.
	each   int       // Rows judged at a time: whoever stops need not wait for all of it, and only these are in memory.
	alive  func()    // Optional; called after every judgeEach rows.
}

// judge gives the mail to engines. The error is that of ctx if it is done.
func (s stored) judge(ctx context.Context, engines ...*detect.Engine) error {
	n, waiting := 0, 0
	wanted := func(at mail.Time) bool { return s.ahead || at <= s.until }
	turn := func(at mail.Time) {
		if at > s.until && s.ahead {
			if waiting++; waiting > s.room {
				s.until = max(s.until, s.latest)
			}
		}
		if n++; n%s.each == 0 {
			for _, e := range engines {
				e.Advance(min(at.Add(-detect.Grace), s.until)) // Rows come in order, but for disorder within the log.
			}
		}
		if s.alive != nil && n%judgeEach == 0 {
			s.alive()
		}
	}
	err := s.db.Replay(ctx, s.after,
		func(t mail.Transaction) {
			for _, e := range engines {
				if wanted(t.At) {
					e.Transaction(t)
				}
			}
			turn(t.At)
		},
		func(l mail.Login) {
			for _, e := range engines {
				if wanted(l.At) {
					e.Login(l)
				}
			}
			turn(l.At)
		},
		func(d mail.Delivery) {
			for _, e := range engines {
				if wanted(d.RepliedAt) {
					e.Delivery(d)
				}
			}
			turn(d.RepliedAt)
		})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	for _, e := range engines {
		e.Advance(s.until)
	}
	return nil
}

// judged makes engines judge the mail, also where rows are in disorder since a clock
// was put back: then all at once, as nothing is late.
func (s stored) judged(ctx context.Context, engines func() ([]*detect.Engine, error)) ([]*detect.Engine, error) {
	for _, s.each = range []int{judgeEach, math.MaxInt} {
		list, err := engines()
		if err != nil {
			return nil, err
		}
		if err := s.judge(ctx, list...); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, (*detect.Engine).Late) {
			return list, nil
		}
	}
	return nil, errors.New("rows came late that were judged at once")
}
