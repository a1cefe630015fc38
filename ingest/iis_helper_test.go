package ingest

import (
	"strings"
	"testing"

	"relaywatch/mail"
)

// iisRun is a decoder and its sessions, as the reader would hold them.
type iisRun struct {
	t        testing.TB
	tray     tray
	sessions *iisSessions
	decoder  *iisDecoder
	offset   int64
	rejects  []mail.Reject
	told     Batch // Everything taken so far, parts not merged.
}

// iisTestLog is the log of all tests.
const iisTestLog mail.LogID = 0xfeed

func newIISRun(t testing.TB) *iisRun {
	t.Helper()
	r := &iisRun{t: t}
	r.resume(nil, nil)
	return r
}

func (r *iisRun) resume(sessions, decoder []byte) {
	r.t.Helper()
	x, err := newTexts("")
	if err != nil {
		r.t.Fatal(err)
	}
	r.sessions = newIISSessions(&r.tray)
	if err := r.sessions.restore(sessions); err != nil {
		r.t.Fatal(err)
	}
	if r.decoder, err = newIISDecoder(r.sessions, x, decoder); err != nil {
		r.t.Fatal(err)
	}
}

// feed reads a piece of the log that ends with a line.
func (r *iisRun) feed(log string) {
	r.t.Helper()
	for line := range strings.Lines(log) {
		pos := mail.LogPos{Log: iisTestLog, Offset: r.offset}
		r.offset += int64(len(line))
		line = strings.TrimSuffix(line, "\n")
		row, at, err := r.decoder.decode([]byte(line), pos)
		switch {
		case err != nil:
			r.rejects = append(r.rejects, mail.Reject{Pos: pos, Reason: err.Error(), Text: []byte(line)})
		case row && at == 0:
			r.t.Errorf("row %q has no time", line)
		case row:
			r.decoder.apply()
		}
	}
}

// stop takes what was told, saves everything and goes on from what was saved.
func (r *iisRun) stop() {
	r.t.Helper()
	r.take()
	sessions, err := r.sessions.save()
	if err != nil {
		r.t.Fatal(err)
	}
	decoder := r.decoder.save()
	r.tray = tray{}
	r.resume(sessions, decoder)
}

func (r *iisRun) take() {
	var b Batch
	r.tray.take(&b)
	r.told.Transactions = append(r.told.Transactions, b.Transactions...)
	r.told.Logins = append(r.told.Logins, b.Logins...)
	r.told.Deliveries = append(r.told.Deliveries, b.Deliveries...)
}

// batch is everything that was told, with the parts of each transaction merged.
func (r *iisRun) batch() *Batch {
	r.t.Helper()
	r.take()
	b := r.told
	b.Transactions = mergeParts(r.t, b.Transactions)
	b.Rejects = r.rejects
	b.Logs = []Log{{Missing: r.decoder.about().missing}}
	return &b
}

// mergeParts puts the parts of transactions together, in the order of their
// first part.
func mergeParts(t testing.TB, parts []mail.Transaction) []mail.Transaction {
	t.Helper()
	var whole []mail.Transaction
	at := map[mail.LogPos]int{}
	for _, p := range parts {
		i, ok := at[p.Pos]
		if ok != p.Continued {
			t.Errorf("part of %v: Continued is %v; want %v", p.Pos, p.Continued, ok)
		}
		if !ok {
			at[p.Pos] = len(whole)
			whole = append(whole, p)
			continue
		}
		if p.Former != len(whole[i].Recipients) {
			t.Errorf("part of %v: Former is %d; want %d", p.Pos, p.Former, len(whole[i].Recipients))
		}
		p.Recipients = append(whole[i].Recipients, p.Recipients...)
		p.Former, p.Continued = 0, false
		whole[i] = p
	}
	return whole
}

// readIIS reads a whole log.
func readIIS(t testing.TB, log string) *Batch {
	t.Helper()
	r := newIISRun(t)
	r.feed(log)
	return r.batch()
}
