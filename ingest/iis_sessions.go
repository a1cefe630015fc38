package ingest

import (
	"slices"
	"strings"
	"time"

	"relaywatch/mail"
)

// iisSessions assembles the sessions of all IIS logs of a run. The log has no
// session id: what is known of a session is its server, its client and the name
// given with HELO. So the sessions that one client opens with one name are held
// together under one key, and a RCPT may be counted for the wrong one of them;
// but it is counted, once, for its client.
//
// What it tells depends on the rows alone, not on where a run stopped.
type iisSessions struct {
	tray    *tray
	servers map[string]*iisServer // By s-computername and s-sitename.
	last    *iisServer            // Of the row before: most logs have one server.
	key     []byte                // Memory of the last look-up.
}

// iisServer is one SMTP service of one server.
type iisServer struct {
	Key   iisKey
	Name  string    // As mail.Transaction.Server.
	Clock mail.Time // Of the latest row: see tick.

	TellsTLS bool `json:",omitempty"` // It wrote a STARTTLS row.

	in  map[string]*iisSession
	out map[string]*iisPeer
}

const (
	// iisIdle is how long a key lives without rows. The service ends a session
	// after ten minutes without a command, and writes its rows within five.
	iisIdle = mail.Time(30 * time.Minute / time.Second)

	// iisSweep is how often, in the time of the server, keys are looked through
	// for idle ones.
	iisSweep = mail.Time(10 * time.Minute / time.Second)

	// iisMaxOpen is how many transactions of a key stay open; the oldest of more
	// is given up. Only a log without QUIT rows comes near: the service allows a
	// client far fewer connections.
	iisMaxOpen = 1000
)

func newIISSessions(t *tray) *iisSessions {
	return &iisSessions{tray: t, servers: make(map[string]*iisServer)}
}

// apply takes one row.
func (s *iisSessions) apply(r *iisRow) {
	v := s.server(r)
	s.tick(v, r.at)
	if r.outbound() {
		s.outbound(v, r)
	} else {
		s.inbound(v, r)
	}
}

// server is the server that wrote r.
func (s *iisSessions) server(r *iisRow) *iisServer {
	key := s.lookup(r.values[colServerName], r.values[colSite])
	if s.last != nil && string(s.last.Key) == string(key) {
		return s.last
	}
	v := s.servers[string(key)]
	if v == nil {
		v = newIISServer(iisKey(key), strings.ToUpper(r.texts.str(r.values[colServerName])))
		s.servers[string(key)] = v
	}
	s.last = v
	return v
}

func newIISServer(key iisKey, name string) *iisServer {
	return &iisServer{Key: key, Name: name, in: make(map[string]*iisSession), out: make(map[string]*iisPeer)}
}

// lookup joins two values to a key, in memory that the next call reuses. No value
// holds a NUL byte or a blank.
func (s *iisSessions) lookup(a, b []byte) []byte {
	s.key = append(s.key[:0], a...)
	s.key = append(s.key, ' ')
	s.key = append(s.key, b...)
	return s.key
}

// tick moves the clock of a server to the time of a row, and closes idle keys
// whenever it passes the next iisSweep. The clock stands still for rows that are
// late; for those of a log of former days it is set back.
func (s *iisSessions) tick(v *iisServer, at mail.Time) {
	if at <= v.Clock {
		if at < v.Clock-2*iisIdle {
			v.Clock = at
		}
		return
	}
	passed := at/iisSweep != v.Clock/iisSweep
	v.Clock = at
	if passed {
		s.sweep(v)
	}
}

// sweep closes the keys of v that have been idle, in the order of their names.
// Those with rows in the future of a clock that was set back are left.
func (s *iisSessions) sweep(v *iisServer) {
	var idle []string
	for key, k := range v.in {
		if v.Clock-k.Last > iisIdle {
			idle = append(idle, key)
		}
	}
	slices.Sort(idle)
	for _, key := range idle {
		s.closeSession(v, v.in[key])
	}
	idle = idle[:0]
	for key, p := range v.out {
		if v.Clock-p.Last > iisIdle {
			idle = append(idle, key)
		}
	}
	slices.Sort(idle)
	for _, key := range idle {
		s.closePeer(v, v.out[key])
	}
}

// apart tells whether rows of two times can't be of one session.
func apart(a, b mail.Time) bool { return a-b > iisIdle || b-a > iisIdle }

// iisTransaction is an open transaction. Where one is filled to
// mail.MaxRecipients another goes on for it, and both end together.
type iisTransaction struct {
	Tx         *transaction
	Filled     []*transaction   `json:",omitempty"`
	ChunkBytes int64            `json:",omitempty"` // Sum of the BDAT commands so far; in only.
	Commands   int              `json:",omitempty"` // RCPT commands, answered or not; out only.
	Data       bool             `json:",omitempty"` // DATA or the last BDAT was sent; out only.
	Awaiting   []mail.Recipient `json:",omitempty"` // Accepted by RCPT, to be decided by DATA; out only.
}

// recipient adds a recipient to o.
func (s *iisSessions) recipient(o *iisTransaction, r mail.Recipient) {
	if o.Tx.count() >= mail.MaxRecipients {
		m := o.Tx.Transaction
		m.Pos, m.At = r.Pos, r.At
		m.Recipients, m.Former, m.Continued = nil, 0, false
		o.Filled = append(o.Filled, o.Tx)
		o.Tx = s.tray.start(m)
		if !m.Exact {
			s.tray.inexact(o.Tx)
		}
	}
	s.tray.recipient(o.Tx, r)
}

// end ends o. sizeBytes is that of the message, -1 if the log does not tell.
func (s *iisSessions) end(o *iisTransaction, outcome mail.Outcome, at mail.Time, sizeBytes int64) {
	for _, tx := range append(o.Filled, o.Tx) {
		tx.SizeBytes = sizeBytes
		s.tray.end(tx, outcome, at)
	}
}

// opened adds o to open. RFC 5321
// allows no MAIL in an open transaction (section 4.1.4): if there is one, it is of
// a parallel session, and neither is exact. Of more than two, the older ones are
// marked already.
func (s *iisSessions) opened(open []*iisTransaction, o *iisTransaction) []*iisTransaction {
	open = append(open, o)
	if len(open) > 1 {
		s.inexact(open[0])
		s.inexact(o)
	}
	return open
}

func (s *iisSessions) inexact(o *iisTransaction) {
	s.tray.inexact(o.Tx)
	for _, tx := range o.Filled {
		s.tray.inexact(tx)
	}
}

// pos is the Pos of the MAIL row.
func (o *iisTransaction) pos() mail.LogPos {
	if len(o.Filled) > 0 {
		return o.Filled[0].Pos
	}
	return o.Tx.Pos
}

// count is the number of recipients.
func (o *iisTransaction) count() int { return len(o.Filled)*mail.MaxRecipients + o.Tx.count() }

// refused is the number of refused recipients.
func (o *iisTransaction) refused() int {
	n := o.Tx.RefusedCount
	for _, tx := range o.Filled {
		n += tx.RefusedCount
	}
	return n
}

// sendable tells whether DATA may follow: not all recipients were refused.
func (o *iisTransaction) sendable() bool { return o.count() > o.refused() }

// remove takes open[i] out and returns both.
func remove(open []*iisTransaction, i int) (*iisTransaction, []*iisTransaction) {
	o := open[i]
	return o, slices.Delete(open, i, i+1)
}
