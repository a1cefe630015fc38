package ingest

import (
	"net/netip"
	"strings"

	"relaywatch/mail"
)

// mail takes an answered MAIL command, or one without a reply.
func (e *exchangeSession) mail(c exchangeCommand, r exchangeReply, x *texts) {
	if r.refused() && e.Tx != nil && e.Tx.Outcome == mail.Open {
		e.tray.end(e.begin(c), mail.Refused, r.at) // Within a transaction, which goes on.
		return
	}
	e.abort(r) // If one is open still, the rows that ended it are lost.
	e.start(c)
	switch {
	case r.refused():
		e.tray.end(e.Tx, mail.Refused, r.at)
		if e.delivers(e.Tx) {
			e.Refusal = &mailRefusal{r.code, x.str(r.text)}
		}
	case r.accepted() && c.Internal && e.Direction == mail.In:
		e.Tx.Hop = true // Exchange refuses the parameter to strangers.
	}
}

// start makes the transaction of c the one that takes recipients.
func (e *exchangeSession) start(c exchangeCommand) {
	e.Tx, e.Refusal, e.Chunks = e.begin(c), nil, -1
}

// begin returns the transaction of a MAIL command, or of a RCPT command whose
// MAIL the log does not have.
func (e *exchangeSession) begin(c exchangeCommand) *transaction {
	path := c.Path
	if c.Verb != exchangeMAIL {
		path = mail.UnknownPath
	}
	return e.tray.start(mail.Transaction{
		Pos: c.Pos, At: c.At,
		Server: e.serverName(), ServerIP: e.ServerIP, Direction: e.Direction,
		ClientIP: e.ClientIP, HELO: e.HELO, User: e.User, Connector: e.Connector, TLS: e.TLS,
		Authenticated: e.Authenticated, RelayRight: e.RelayRight,
		Hop:         e.Hop,
		Probe:       e.ownClient() && isProbe(path, e.HELO),
		ReversePath: path,
	})
}

// ownClient is true where the server talks to itself: what a stranger calls itself
// proves nothing.
func (e *exchangeSession) ownClient() bool {
	if e.ClientIP == e.ServerIP && e.ClientIP != "" {
		return true
	}
	a, err := netip.ParseAddr(e.ClientIP)
	return err == nil && a.IsLoopback()
}

// isProbe tells the probes of Managed Availability, by which Exchange 2013 and
// later tries its own transport, by the names they use.
func isProbe(reversePath mail.Path, helo string) bool {
	const name = "healthmailbox"
	switch reversePath {
	case "inboundproxy@inboundproxy.com", "maildeliveryprobe@maildeliveryprobe.com":
		return true
	}
	return strings.HasPrefix(string(reversePath), name) ||
		len(helo) >= len(name) && strings.EqualFold(helo[:len(name)], name)
}

// rcpt takes an answered RCPT command, or one without a reply.
func (e *exchangeSession) rcpt(c exchangeCommand, r exchangeReply, x *texts) {
	switch {
	case e.Tx == nil:
		e.start(c)
	case e.Tx.count() >= mail.MaxRecipients:
		e.continueAt(c, r)
	}
	e.tray.recipient(e.Tx, mail.Recipient{Pos: c.Pos, At: c.At, Path: c.Path, Reply: r.code})
	if e.delivers(e.Tx) {
		e.deliver(c, r, x)
	}
}

// continueAt goes on in another transaction like the one that is full, from the
// row of c. Both end together.
func (e *exchangeSession) continueAt(c exchangeCommand, r exchangeReply) {
	next := e.Tx.Transaction
	next.Pos, next.At = c.Pos, c.At
	next.Recipients, next.Former, next.Continued = nil, 0, false
	next.EndAt, next.Outcome = 0, mail.Open
	e.Full = append(e.Full, e.Tx)
	refused := e.Tx.Outcome == mail.Refused
	e.Tx = e.tray.start(next)
	if refused {
		e.tray.end(e.Tx, mail.Refused, r.at)
	}
}

