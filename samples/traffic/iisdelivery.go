package traffic

import (
	"strings"
	"time"
)

// iisOutbound writes the rows of one outbound connection.
type iisOutbound struct {
	log *iisLog
	d   *Delivery
	at  time.Time
}

func (l *iisLog) delivery(d *Delivery) {
	o := &iisOutbound{log: l, d: d, at: d.Start}
	o.response("220 " + d.Host + " ESMTP")
	o.exchange("EHLO", OwnDomain, "250-"+d.Host)
	if d.Busy {
		o.exchange("MAIL", "FROM:<"+d.From+">", "421 4.7.0 too many messages from this address, try again later")
		return
	}
	o.exchange("MAIL", "FROM:<"+d.From+">", "250 2.1.0 Ok")
	for _, r := range d.To {
		if r.Reply == 250 {
			o.exchange("RCPT", "TO:<"+r.Path+">", "250 2.1.5 Ok")
		} else {
			o.exchange("RCPT", "TO:<"+r.Path+">", "550 5.1.1 <"+r.Path+">: user unknown")
		}
	}
	if d.delivered() > 0 {
		o.exchange("DATA", "", "354 End data with <CR><LF>.<CR><LF>")
		o.at = o.at.Add(d.Latency)
		o.response("250 2.0.0 Ok: queued")
	} else {
		o.exchange("RSET", "", "250 2.0.0 Ok")
	}
	o.exchange("QUIT", "", "221 2.0.0 Bye")
}

// exchange is a command and the reply to it.
func (o *iisOutbound) exchange(verb, arg, reply string) {
	if arg == "" {
		arg = "-"
	}
	r := o.row("OutboundConnectionCommand", arg)
	r.verb, r.sc = verb, 4
	o.log.write(r)
	o.at = o.at.Add(o.d.Latency)
	o.response(reply)
}

// response is a reply, of which the log shows the first line.
func (o *iisOutbound) response(reply string) {
	r := o.row("OutboundConnectionResponse", reply)
	r.verb, r.sc = "-", len(reply)
	o.log.write(r)
}

func (o *iisOutbound) row(user, query string) iisRow {
	return iisRow{
		at: o.at, client: o.d.Remote, user: user, ip: "-", port: "25",
		query: strings.ReplaceAll(query, " ", "+"), taken: o.at.Sub(o.d.Start).Milliseconds(),
	}
}
