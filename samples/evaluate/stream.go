package main

import (
	"context"
	"net/netip"
	"os"
	"time"

	"relaywatch/detect"
	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/samples/traffic"
)

// stream is what the reader told of a world's logs, with the truth about it.
type stream struct {
	job      job
	world    *traffic.World
	batches  []*ingest.Batch
	spammers []traffic.Spammer
	kinds    map[string]string // By submitter.
	known    map[string]bool   // Submitters on the allow-list.
	servers  map[string]bool   // Addresses of the servers that wrote the logs.

	transactions, recipients int
}

// read writes the log rows of a job's world to a folder of its own and reads them
// as the program does.
func (p plan) read(ctx context.Context, j job) (*stream, error) {
	dir, err := os.MkdirTemp("", "evaluate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w, sessions := p.world(j)
	scene, err := w.Write(dir, sessions)
	if err != nil {
		return nil, err
	}
	s := &stream{job: j, world: w, spammers: scene.Spammers, kinds: w.Kinds(), known: map[string]bool{}, servers: map[string]bool{}}
	for _, m := range w.Machines {
		for _, who := range m.Submitters {
			s.known[who] = m.Known
		}
	}
	reader := ingest.Reader{Sources: []ingest.Source{{Path: dir}}}
	_, err = reader.Run(ctx, func(_ context.Context, b *ingest.Batch) error {
		b.Sessions, b.Logs = nil, nil
		s.batches = append(s.batches, b)
		s.tally(b)
		return nil
	})
	return s, err
}

func (s *stream) tally(b *ingest.Batch) {
	for i := range b.Transactions {
		t := &b.Transactions[i]
		if t.Direction == mail.In && !t.Continued {
			s.transactions++
		}
		if t.Direction == mail.In {
			s.recipients += len(t.Recipients)
		}
		if t.ServerIP != "" {
			s.servers[t.ServerIP] = true
		}
	}
}

// kind is what a submitter is: person, or a kind of machine.
func (s *stream) kind(who string) string {
	if k, known := s.kinds[who]; known {
		return k
	}
	if submitter, err := mail.ParseSubmitter(who); err == nil && submitter.Kind == mail.KindIP && !inside(submitter.Value) {
		return "outside"
	}
	return "person"
}

func inside(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	for _, p := range internal {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// accusable is true for a submitter that counts as one: an account, or a client
// inside that is neither a gateway nor a server.
func (s *stream) accusable(who mail.Submitter) bool {
	if who.Kind != mail.KindIP {
		return who.Kind != ""
	}
	for _, g := range s.world.Gateways {
		if g == who.Value {
			return false
		}
	}
	return inside(who.Value) && !s.servers[who.Value]
}

// day is the day of a moment where people work.
func (s *stream) day(t mail.Time) string { return t.Std().In(s.world.Zone).Format(time.DateOnly) }

// submitterDays are days on which submitters were active. Those of a victim from the
// beginning of the attack until it is over count for nobody.
type submitterDays struct {
	ByKind map[string]int `json:"by_kind"`
	ByWeek map[int]int    `json:"by_week"` // Of the log, from 1.
}

func newSubmitterDays() submitterDays { return submitterDays{map[string]int{}, map[int]int{}} }

func (d submitterDays) add(e submitterDays) {
	for kind, n := range e.ByKind {
		d.ByKind[kind] += n
	}
	for week, n := range e.ByWeek {
		d.ByWeek[week] += n
	}
}

// all are the days of all kinds.
func (d submitterDays) all() int {
	sum := 0
	for _, n := range d.ByKind {
		sum += n
	}
	return sum
}

// week is the number of a moment's week in the log, from 1.
func (s *stream) week(t mail.Time) int {
	return 1 + max(0, int(t.Sub(mail.Of(s.world.First))/(7*24*time.Hour)))
}

// clean counts the submitter-days that no attack has to do with.
func (s *stream) clean() submitterDays {
	type key struct{ who, day string }
	seen := map[key]bool{}
	days := newSubmitterDays()
	truth := newTruth(s.world, s.spammers)
	for _, b := range s.batches {
		for i := range b.Transactions {
			t := &b.Transactions[i]
			submitter := t.Submitter()
			if !s.accusable(submitter) || t.At == 0 {
				continue
			}
			who := submitter.String()
			k := key{who, s.day(t.At)}
			if seen[k] || truth.attackOf(who, t.At) != nil {
				continue
			}
			seen[k] = true
			days.ByKind[s.kind(who)]++
			days.ByWeek[s.week(t.At)]++
		}
	}
	return days
}

// quiet is how long after an attack what is found of its victim still means it.
const quiet = detect.Quiet
