package main

import (
	"slices"
	"testing"
	"time"

	"relaywatch/ingest"
	"relaywatch/mail"
	"relaywatch/samples/traffic"
)

var start = time.Date(2026, 11, 3, 2, 0, 0, 0, time.UTC)

// handmade is an attack of six recipients, one a minute, the fourth of which is
// refused, from as many hosts as are given.
func handmade(name string, hosts ...string) traffic.Spammer {
	sp := traffic.Spammer{
		Case: traffic.Case{Name: name, Submitter: hosts[0]}, Submitters: hosts, Accepted: 5,
		Begin: start.Add(-time.Hour), First: start, End: start.Add(6 * time.Minute),
	}
	for i := range 6 {
		sp.Spam = append(sp.Spam, traffic.Spam{
			At: start.Add(time.Duration(i) * time.Minute), Submitter: hosts[i%len(hosts)], From: "ann@" + traffic.OwnDomain,
			Path: "x@example.net", Accepted: i != 3,
		})
	}
	return sp
}

// from has the attack come from a client that gives a HELO name.
func from(sp traffic.Spammer, client, helo string) traffic.Spammer {
	for i := range sp.Spam {
		sp.Spam[i].Client, sp.Spam[i].HELO = client, helo
	}
	return sp
}

// streamOf is a stream with nothing but the truth.
func streamOf(sp ...traffic.Spammer) *stream {
	return &stream{spammers: sp, world: traffic.NewWorld(traffic.WorldOptions{Seed: 1, People: 1, Days: 1}), kinds: map[string]string{}}
}

func TestScore(t *testing.T) {
	const ann, bob = "ip:10.1.4.7", "ip:10.1.4.8"
	at := func(minutes int) mail.Time { return mail.Of(start.Add(time.Duration(minutes) * time.Minute)) }
	four := []string{"ip:10.1.0.1", "ip:10.1.0.2", "ip:10.1.0.3", "ip:10.1.0.4", "ip:10.1.0.5"}
	cases := []struct {
		name         string
		attack       traffic.Spammer
		alarms       []alarm
		found        bool
		leak         int
		delay        time.Duration
		right, wrong int
	}{
		{name: "nobody is named", attack: handmade("blaster", ann), leak: 5},
		{
			name: "the third row gives it away", attack: handmade("blaster", ann),
			alarms: []alarm{{who: ann, first: at(2), last: at(5)}}, found: true, leak: 3, delay: 2 * time.Minute, right: 1,
		},
		{
			name: "refused rows have not left", attack: handmade("blaster", ann),
			alarms: []alarm{{who: ann, first: at(4), last: at(5)}}, found: true, leak: 4, delay: 4 * time.Minute, right: 1,
		},
		{
			name: "before the first spam: the password was guessed", attack: handmade("hijacked", ann),
			alarms: []alarm{{who: ann, first: at(-30), last: at(5)}}, found: true, leak: 0, right: 1,
		},
		{
			name: "somebody else is named", attack: handmade("blaster", ann),
			alarms: []alarm{{who: bob, first: at(2), last: at(5)}}, leak: 5, wrong: 1,
		},
		{
			name: "the victim is named before", attack: handmade("blaster", ann),
			alarms: []alarm{{who: ann, first: at(-90), last: at(-80)}}, leak: 5, wrong: 1,
		},
		{
			name: "an open episode tells of it with its next alert", attack: handmade("blaster", ann),
			alarms: []alarm{{who: ann, first: at(-90), last: at(5), alerts: []mail.Time{at(-90), at(1)}}},
			found:  true, leak: 2, delay: time.Minute, wrong: 1,
		},
		{
			name: "two days later it is another thing", attack: handmade("blaster", ann),
			alarms: []alarm{{who: ann, first: at(48 * 60), last: at(48 * 60)}}, leak: 5, wrong: 1,
		},
		{
			name: "the address behind a shared host", attack: handmade("shared-host", ann),
			alarms: []alarm{{who: "sender:ann@corp.example", first: at(1), last: at(5)}}, found: true, leak: 2, delay: time.Minute, right: 1,
		},
		{
			name: "the machine behind NAT, by its name", attack: from(handmade("shared-host", ann), "10.1.4.7", "WS-ANN"),
			alarms: []alarm{{who: "helo:ws-ann@10.1.4.7", first: at(1), last: at(5)}}, found: true, leak: 2, delay: time.Minute, right: 1,
		},
		{
			name: "its neighbour", attack: from(handmade("shared-host", ann), "10.1.4.7", "WS-ANN"),
			alarms: []alarm{{who: "helo:ws-bob@10.1.4.7", first: at(1), last: at(5)}}, leak: 5, wrong: 1,
		},
		{
			name: "two of five hosts are too few", attack: handmade("snowshoe", four...),
			alarms: []alarm{{who: four[0], first: at(1)}, {who: four[1], first: at(2)}, {who: four[1], first: at(3)}}, leak: 5, right: 3,
		},
		{
			name: "three of five hosts", attack: handmade("snowshoe", four...),
			alarms: []alarm{{who: four[0], first: at(1)}, {who: four[4], first: at(4)}, {who: four[2], first: at(2)}},
			found:  true, leak: 4, delay: 4 * time.Minute, right: 3,
		},
		{
			name: "both of two hosts are most of them", attack: handmade("snowshoe", four[:2]...),
			alarms: []alarm{{who: four[0], first: at(1)}, {who: four[1], first: at(1)}}, found: true, leak: 2, delay: time.Minute, right: 2,
		},
	}
	for _, c := range cases {
		got := streamOf(c.attack).scoreOf(c.alarms)
		a := got.attacks[0]
		if a.Found != c.found || a.Leak != c.leak || a.Delay != c.delay || a.Volume != 5 {
			t.Errorf("%s: got found %v, leak %d of %d, after %v; want %v, %d of 5, %v", c.name, a.Found, a.Leak, a.Volume, a.Delay, c.found, c.leak, c.delay)
		}
		if got.right != c.right || len(got.wrong) != c.wrong {
			t.Errorf("%s: got %d right and %d false alarms; want %d and %d", c.name, got.right, len(got.wrong), c.right, c.wrong)
		}
	}
}

