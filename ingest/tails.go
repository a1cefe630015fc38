package ingest

import (
	"io"
	"log"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nxadm/tail"
	"github.com/nxadm/tail/util"
	"github.com/nxadm/tail/watch"
)

// maxTails bounds how many logs nxadm/tail stands at; the others are looked at.
const maxTails = 128

// pollTails is true where tail must not wait for the system to tell of changes. On
// Windows fsnotify takes a watch on or off by the thread that also delivers events,
// and tail lets the one reader of events wait for it: with more events under way
// than fits between them (50), both stand still for good.
const pollTails = runtime.GOOS == "windows"

// deafAfter is how many times in a row a look may find growth that a tail did not
// tell of. Once may be a tail that is a moment behind the look.
const deafAfter = 2

// tails are the nxadm/tail of the logs that grow. They wake the reader, and what
// they read is not used: tail 1.4.11 never delivers rows written over reserved
// space, loses rows when a log is truncated and rewritten between two looks or
// renamed while it is behind, and reads a log again that is trimmed. Each of that
// is right in the reader, which needs only to be woken.
type tails struct {
	wake    chan struct{} // A tail saw a row; one signal stands for many.
	poll    bool          // As pollTails, or the system has no watch left.
	open    map[string]*standing
	resting map[string]*standing // Stopped, and not known to be gone: see stand.
	wait    sync.WaitGroup

	mu    sync.Mutex // Guards woken.
	woken map[string]bool
}

// standing is a tail at the end of a log.
type standing struct {
	tail  *tail.Tail
	heard atomic.Int64 // Rows so far.
	ended atomic.Bool  // It was stopped, or gave up by itself.
	gone  atomic.Bool  // It ended, and its file is closed.
	last  int64        // heard when the log was last found to have grown.
	deaf  int          // How many times in a row it was found so without a word.
}

func newTails() *tails {
	quietTail()
	return &tails{
		wake: make(chan struct{}, 1), poll: pollTails || !canWatch(),
		open: map[string]*standing{}, resting: map[string]*standing{}, woken: map[string]bool{},
	}
}

// quietTail keeps a fault of one file from ending the whole program: where a stat
// fails by anything but «not found», tail's watcher calls util.Fatal, which logs
// and then exits. The logger ends the watcher's goroutine before that; its log is
// looked at from then on.
var quietTail = sync.OnceFunc(func() { util.LOGGER = &util.Logger{Logger: log.New(endOfWatch{}, "", 0)} })

type endOfWatch struct{}

// Write takes the watch off that the watcher leaves: with nobody to take its events,
// the next of them would stop the watchers of all other logs.
func (endOfWatch) Write(b []byte) (int, error) {
	if _, rest, ok := strings.Cut(string(b), "Failed to stat file "); ok {
		path, _, _ := strings.Cut(rest, ": stat ")
		_ = watch.RemoveWatch(path) // It may be gone.
	}
	runtime.Goexit()
	return 0, nil
}

// stand begins to watch a log that grew up to its cursor, unless it is watched
// already. It returns false if the log can only be looked at. A path where a tail
// was stopped must wait until that one is gone: tail keeps one watch a path, and
// takes it off only after the tail has ended. Tails that never go, as where the
// system's watches are stuck, count as open, so that there are not ever more of them.
func (t *tails) stand(path string, cursor int64) bool {
	if one, ok := t.open[path]; ok {
		if one.hears() {
			return true
		}
		t.stop(path)
	}
	if len(t.open)+len(t.resting) >= maxTails || t.resting[path] != nil {
		return false
	}
	nx, err := tail.TailFile(path, tail.Config{
		Location: &tail.SeekInfo{Offset: cursor, Whence: io.SeekStart},
		Follow:   true, MustExist: true, CompleteLines: true, Poll: t.poll,
		Logger: tail.DiscardingLogger,
	})
	if err != nil {
		return false
	}
	one := &standing{tail: nx}
	t.open[path] = one
	t.wait.Go(func() {
		for range nx.Lines { // tail closes it, when it is stopped or gives up.
			one.heard.Add(1)
			t.note(path)
		}
		one.ended.Store(true)
		_ = nx.Wait() // It closes the log after that.
		one.gone.Store(true)
	})
	return true
}

// hears is asked when a log has grown, and tells whether its tail still works.
func (s *standing) hears() bool {
	heard := s.heard.Load()
	if heard != s.last {
		s.deaf = 0
	} else {
		s.deaf++
	}
	s.last = heard
	return s.deaf < deafAfter && !s.ended.Load()
}

// note wakes the reader for a log.
func (t *tails) note(path string) {
	t.mu.Lock()
	t.woken[path] = true
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns the logs that woke the reader since it was last called.
func (t *tails) take() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	woken := t.woken
	t.woken = map[string]bool{}
	return woken
}

// rest begins a look that no tail woke: paths may be stood at again where the former
// tail is gone.
func (t *tails) rest() {
	maps.DeleteFunc(t.resting, func(_ string, one *standing) bool { return one.gone.Load() })
}

// stop ends the watch of a log. tail takes its watch off by itself; with its
// Cleanup it would count that twice, and never watch the path again.
func (t *tails) stop(path string) {
	one, ok := t.open[path]
	if !ok {
		return
	}
	delete(t.open, path)
	t.resting[path] = one
	one.tail.Kill(nil)
}

// endWithin is how long stopAll waits for tails, which take some milliseconds. Where
// tail's one watcher of the process is stuck, a tail that was about to watch its log
// waits for it for good; the agent must end all the same.
const endWithin = 2 * time.Second

// stopAll stops all tails, and returns when they are gone.
func (t *tails) stopAll() {
	for path := range t.open {
		t.stop(path)
	}
	gone := make(chan struct{})
	go func() {
		t.wait.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(endWithin):
	}
}
