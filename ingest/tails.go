package ingest

import (
	"io"
	"log"
	"runtime"
	"sync"

	"github.com/nxadm/tail"
	"github.com/nxadm/tail/util"
)

// maxTails bounds how many logs nxadm/tail stands at; the others are looked at.
const maxTails = 128

// pollTails is true where tail must not wait for the system to tell of changes. On
// Windows fsnotify takes a watch on or off by the thread that also delivers events,
// and tail lets the one reader of events wait for it: with more events under way
// than fits between them (50), both stand still for good.
const pollTails = runtime.GOOS == "windows"

// tails are the nxadm/tail of the logs that grow. They wake the reader, and what
// they read is not used: tail 1.4.11 never delivers rows written over reserved
// space, loses rows when a log is truncated and rewritten between two looks or
// renamed while it is behind, and reads a log again that is trimmed. Each of that
// is right in the reader, which needs only to be woken.
type tails struct {
	wake chan struct{} // A tail saw a row; one signal stands for many.
	open map[string]*tail.Tail
	wait sync.WaitGroup
}

func newTails() *tails {
	quietTail()
	return &tails{wake: make(chan struct{}, 1), open: map[string]*tail.Tail{}}
}

// quietTail keeps a fault of one file from ending the whole program: where a stat
// fails by anything but «not found», tail's watcher calls util.Fatal, which logs
// and then exits. The logger ends the watcher's goroutine before that; its log is
// looked at from then on.
var quietTail = sync.OnceFunc(func() { util.LOGGER = &util.Logger{Logger: log.New(endOfWatch{}, "", 0)} })

type endOfWatch struct{}

func (endOfWatch) Write([]byte) (int, error) {
	runtime.Goexit()
	return 0, nil
}

// stand begins to watch a log from its cursor on, unless it does already. It
// returns false if the log can only be looked at.
func (t *tails) stand(path string, cursor int64) bool {
	if _, ok := t.open[path]; ok {
		return true
	}
	if len(t.open) >= maxTails {
		return false
	}
	one, err := tail.TailFile(path, tail.Config{
		Location: &tail.SeekInfo{Offset: cursor, Whence: io.SeekStart},
		Follow:   true, MustExist: true, CompleteLines: true, Poll: pollTails,
		Logger: tail.DiscardingLogger,
	})
	if err != nil {
		return false
	}
	t.open[path] = one
	t.wait.Go(func() {
		for range one.Lines { // tail closes it, when it is stopped or gives up.
			select {
			case t.wake <- struct{}{}:
			default:
			}
		}
	})
	return true
}

// stop ends the watch of a log.
func (t *tails) stop(path string) {
	one, ok := t.open[path]
	if !ok {
		return
	}
	delete(t.open, path)
	one.Kill(nil)
	if !pollTails {
		one.Cleanup()
	}
}

func (t *tails) stopAll() {
	for path := range t.open {
		t.stop(path)
	}
	t.wait.Wait()
}
