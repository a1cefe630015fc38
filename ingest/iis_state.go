package ingest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"relaywatch/mail"
)

// iisKey is bytes of the log by which something is found. They may be of any code
// page, so they are saved as base64.
type iisKey string

func (k iisKey) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(k)) }

func (k *iisKey) UnmarshalJSON(b []byte) error {
	var raw []byte
	err := json.Unmarshal(b, &raw)
	*k = iisKey(raw)
	return err
}

// iisSaved is one server of what iisSessions.save writes.
type iisSaved struct {
	Server *iisServer
	In     []*iisSession `json:",omitempty"`
	Out    []*iisPeer    `json:",omitempty"`
}

// save returns the sessions that are open, as JSON. The tray must have been taken
// right before: recipients that no Batch has are not saved.
func (s *iisSessions) save() ([]byte, error) {
	saved := make([]iisSaved, 0, len(s.servers))
	for _, key := range slices.Sorted(maps.Keys(s.servers)) {
		v := s.servers[key]
		saved = append(saved, iisSaved{
			Server: v,
			In:     slices.SortedFunc(maps.Values(v.in), func(a, b *iisSession) int { return cmp.Compare(a.Key, b.Key) }),
			Out:    slices.SortedFunc(maps.Values(v.out), func(a, b *iisPeer) int { return cmp.Compare(a.Key, b.Key) }),
		})
	}
	return json.Marshal(saved)
}

// restore replaces the sessions with those that save returned; nil is none.
func (s *iisSessions) restore(b []byte) error {
	s.servers, s.last = make(map[string]*iisServer), nil
	if len(b) == 0 {
		return nil
	}
	var saved []iisSaved
	if err := json.Unmarshal(b, &saved); err != nil {
		return fmt.Errorf("read the open IIS sessions: %w", err)
	}
	for _, w := range saved {
		if !w.whole() {
			return errors.New("read the open IIS sessions: a part of them is missing")
		}
		v := newIISServer(w.Server.Key, w.Server.Name)
		v.Clock, v.TellsTLS = w.Server.Clock, w.Server.TellsTLS
		for _, k := range w.In {
			v.in[string(k.Key)] = k
		}
		for _, p := range w.Out {
			v.out[string(p.Key)] = p
		}
		s.servers[string(v.Key)] = v
	}
	return nil
}

// whole tells whether nothing is nil that save writes.
func (w *iisSaved) whole() bool {
	if w.Server == nil {
		return false
	}
	for _, k := range w.In {
		if k == nil || !wholeTransactions(k.Open) {
			return false
		}
	}
	for _, p := range w.Out {
		if p == nil || !wholeTransactions(p.Open) {
			return false
		}
		for _, c := range p.Pending {
			if c.Verb == iisRCPT && c.Tx != (mail.LogPos{}) && c.Recipient == nil {
				return false
			}
		}
	}
	return true
}

func wholeTransactions(open []*iisTransaction) bool {
	return !slices.ContainsFunc(open, func(o *iisTransaction) bool {
		return o == nil || o.Tx == nil || slices.Contains(o.Filled, nil)
	})
}
