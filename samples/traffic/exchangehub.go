package traffic

import (
	"fmt"
	"time"
)

// proxied is a message that the front end passed on to the hub.
type proxied struct {
	s       *Session
	m       *Message
	session string // Id of the front end's session.
	reply   string // The hub's, which the front end passes on.
}

// hub writes the hub's receive log: long sessions of the front end, each of which
// carries the messages of many clients. messages are in the order of their DATA.
func (l *exLog) hub(messages []proxied) {
	const idle = 15 * time.Minute
	var open []*exHub
	for _, p := range messages {
		var free *exHub
		var still []*exHub
		for _, h := range open {
			switch {
			case h.at.Add(idle).Before(p.m.dataAt()):
				h.close(h.at.Add(idle))
				continue
			case free == nil && h.at.Before(p.m.dataAt()):
				free = h
			}
			still = append(still, h)
		}
		if open = still; free == nil {
			free = l.connect(p.m.dataAt())
			open = append(open, free)
		}
		free.message(p)
	}
	for _, h := range open {
		h.close(h.at.Add(idle))
	}
}

// exHub writes the rows of one of the front end's sessions with the hub.
type exHub struct {
	*exSession
	started, at time.Time
	count       int
}

func (l *exLog) connect(at time.Time) *exHub {
	port := 20_000 + int(l.server.session%30_000)
	h := &exHub{exSession: l.open(exName+`\Default `+exName, endpoint(exIP, 2525), endpoint(exIP, port)), started: at, at: at}
	hello := "250  " + exFQDN + " Hello [" + exIP + "] SIZE 37748736 PIPELINING DSN ENHANCEDSTATUSCODES X-ANONYMOUSTLS 8BITMIME BINARYMIME CHUNKING"
	h.write(at, "+", "", "")
	h.write(at, "*", "None", "Set Session Permissions")
	h.write(at, ">", "220 "+exFQDN+" Microsoft ESMTP MAIL Service ready at "+at.Format(time.RFC1123Z), "")
	h.write(at, "<", "EHLO "+exFQDN, "")
	h.write(at, ">", hello, "")
	h.write(at, "<", "X-ANONYMOUSTLS", "")
	h.write(at, ">", "220 2.0.0 SMTP server ready", "")
	h.write(at, "<", "EHLO "+exFQDN, "")
	h.write(at, ">", hello+" XPROXYFROM XSHADOW X-EXPS EXCHANGEAUTH", "")
	h.write(at, "<", "X-EXPS EXCHANGEAUTH SHA256", "")
	h.write(at, "*", exchange, "Set Session Permissions")
	h.write(at, "*", `CORP\`+exName+"$", "authenticated")
	h.write(at, ">", "235 <authentication response>", "")
	return h
}

func (h *exHub) message(p proxied) {
	h.count++
	at := p.m.dataAt().Add(4 * time.Millisecond)
	source := "Anonymous"
	if p.s.Account != "" {
		source = "Login"
	}
	h.write(at, "<", fmt.Sprintf("XPROXYFROM SID=%s IP=%s PORT=%d DOMAIN=%s SEQNUM=1 PERMS=1077 AUTHSRC=%s",
		p.session, p.s.Client, p.s.Port, p.s.HELO, source), "")
	h.write(at, ">", "250 XProxyFrom accepted", "")
	h.write(at, "<", fmt.Sprintf("MAIL FROM:<%s> SIZE=0 AUTH=<> XMESSAGEVALUE=MediumHigh", p.m.From), "")
	h.write(at, "*", h.id+";"+h.started.Format(exTime)+";"+itoa(h.count), "receiving message")
	for _, r := range p.m.To {
		if r.Reply == 250 {
			h.write(at, "<", "RCPT TO:<"+r.Path+">", "")
		}
	}
	h.write(at, ">", "250 2.1.0 Sender OK", "")
	for _, r := range p.m.To {
		if r.Reply == 250 {
			h.write(at, ">", "250 2.1.5 Recipient OK", "")
		}
	}
	h.write(at, "<", "DATA", "")
	h.write(at, ">", "354 Start mail input; end with <CRLF>.<CRLF>", "")
	h.at = p.m.endAt().Add(-2 * time.Millisecond)
	h.write(h.at, "*", "", "receiving message with InternetMessageId <"+p.m.ID+">")
	h.write(h.at, "*", "Tarpit for '0.00:00:00.412' due to 'DelayedAck'", "Delivered")
	h.write(h.at, ">", p.reply, "")
}

func (h *exHub) close(at time.Time) {
	h.write(at, "<", "QUIT", "")
	h.write(at, ">", "221 2.0.0 Service closing transmission channel", "")
	h.write(at, "-", "", "Local")
}
