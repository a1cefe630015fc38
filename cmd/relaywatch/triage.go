package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"relaywatch/detect"
	"relaywatch/mail"
	"relaywatch/store"
)

// States of an episode. The first two are worked on.
const (
	stateOpen       = "open"
	stateConfirmed  = "confirmed"
	stateFalseAlarm = "false-alarm"
	stateClosed     = "closed"
)

var states = []string{stateOpen, stateConfirmed, stateFalseAlarm, stateClosed}

// triageFlags are the flags of triage.
type triageFlags struct{ note, by, episode, format string }

func (p *program) triageCommand() *cobra.Command {
	var f triageFlags
	c := &cobra.Command{
		Use:   "triage [SUBMITTER [STATE]]",
		Short: "Decide what an episode is, and see what was decided",
		Long: "triage notes what you decided about the newest episode of a submitter, with who you\n" +
			"are and when; what was decided before is kept. The states:\n\n" +
			"  open         not decided, or looked at again\n" +
			"  confirmed    it is spam; it stays in the daily mail until it is closed\n" +
			"  false-alarm  it may do that; say why with --note: the like is learnt as usual, and\n" +
			"               entries of the allow-list are proposed where that is not enough\n" +
			"  closed       dealt with; if it goes on, it is open again\n\n" +
			"With SUBMITTER alone it prints what was decided about it. Without anything it lists\n" +
			"the episodes that are open or confirmed, and those of the last 30 days that ended\n" +
			"before anybody decided.",
		Example: "  relaywatch triage\n" +
			"  relaywatch triage ip:10.1.4.7 confirmed --note \"host is off the network, ticket 4711\"\n" +
			"  relaywatch triage 'user:corp\\ann' false-alarm --note \"invitation to the summer party\"",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usageError{errors.New("`relaywatch triage` takes a submitter and a state; quote what has blanks or backslashes")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.triageList(c.Context(), f.format)
			}
			who, err := mail.ParseSubmitter(args[0])
			if err != nil {
				return usageError{err}
			}
			if len(args) == 1 {
				if f.note != "" {
					return usageError{fmt.Errorf("a note goes with a state: %s", strings.Join(states, ", "))}
				}
				return p.triageHistory(c.Context(), who, f.format)
			}
			return p.decide(c.Context(), who, args[1], f)
		},
	}
	formatFlag(c, &f.format)
	c.Flags().StringVar(&f.note, "note", "", "`TEXT`: why, and what was done")
	c.Flags().StringVar(&f.by, "by", "", "`NAME` of who decided (default: the account that runs this)")
	c.Flags().StringVar(&f.episode, "episode", "", "decide about the episode that was under way at `TIME`, not the newest")
	return c
}

// account is who runs relaywatch.
func account() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return cmp.Or(os.Getenv("USERNAME"), os.Getenv("USER"), "unknown")
}

// decide notes a decision.
func (p *program) decide(ctx context.Context, who mail.Submitter, state string, f triageFlags) error {
	if !slices.Contains(states, state) {
		return usageError{fmt.Errorf("no state %q (%s)", state, hintOf(state, states))}
	}
	note := strings.TrimSpace(f.note)
	if state == stateFalseAlarm && note == "" {
		return usageError{errors.New("a false alarm wants a reason: say with --note why it may do that")}
	}
	at, err := parseTime("--episode", f.episode)
	if err != nil {
		return err
	}
	db, err := p.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	suspect, err := episodeAt(ctx, db, who, at)
	if err != nil {
		return err
	}
	d := store.Decision{
		Submitter: who, FirstFlagged: suspect.FirstFlagged, LastFlagged: suspect.LastFlagged, Score: suspect.Score, Recipients: suspect.Recipients,
		State: state, Note: note, By: cmp.Or(strings.TrimSpace(f.by), account()), At: mail.Of(p.clock()),
	}
	if d.Covers, err = spokenFor(ctx, db, suspect, d.At); err != nil {
		return err
	}
	if err := db.Decide(ctx, d); err != nil {
		return err
	}
	if err := p.sayDecision(ctx, db, d); err != nil || state != stateFalseAlarm {
		return err
	}
	return p.propose(ctx, db, d)
}

// openToWrite opens a store that exists. Reading commands use store.OpenReadOnly.
func (p *program) openToWrite(ctx context.Context) (*store.DB, error) {
	// Open would make one where there is none.
	db, err := store.OpenReadOnly(ctx, p.config.Store.Path)
	if err != nil && !errors.Is(err, store.ErrOlder) {
		return nil, err
	}
	if err == nil {
		if err := db.Close(); err != nil {
			return nil, err
		}
	}
	return store.Open(ctx, p.config.Store.Path)
}

// episodeAt is the episode of a submitter that was under way at a time, or the newest
// for 0.
func episodeAt(ctx context.Context, db *store.DB, who mail.Submitter, at mail.Time) (*store.Suspect, error) {
	suspects, err := db.Suspects(ctx, store.Filter{Submitter: who})
	if err != nil {
		return nil, err
	}
	if len(suspects) == 0 {
		return nil, fmt.Errorf("%s is not under suspicion, so there is nothing to decide: `relaywatch suspects` lists who is", who)
	}
	slices.SortFunc(suspects, func(a, b store.Suspect) int { return cmp.Compare(b.FirstFlagged, a.FirstFlagged) })
	if at == 0 {
		return &suspects[0], nil
	}
	for i, s := range suspects {
		if s.Start-59 <= at && at <= s.LastFlagged+59 { // A time that people write has no seconds.
			return &suspects[i], nil
		}
	}
	return nil, fmt.Errorf("%s had no episode at %s: `relaywatch triage %s` lists those it had", who, at, who)
}

// spokenFor is the event time up to which a decision speaks: now, where logs are read as
// they are written; else what is stored.
func spokenFor(ctx context.Context, db *store.DB, s *store.Suspect, now mail.Time) (mail.Time, error) {
	_, newest, err := db.Span(ctx)
	if err != nil {
		return 0, err
	}
	newest = max(newest, s.LastFlagged)
	if now > newest && now.Sub(newest) < detect.Quiet {
		return now, nil
	}
	return newest, nil
}
