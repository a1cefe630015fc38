package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"relaywatch/samples/mailbox"
	"relaywatch/store"
)

// startAt starts the agent at a time.
func (h *mailHost) startAt(now time.Time) *running {
	h.t.Helper()
	cmd, _ := child(h.t, "--config", h.config, "agent")
	cmd.Env = append(cmd.Env, "TEST_NOW="+now.Format(time.RFC3339Nano))
	tell, err := stoppable(cmd)
	if err != nil {
		h.t.Fatal(err)
	}
	errOut := &said{}
	cmd.Stderr = errOut
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	r := &running{h: &host{t: h.t, db: h.db}, proc: cmd.Process, tell: tell, errOut: errOut, done: make(chan error, 1)}
	go func() { r.done <- cmd.Wait() }()
	return r
}

// digest is what the store has of the mail of a date; nil while it has none.
func (h *mailHost) digest(date string) *store.Digest {
	h.t.Helper()
	db, err := store.OpenReadOnly(h.t.Context(), h.db)
	if err != nil {
		return nil
	}
	defer db.Close()
	d, err := db.Digest(h.t.Context(), store.DigestDaily, date)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// await waits until the mail of a date is done, or only made.
func (h *mailHost) await(r *running, date string, done bool) {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if d := h.digest(date); d != nil && (!done || d.Done != 0) {
			return
		}
	}
	h.t.Fatalf("the mail of %s is not there: %s", date, r.errOut)
}

// Where TestMailKilled kills the agent: before the mail is made, at each step of the
// dialogue, when the server has it and has not said so, and at random moments after
// it said so.
var killSteps = []string{"", "MAIL", "RCPT oncall@corp.example", "DATA", "TAKEN", "TAKEN and some"}

// TestMailKilled kills the agent around the sending, once a day. A reader whose server
// knows a Message-ID that it has seen gets exactly one mail for each day. How often a
// mail was sent again, as a kill left unknown whether it arrived, is logged.
func TestMailKilled(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = len(killSteps)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	h := newMailHost(t, "")
	day := time.Date(2026, 11, 3, 1, 30, 0, 0, time.UTC)
	first := h.startAt(day.Add(-time.Hour)) // It notes from which day on.
	h.await(first, "2026-11-02", true)
	first.stop()
	for i := range kills {
		due, date, step := day.AddDate(0, 0, i), day.AddDate(0, 0, i).Format(time.DateOnly), killSteps[i%len(killSteps)]
		var r *running
		reached := make(chan struct{}, 10)
		h.setFail(func(s string) error {
			if name, more, _ := strings.Cut(step, " and "); s == name && more == "" {
				reached <- struct{}{}
				return mailbox.ErrStall
			} else if s == name {
				reached <- struct{}{}
			}
			return nil
		})
		r = h.startAt(due.Add(-200 * time.Millisecond))
		after := 400 * time.Millisecond
		if step != "" {
			r.comesTo(date+": "+step, reached)
			after = 0
			if strings.Contains(step, " and ") {
				after = 4 * time.Millisecond
			}
		}
		r.killWithin(random, after)
		h.setFail(nil)
		r = h.startAt(due.Add(time.Second))
		h.await(r, date, true)
		r.kill()
	}
	h.oneADay(day, kills, seed)
}

// oneADay checks that there is one mail for each of so many days.
func (h *mailHost) oneADay(day time.Time, days int, seed uint64) {
	h.t.Helper()
	again := 0
	for _, n := range h.server.Takes() {
		again += n - 1
	}
	h.t.Logf("%d kills: %d mails were sent again, as it was not known whether they had arrived", days, again)
	got := h.subjects()
	if len(got) != days {
		h.t.Errorf("seed %d: got %d mails; want one for each of %d days", seed, len(got), days)
	}
	for i, s := range got {
		if date := day.AddDate(0, 0, i).Format("Mon 2 Jan"); !strings.HasSuffix(s, " - "+date) {
			h.t.Errorf("seed %d: got mail %d: %q; want that of %s", seed, i, s, date)
		}
	}
}

// The agent stops in time also while the server does not answer, and sends the mail
// again when it is back.
func TestMailStopped(t *testing.T) {
	h := newMailHost(t, "")
	due := time.Date(2026, 11, 5, 1, 30, 0, 0, time.UTC)
	r := h.startAt(due.Add(-time.Hour))
	h.await(r, "2026-11-04", true)
	r.stop()
	reached := make(chan struct{}, 1)
	h.setFail(func(step string) error {
		if step != "TAKEN" {
			return nil
		}
		reached <- struct{}{}
		return mailbox.ErrStall
	})
	r = h.startAt(due)
	r.comesTo("TAKEN", reached)
	r.stop()
	if d := h.digest("2026-11-05"); d == nil || d.Done != 0 || d.Tries != 1 || d.Error == "" {
		t.Errorf("got %+v; want it to wait", d)
	}
	h.setFail(nil)
	r = h.startAt(due.Add(time.Hour))
	h.await(r, "2026-11-05", true)
	r.stop()
	h.oneADay(due, 1, 0)
}