// each calls f for the transaction, and for the full ones that it continues.
func (e *exchangeSession) each(f func(tx *transaction)) {
	for _, tx := range e.Full {
		f(tx)
	}
	f(e.Tx)
}

// delivers is true if the recipients of tx are told as deliveries: not if they are
// only handed to another server of the organisation, which delivers them.
func (e *exchangeSession) delivers(tx *transaction) bool {
	return tx.Direction == mail.Out && !tx.Hop
}

// deliver tells what became of a recipient, or waits for the reply to DATA.
func (e *exchangeSession) deliver(c exchangeCommand, r exchangeReply, x *texts) {
	d := mail.Delivery{
		Pos: c.Pos, At: c.At,
		Server: e.Tx.Server, RemoteIP: e.Tx.ClientIP,
		ReversePath: e.Tx.ReversePath, Recipient: c.Path,
	}
	switch {
	case r.code == 503 && e.Refusal != nil: // Bad sequence: it was MAIL that was refused.
		e.decide(d, e.Refusal.Code, e.Refusal.Text, r.at)
	case r.refused():
		e.decide(d, r.code, x.str(r.text), r.at)
	case r.accepted():
		e.Waiting = append(e.Waiting, d)
	default:
		e.decide(d, 0, "", 0)
	}
}

// decide hands on d with the reply that decided and its time; 0 if the log does not
// tell.
func (e *exchangeSession) decide(d mail.Delivery, code int, text string, at mail.Time) {
	d.Reply, d.Text = code, text
	if code > 0 {
		d.RepliedAt = at
	}
	switch code / 100 {
	case 2:
		d.Outcome = mail.Delivered
	case 4:
		d.Outcome = mail.Deferred
	case 5:
		d.Outcome = mail.RefusedThere
	}
	e.tray.deliveries = append(e.tray.deliveries, d)
}

// decideAll decides the recipients that wait.
func (e *exchangeSession) decideAll(code int, text string, at mail.Time) {
	for _, d := range e.Waiting {
		e.decide(d, code, text, at)
	}
	clear(e.Waiting)
	e.Waiting = e.Waiting[:0]
}

// bdat takes an answered BDAT command (RFC 3030), or one without a reply.
func (e *exchangeSession) bdat(c exchangeCommand, r exchangeReply, x *texts) {
	if r.accepted() && c.SizeBytes >= 0 {
		e.Chunks = max(e.Chunks, 0) + c.SizeBytes
	}
	if r.refused() || c.Last && r.code != 0 {
		e.data(r, x)
	}
}

// data takes the reply to the end of the data. A transaction that it refuses
// stays, as RFC 5321, section 3.3, has it for DATA without a recipient.
func (e *exchangeSession) data(r exchangeReply, x *texts) {
	if e.Tx == nil {
		return
	}
	if len(e.Waiting) > 0 {
		e.decideAll(r.code, x.str(r.text), r.at)
	}
	if !r.accepted() {
		e.each(func(tx *transaction) { e.tray.end(tx, mail.Refused, r.at) })
		return
	}
	size := receivedBytes(r.text)
	if size < 0 {
		size = e.Chunks
	}
	e.each(func(tx *transaction) {
		tx.SizeBytes = size
		e.tray.end(tx, mail.Accepted, r.at)
	})
	e.Tx, e.Full, e.Refusal = nil, nil, nil
}

// abort ends the transaction at the time of r, unless it was refused before.
func (e *exchangeSession) abort(r exchangeReply) {
	if e.Tx == nil {
		return
	}
	e.decideAll(0, "", 0)
	e.each(func(tx *transaction) {
		if tx.Outcome == mail.Open {
			e.tray.end(tx, mail.Aborted, r.at)
		}
	})
	e.Tx, e.Full, e.Refusal = nil, nil, nil
}
