package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/mattn/go-colorable"
	"github.com/schollz/progressbar/v3"

	"relaywatch/ingest"
	"relaywatch/words"
)

// bar is the progress bar of a long read, where there is a terminal.
type bar struct {
	p    *program
	bar  *progressbar.ProgressBar // nil without a terminal.
	last error                    // Of a log, said on standard error.
}

func (p *program) progressBar() *bar { return &bar{p: p} }

func (b *bar) show(at ingest.Progress) {
	if !isTerminal(b.p.err) || at.Total == 0 {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(at.Total,
			progressbar.OptionSetWriter(b.writer()),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionClearOnFinish(),
		)
	}
	seconds := max(b.bar.State().SecondsSince, 0.001)
	left := seconds * float64(max(at.Total-at.Bytes, 0)) / float64(max(at.Bytes, 1))
	b.bar.Describe(fmt.Sprintf("%s rows, %s rows/s, %s left", words.Thousands(at.Rows), words.Thousands(int64(float64(at.Rows)/seconds)),
		span(time.Duration(left+1)*time.Second)))
	_ = b.bar.Set64(min(at.Bytes, at.Total)) // It only draws.
}

// writer is the terminal, that of Windows taught to clear a line.
func (b *bar) writer() io.Writer {
	if f, ok := b.p.err.(*os.File); ok {
		return colorable.NewColorable(f)
	}
	return b.p.err
}

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // It only draws.
	}
}

// said tells whether err consists of problems of logs, which problem has said.
func (b *bar) said(err error) bool { return b.last != nil && errors.Is(err, b.last) }

// problem says why a log was not read.
func (b *bar) problem(path string, err error) {
	b.clear()
	b.last = err
	b.p.log.Error().Msg(visible(problemText(path, err)))
}

// problemText says why a log is not read, and what to do.
func problemText(path string, err error) string {
	var refused *ingest.RefusedError
	var unknown *ingest.UnknownFormatError
	switch {
	case errors.As(err, &refused), errors.As(err, &unknown):
		return path + " " + err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return path + " is not there: check the path, and put a glob in quotes"
	case errors.Is(err, fs.ErrPermission):
		return path + " can't be read: give this account the right to read it"
	}
	return path + ": " + err.Error()
}
