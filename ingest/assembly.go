package ingest

import (
	"encoding/json"
	"fmt"
)

// assembly joins the rows of all logs of a run to sessions.
type assembly struct {
	tray     tray
	iis      *iisSessions
	exchange *exchangeSessions
}

// newAssembly goes on from sessions that were open when an earlier run stopped,
// as save wrote them; nil for none.
func newAssembly(saved []byte) (*assembly, error) {
	a := &assembly{}
	a.iis = newIISSessions(&a.tray)
	a.exchange = newExchangeSessions(&a.tray)
	if len(saved) == 0 {
		return a, nil
	}
	var s openSessions
	err := json.Unmarshal(saved, &s)
	if err == nil {
		err = a.iis.restore(s.IIS)
	}
	if err == nil {
		err = a.exchange.restore(s.Exchange)
	}
	if err != nil {
		return nil, fmt.Errorf("read the sessions still open from the store: %w", err)
	}
	return a, nil
}

type openSessions struct {
	IIS      json.RawMessage `json:"iis"`
	Exchange json.RawMessage `json:"exchange"`
}

// save returns the sessions still open. It comes right after tray.take.
func (a *assembly) save() ([]byte, error) {
	iis, err := a.iis.save()
	if err != nil {
		return nil, err
	}
	exchange, err := a.exchange.save()
	if err != nil {
		return nil, err
	}
	return json.Marshal(openSessions{iis, exchange})
}

// decoder makes the decoder of a log, as it stood at the log's cursor.
func (a *assembly) decoder(l *Log, codePage string) (decoder, error) {
	x, err := newTexts(codePage)
	if err != nil {
		return nil, err
	}
	x.hide = a.tray.hide
	if l.Format == FormatIISW3C {
		return newIISDecoder(a.iis, x, l.Decoder)
	}
	return newExchangeDecoder(a.exchange, x, l.Format, l.Decoder)
}
