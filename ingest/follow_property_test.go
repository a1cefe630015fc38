package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// server writes logs as servers do, some of them at the same time.
type server struct {
	t        testing.TB
	dir      string
	name     string // Of the server: sessions of two servers have nothing in common.
	logs     []string
	path     string // Of the last log.
	written  int    // Of it.
	reserved bool   // It ends in reserved space.
}

func (s *server) roll() {
	s.finish()
	s.logs = append(s.logs, w3c(s.name, 8+len(s.logs), 8, "10.0.0.1"))
	s.path = filepath.Join(s.dir, fmt.Sprintf("%s-ex26110508%02d.log", s.name, len(s.logs)))
	s.written, s.reserved = 0, false
}

// write writes so many bytes more, at most, and leaves the file's time as it was
// where keepTime is set, as Windows does.
func (s *server) write(n int, keepTime bool) {
	log := s.logs[len(s.logs)-1]
	n = min(n, len(log)-s.written)
	info, err := os.Stat(s.path)
	if keepTime = keepTime && err == nil && s.reserved; keepTime {
		defer func() { must(s.t, os.Chtimes(s.path, info.ModTime(), info.ModTime())) }()
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, 0o600)
	must(s.t, err)
	_, err = f.WriteAt([]byte(log[s.written:s.written+n]), int64(s.written))
	must(s.t, err)
	s.written += n
	must(s.t, f.Close())
}

func (s *server) finish() {
	if len(s.logs) == 0 {
		return
	}
	s.write(1<<20, false)
	must(s.t, os.Truncate(s.path, int64(s.written)))
}

func (s *server) reserve() {
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, 0o600)
	must(s.t, err)
	must(s.t, f.Truncate(32<<10))
	must(s.t, f.Close())
	s.reserved = true
}

func (s *server) rename() {
	if s.written > 0 {
		must(s.t, os.Rename(s.path, s.path+".old"))
		s.path += ".old"
	}
}

// However several servers write, roll, rename and reserve at the same time, woken by
// rows or by looks, at any time of the clock, stopped and started: every row counts
// once.
func TestFollowSeveralServers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		must(t, err)
		k := newKept()
		mode := rapid.SampledFrom([]PollMode{PollAuto, PollAlways, PollNever}).Draw(rt, "mode")
		w := follow(t, mode, k, dir)
		var servers []*server
		for i := range rapid.IntRange(1, 4).Draw(rt, "servers") {
			s := &server{t: t, dir: dir, name: fmt.Sprintf("MAIL%d", i)}
			s.roll()
			servers = append(servers, s)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			s := rapid.SampledFrom(servers).Draw(rt, "server")
			switch rapid.SampledFrom([]string{"write", "write", "write", "write", "tick", "look", "jump", "roll", "rename", "reserve", "restart"}).Draw(rt, "step") {
			case "write":
				s.write(rapid.IntRange(1, 700).Draw(rt, "bytes"), rapid.Bool().Draw(rt, "keep time"))
			case "tick":
				w.ticks <- time.Now()
			case "look":
				w.look()
			case "jump":
				w.lookAt(time.Now().Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(rt, "minutes")) * time.Minute))
			case "roll":
				s.roll()
			case "rename":
				s.rename()
			case "reserve":
				s.reserve()
			case "restart":
				w.stop()
				w = follow(t, mode, k, dir)
			}
		}
		var logs []string
		for _, s := range servers {
			s.finish()
			logs = append(logs, s.logs...)
		}
		w.same(logs...)
		if t.Failed() {
			rt.FailNow()
		}
	})
}
