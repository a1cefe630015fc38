package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// On the verge of a full disk each write may fail or not: that is said a few times, ever
// more rarely, and that it healed once it has for good.
func TestTroubleThatComesAndGoes(t *testing.T) {
	var log bytes.Buffer
	a := newAgent(&program{config: &Config{}, log: zerolog.New(&log)})
	now := time.Date(2026, time.November, 5, 9, 0, 0, 0, time.UTC)
	said := 0
	fail := func() {
		if a.troubleAt(now, "store", "the disk is full") {
			said++
		}
	}
	for range 1200 { // For ten minutes.
		fail()
		now = now.Add(300 * time.Millisecond)
		a.healAt(now, "store")
		now = now.Add(200 * time.Millisecond)
		a.calmDown(now)
	}
	if healed := strings.Count(log.String(), "healed"); said != 2 || healed != 1 || !a.troubled("store") {
		t.Errorf("every half second: said %d times, healed %d times, troubled is %v; want 2, 1, true", said, healed, a.troubled("store"))
	}
	for range 100 { // Now it is well for ten seconds each time.
		fail()
		a.healAt(now, "store")
		for range 10 {
			now = now.Add(time.Second)
			a.calmDown(now)
		}
	}
	if healed := strings.Count(log.String(), "healed"); said > 6 || healed != said-1 {
		t.Errorf("every ten seconds: said %d times, healed %d times; want few, and one less", said, healed)
	}
	for range 10 { // It is over, and nothing is written any more.
		now = now.Add(time.Minute)
		a.calmDown(now)
	}
	if healed := strings.Count(log.String(), "healed"); healed != said || a.troubled("store") || len(a.ended) != 0 {
		t.Errorf("at the end: said %d times, healed %d times, troubled is %v, %d kept in mind; want as many, false, 0", said, healed, a.troubled("store"), len(a.ended))
	}
	before := said
	fail()
	a.healAt(now, "store")
	if healed := strings.Count(log.String(), "healed"); said != before+1 || healed != said {
		t.Errorf("an hour later: said %d times, healed %d times; want %d of each, at once", said, healed, before+1)
	}
}
