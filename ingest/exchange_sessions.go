package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"relaywatch/mail"
)

// Families keep sessions of different formats apart.
const (
	familyReceive byte = 'r'
	familySend    byte = 's'
	familyEither  byte = 'e' // Each session tells its direction.
)

// exchangeIdle is how long a session may be silent, by the clock of its server's
// rows, before it is given up as one whose end the log has lost. Exchange itself
// drops a client after 5 to 10 minutes, and a peer of its own within 30.
const exchangeIdle = time.Hour

// exchangeSweep is how often silent sessions are looked for, by the same clock.
const exchangeSweep = 10 * time.Minute

// exchangeSessions are the open sessions of all Exchange logs of a run. What they
// tell depends on the sequence of rows alone, not on where it was interrupted.
type exchangeSessions struct {
	tray    *tray
	servers map[string]*exchangeServer
	scratch []byte
}

// exchangeServer is a server as far as connector-id names it, in one family.
type exchangeServer struct {
	key      string // Family, and the name as logged: any bytes.
	name     string // Upper case; "" where connector-id names none.
	clock    mail.Time
	sessions map[string]*exchangeSession // By session-id and remote endpoint, any bytes.
}

func newExchangeSessions(t *tray) *exchangeSessions {
	return &exchangeSessions{tray: t, servers: make(map[string]*exchangeServer)}
}

// server returns the server that wrote a row of a connector: EX01\Default is one
// of EX01. Send connectors belong to the organisation and name no server.
func (s *exchangeSessions) server(family byte, connector []byte, x *texts) *exchangeServer {
	name := connector[:max(0, bytes.LastIndexByte(connector, '\\'))]
	key := string(family) + string(name)
	v := s.servers[key]
	if v == nil {
		v = &exchangeServer{
			key:      key,
			name:     strings.ToUpper(x.str(name)),
			sessions: make(map[string]*exchangeSession),
		}
		s.servers[key] = v
	}
	return v
}

// apply gives a row to its session and returns that, or nil for the end of one
// that is not open.
func (s *exchangeSessions) apply(v *exchangeServer, r *exchangeRow, x *texts) *exchangeSession {
	s.advance(v, r.at)
	s.scratch = append(append(append(s.scratch[:0], r.session...), 0), r.remote...)
	e := v.sessions[string(s.scratch)]
	if e != nil && (r.at.Sub(e.LastAt) >= exchangeIdle || r.event == '+' && e.Talked) {
		e.end(e.LastAt)
		e = nil
	}
	if e == nil {
		if r.event == '-' {
			delete(v.sessions, string(s.scratch))
			return nil
		}
		e = newExchangeSession(v.key[0], x.ip(host(r.remote)), x.str(trimBlanks(r.connector[bytes.LastIndexByte(r.connector, '\\')+1:], ' ')))
		e.tray, e.server = s.tray, v
		v.sessions[string(s.scratch)] = e
	}
	e.LastAt, e.Clock = max(e.LastAt, r.at), v.clock
	if r.event == '-' {
		e.end(r.at)
		delete(v.sessions, string(s.scratch))
	} else {
		e.row(r, x)
	}
	return e
}

// advance moves the server's clock, and ends the sessions that are silent too
// long whenever it passes a whole exchangeSweep.
func (s *exchangeSessions) advance(v *exchangeServer, at mail.Time) {
	if at <= v.clock {
		return
	}
	const step = mail.Time(exchangeSweep / time.Second)
	sweep := at/step != v.clock/step
	v.clock = at
	if !sweep {
		return
	}
	var silent []string
	for key, e := range v.sessions {
		if at.Sub(e.Clock) >= exchangeIdle {
			silent = append(silent, key)
		}
	}
	slices.Sort(silent)
	for _, key := range silent {
		v.sessions[key].end(v.sessions[key].LastAt)
		delete(v.sessions, key)
	}
}

// savedExchangeServer is an exchangeServer between two runs. Keys are bytes of
// the log and need not be UTF-8.
type savedExchangeServer struct {
	Key      []byte                 `json:"key"`
	Name     string                 `json:"name,omitempty"`
	Clock    mail.Time              `json:"clock"`
	Sessions []savedExchangeSession `json:"sessions,omitempty"`
}

type savedExchangeSession struct {
	Key     []byte           `json:"key"`
	Session *exchangeSession `json:"session"`
}

// save returns the open sessions as JSON. It is called after tray.take, so that
// their transactions hold no recipient that is handed on already.
func (s *exchangeSessions) save() ([]byte, error) {
	saved := make([]savedExchangeServer, 0, len(s.servers))
	for _, key := range slices.Sorted(maps.Keys(s.servers)) {
		v := s.servers[key]
		w := savedExchangeServer{Key: []byte(key), Name: v.name, Clock: v.clock}
		for _, key := range slices.Sorted(maps.Keys(v.sessions)) {
			v.sessions[key].compact()
			w.Sessions = append(w.Sessions, savedExchangeSession{[]byte(key), v.sessions[key]})
		}
		saved = append(saved, w)
	}
	b, err := json.Marshal(saved)
	if err != nil {
		return nil, fmt.Errorf("save Exchange sessions: %w", err)
	}
	return b, nil
}

// restore takes back what save returned.
func (s *exchangeSessions) restore(b []byte) error {
	var saved []savedExchangeServer
	if err := json.Unmarshal(b, &saved); err != nil {
		return fmt.Errorf("restore Exchange sessions: %w", err)
	}
	clear(s.servers)
	for _, w := range saved {
		if len(w.Key) == 0 {
			return fmt.Errorf("restore Exchange sessions: a server has no key")
		}
		v := &exchangeServer{
			key: string(w.Key), name: w.Name, clock: w.Clock,
			sessions: make(map[string]*exchangeSession, len(w.Sessions)),
		}
		for _, e := range w.Sessions {
			if e.Session == nil {
				return fmt.Errorf("restore Exchange sessions: a session of %s is empty", w.Name)
			}
			e.Session.tray, e.Session.server = s.tray, v
			v.sessions[string(e.Key)] = e.Session
		}
		s.servers[v.key] = v
	}
	return nil
}