func TestSubmitterDays(t *testing.T) {
	const ann, bob = "10.1.4.7", "10.1.4.8"
	s := streamOf(handmade("blaster", "ip:"+ann))
	s.kinds["ip:"+bob] = "scanner"
	at := func(h int) mail.Time { return mail.Of(start.Add(time.Duration(h) * time.Hour)) }
	var sent []mail.Transaction
	for _, m := range []struct {
		client string
		hour   int
	}{
		{ann, -48},             // A clean day.
		{ann, -25}, {ann, -24}, // Another: the attack begins an hour before start.
		{ann, 0}, {ann, 20}, // Under attack, and in the day after it.
		{ann, 72},                     // Clean again.
		{bob, 0}, {bob, 1}, {bob, 24}, // Two days.
		{"10.0.0.25", 0},                // The gateway.
		{"198.51.100.7", 0}, {"::1", 0}, // Outside, and no client of ours.
	} {
		sent = append(sent, mail.Transaction{At: at(m.hour), ClientIP: m.client, ServerIP: "10.0.0.20"})
	}
	s.batches = []*ingest.Batch{{Transactions: sent}}
	days := s.clean().ByKind
	if days["person"] != 3 || days["scanner"] != 2 || len(days) != 2 {
		t.Errorf("got %v; want 3 of persons and 2 of scanners", days)
	}
}

func TestBaselines(t *testing.T) {
	minute := func(n int) mail.Time { return mail.Of(start) + mail.Time(60*n) }
	rows := func(n, every int, r recipientRow) []recipientRow {
		var all []recipientRow
		for i := range n {
			r.at = minute(i * every)
			all = append(all, r)
		}
		return all
	}
	left := recipientRow{accepted: true, external: true, isNew: true}
	cases := []struct {
		baseline string
		rows     []recipientRow
		at       int // Row that raises the first alarm; -1 is none.
	}{
		{"100 recipients/h", rows(200, 0, left), 99},
		{"100 recipients/h", rows(500, 1, left), -1}, // 60 an hour.
		{"500 external/h", rows(600, 0, recipientRow{accepted: true}), -1},
		{"500 external/h", rows(600, 0, left), 499},
		{"60 new recipients/h", rows(61, 0, left), 60},
		{"60 new recipients/h", rows(60, 0, left), -1},
		{"60 new recipients/h", rows(500, 0, recipientRow{accepted: true}), -1},
		{"12 refusals in 2 min", rows(12, 0, recipientRow{refused: true}), 11},
		{"12 refusals in 2 min", rows(100, 1, recipientRow{refused: true}), -1},
		// Five hours with two recipients each have no spread: the third of an hour is too many.
		{"own mean + 3 sigma/h", append(rows(10, 30, left), recipientRow{at: minute(301), accepted: true}, recipientRow{at: minute(302), accepted: true}, recipientRow{at: minute(303), accepted: true}), 12},
		{"own mean + 3 sigma/h", rows(50, 0, left), -1}, // No history.
	}
	for _, c := range cases {
		i := slices.IndexFunc(baselines, func(b baseline) bool { return b.name == c.baseline })
		judge, got := baselines[i].make(nil), -1
		for k, r := range c.rows {
			if judge(r) && got < 0 {
				got = k
			}
		}
		if got != c.at {
			t.Errorf("%s, %d rows: got alarm at row %d; want %d", c.baseline, len(c.rows), got, c.at)
		}
	}
}
