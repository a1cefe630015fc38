package ingest

import (
	"strings"
	"testing"

	"relaywatch/mail"
)

// A login that every server accepts, and the greeting before it.
const greeting = `
	+
	> 220 ex01.corp.example Microsoft ESMTP MAIL Service ready
	< EHLO ws7.corp.example
	> 250  ex01.corp.example Hello [10.1.4.7] SIZE 37748736 PIPELINING
`

func TestExchangeReceive(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{
			"a message in lock-step", greeting + `
			< MAIL FROM:<Ann@corp.example> SIZE=100
			* 08DA000000000001;2023-01-11T16:00:00.000Z;1|receiving message
			> 250 2.1.0 Sender OK
			< RCPT TO:<bob@example.net>
			> 250 2.1.5 Recipient OK
			< DATA
			> 354 Start mail input; end with <CRLF>.<CRLF>
			> 250 2.6.0 <7 bytes in 1@x> [InternalId=4, Hostname=ex01] 3454 bytes in 0.777, 4.338 KB/sec Queued mail for delivery
			< QUIT
			> 221 2.0.0 Service closing transmission channel
			- |Local`,
			`<ann@corp.example> accepted@11 3454B; <bob@example.net> 250@7`,
		},
		{
			"a reply of many lines answers once", `
			< EHLO ws7
			> 250-ex01.corp.example Hello
			> 250-SIZE
			> 250 CHUNKING
			< MAIL FROM:<>
			> 250
			< RCPT TO:<bob@example.net>
			> 550-5.7.1 Unable
			> 550 5.7.1 to relay
			-`,
			`<> refused@9; <bob@example.net> 550@6`,
		},
		{
			"commands without waiting", `
			< MAIL FROM:<a@example.org>
			< RCPT TO:<b@example.net>
			< RCPT TO:<c@example.net>
			< DATA
			> 250 2.1.0 Sender OK
			* Tarpit for '0.00:00:05'
			> 550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain
			> 250 2.1.5 Recipient OK
			> 354 Start mail input
			> 250 2.6.0 Queued`,
			`<a@example.org> accepted@9; <b@example.net> 550@1; <c@example.net> 250@2`,
		},
		{
			"two messages by BDAT without waiting", `
			< MAIL FROM:<a@example.org>
			< RCPT TO:<b@example.net>
			< BDAT 1000
			< BDAT 48 LAST
			< MAIL FROM:<a2@example.org>
			< RCPT TO:<c@example.net>
			< BDAT 5 LAST
			> 250 2.1.0 Sender OK
			> 250 2.1.5 Recipient OK
			> 250 2.6.0 CHUNK received OK, 1000 octets
			> 250 2.6.0 Queued
			> 250 2.1.0 Sender OK
			> 250 2.1.5 Recipient OK
			> 554 5.6.0 Corrupt message content`,
			`<a@example.org> accepted@10 1048B; <b@example.net> 250@1
			<a2@example.org> refused@13; <c@example.net> 250@5`,
		},
		{
			"DATA refused", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< DATA
			> 354 Start mail input
			> 550 5.7.60 SMTP; Client does not have permissions to send as this sender`,
			`<a@example.org> refused@6; <b@example.net> 250@2`,
		},
		{
			"DATA without a recipient, and then with one", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< DATA
			> 503 5.5.2 Need rcpt command
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< DATA
			> 354 Start mail input
			> 250 2.6.0 Queued`,
			`<a@example.org> accepted@8; <b@example.net> 250@4`,
		},
		{
			"RSET aborts", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< RSET
			> 250 2.0.0 Resetting
			< RCPT TO:<c@example.net>
			> 503 5.5.2 Need mail command`,
			`<a@example.org> aborted@5; <b@example.net> 250@2
			? open; <c@example.net> 503@6`,
		},
		{
			"EHLO answered 250 aborts, refused it does not", `
			< EHLO one
			> 250 Hello
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< EHLO two words
			> 501 5.5.4 Invalid domain name
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< HELO three
			> 250 Hello`,
			`<a@example.org> aborted@9; <b@example.net> 250@6`,
		},
		{
			"the session ends before the replies", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< RCPT TO:<c@example.net>
			- |Remote(SocketError)`,
			`<a@example.org> aborted@5; <b@example.net> 250@2; <c@example.net> 0@4`,
		},
		{
			"MAIL refused, recipients behind it", `
			< MAIL FROM:<a@example.org>
			< RCPT TO:<b@example.net>
			> 550 5.7.1 Sender denied
			> 503 5.5.2 Need mail command`,
			`<a@example.org> refused@2; <b@example.net> 503@1`,
		},
		{
			"MAIL within a transaction is refused, and it goes on", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< MAIL FROM:<z@example.org>
			> 503 5.5.2 Sender already specified
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			-`,
			`<a@example.org> aborted@6; <b@example.net> 250@4
			<z@example.org> refused@3`,
		},
		{
			"MAIL accepted within a transaction: rows are lost", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			< MAIL FROM:<z@example.org>
			> 250 2.1.0 Sender OK`,
			`<a@example.org> aborted@5; <b@example.net> 250@2
			<z@example.org> open`,
		},
		{
			"the log begins in mid-session", `
			* 08DA000000000001;2023-01-11T16:00:00.000Z;1|receiving message
			< RCPT TO:<b@example.net>
			* Tarpit for '0.00:00:05'
			> 250 2.1.0 Sender OK
			> 550 5.7.1 Unable to relay
			< QUIT
			-`,
			`? refused@6; <b@example.net> 550@1`,
		},
		{
			"the reply to MAIL is lost", `
			< MAIL FROM:<a@example.org>
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK`,
			`<a@example.org> open; <b@example.net> 250@1`,
		},
		{
			"the reply to RCPT is lost", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< RCPT TO:<b@example.net>
			< DATA
			> 354 Start mail input
			> 250 2.6.0 Queued
			< MAIL FROM:<a2@example.org>
			> 250 2.1.0 Sender OK`,
			`<a@example.org> accepted@5; <b@example.net> 0@2
			<a2@example.org> open`,
		},
		{
			"the server closes", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			> 421 4.4.1 Connection timed out
			-`,
			`<a@example.org> aborted@3`,
		},
		{
			"paths as clients write them", `
			< mail from: <a b@Example.org> BODY=8BITMIME
			< Rcpt To:bob@example.net
			< RCPT TO:<"x>y"@example.net> NOTIFY=NEVER
			< RCPT
			> 250 2.1.0 Sender OK
			> 250 2.1.5 Recipient OK
			> 250 2.1.5 Recipient OK
			> 501 5.5.4 Unrecognized parameter`,
			`<a b@example.org> open; <bob@example.net> 250@1; <"x>y"@example.net> 250@2; ? 501@3`,
		},
	} {
		t.Run(c.name, func(t *testing.T) { wantFacts(t, received(t, c.rows), c.want) })
	}
}

func TestExchangeSession(t *testing.T) {
	const message = `
		< MAIL FROM:<ann@corp.example>
		> 250 2.1.0 Sender OK
		< RSET
		> 250 2.0.0 Resetting
	`
	for _, c := range []struct{ name, rows, want string }{
		{
			"the right to relay, latest set wins", `
			* SMTPSubmit SMTPAcceptAnySender|Set Session Permissions` + message + `
			* SMTPSubmit SMTPAcceptAnyRecipient AcceptRoutingHeaders|Set Session Permissions` + message + `
			* None|Set Session Permissions` + message,
			`<ann@corp.example> aborted@4
			<ann@corp.example> aborted@9 relay-right
			<ann@corp.example> aborted@14`,
		},
		{
			"a login", `
			< AUTH LOGIN
			> 334 <authentication response>
			> 334 <authentication response>
			* SMTPSubmit SMTPAcceptAnyRecipient|Set Session Permissions
			* CORP\Ann|authenticated
			> 235 2.7.0 Authentication successful` + message,
			`<ann@corp.example> aborted@9 authenticated relay-right user=corp\ann
			login "corp\\ann" true@5`,
		},
		{
			"a login whose AUTH row is lost", `
			* CORP\Ann|authenticated
			> 235 2.7.0 Authentication successful` + message,
			`<ann@corp.example> aborted@5 authenticated user=corp\ann
			login "corp\\ann" true@0`,
		},
		{
			"a login whose 235 is lost", `
			< AUTH LOGIN
			> 334 <authentication response>
			* CORP\Ann|authenticated` + message,
			`<ann@corp.example> aborted@6 authenticated user=corp\ann
			login "corp\\ann" true@2`,
		},
		{
			"a login that names nobody", `
			< AUTH NTLM
			> 235 2.7.0 Authentication successful` + message,
			`<ann@corp.example> aborted@5 authenticated
			login "" true@1`,
		},
		{
			"a machine is another server", `
			< X-EXPS GSSAPI
			> 334 GSSAPI supported
			* CORP\EX02$|authenticated
			> 235 <authentication response>` + message,
			`<ann@corp.example> aborted@7 authenticated hop`,
		},
		{
			"a machine that logs in like a client is one", `
			< AUTH NTLM
			> 334 NTLM supported
			* CORP\WS7$|authenticated
			> 235 2.7.0 Authentication successful` + message,
			`<ann@corp.example> aborted@7 authenticated user=corp\ws7$
			login "corp\\ws7$" true@3`,
		},
		{
			"so is the system account", `
			< AUTH GSSAPI
			* NT AUTHORITY\SYSTEM|authenticated
			> 235 <authentication response>` + message,
			`<ann@corp.example> aborted@6 authenticated hop`,
		},
		{
			"so is who knows the organisation's mechanism", `
			< X-ANONYMOUSTLS
			> 220 2.0.0 SMTP server ready
			< EHLO ex02
			> 250 Hello
			< X-EXPS EXCHANGEAUTH SHA256 abc
			> 235 <authentication response>` + message,
			`<ann@corp.example> aborted@9 authenticated hop`,
		},
		{
			"a failed login with its user", `
			< AUTH LOGIN
			> 334 <authentication response>
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: Bob@corp.example
			* Tarpit for '0.00:00:05'
			> 535 5.7.3 Authentication unsuccessful
			- |Remote`,
			`login "bob@corp.example" false@2`,
		},
		{
			"failed logins one after the other", `
			< AUTH LOGIN
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: bob
			> 535 5.7.3 Authentication unsuccessful
			< AUTH LOGIN
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: eve
			< AUTH LOGIN
			> 334 <authentication response>
			* CORP\eve|authenticated
			> 235 2.7.0 Authentication successful`,
			`login "bob" false@1
			login "eve" false@5
			login "corp\\eve" true@10`,
		},
		{
			"failed logins whose AUTH rows are lost", `
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: bob
			> 535 5.7.3 Authentication unsuccessful
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: eve
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: mallory
			-`,
			`login "bob" false@0
			login "eve" false@3
			login "mallory" false@5`,
		},
		{
			"a failed login noted twice, its AUTH row lost", `
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: bob
			> 535 5.7.3 Authentication unsuccessful`,
			`login "bob" false@0`,
		},
		{
			"a failed login noted twice", `
			< AUTH LOGIN
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: bob
			* |Inbound AUTH LOGIN failed because of LogonDenied
			* |User Name: bob
			> 535 5.7.3 Authentication unsuccessful`,
			`login "bob" false@1`,
		},
		{
			"the name in a note of failure is not proved", `
			< AUTH LOGIN
			* |User Name: bob
			> 235 2.7.0 Authentication successful`,
			`login "" true@2`,
		},
		{
			"the note of a send connector means nothing here", `
			* |Proxying inbound session with session id 08D54162A04116F1` + message,
			`<ann@corp.example> aborted@4`,
		},
		{
			"a failed login without a note", `
			< AUTH PLAIN
			> 535 5.7.3 Authentication unsuccessful
			-`,
			`login "" false@1`,
		},
		{
			"refused commands are no logins", `
			< AUTH LOGIN
			> 504 5.7.4 Unrecognized authentication type
			< AUTH PLAIN
			> 530 5.7.0 Must issue a STARTTLS command first
			< AUTH
			> 501 5.5.4 Invalid arguments
			-`,
			``,
		},
		{
			"what follows 334 is no command", `
			< AUTH LOGIN
			> 334 VXNlcm5hbWU6
			< <authentication response>
			> 334 UGFzc3dvcmQ6
			< <authentication response>
			> 235 2.7.0 Authentication successful` + message,
			`<ann@corp.example> aborted@9 authenticated
			login "" true@5`,
		},
		{
			"STARTTLS, and EHLO again", greeting + `
			< STARTTLS
			> 220 2.0.0 SMTP server ready
			* |TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded, using bulk encryption
			< EHLO ws7.corp.example
			> 250 Hello` + message,
			`<ann@corp.example> aborted@12`,
		},
		{
			"XPROXYFROM accepted", `
			< XPROXYFROM SID=08DA IP=10.1.4.7 PORT=50100
			> 250 XProxyFrom accepted` + message,
			`<ann@corp.example> aborted@5 hop`,
		},
		{
			"XPROXY accepted", `
			< XPROXY SID=08DA IP=10.1.4.7 PORT=50100 DOMAIN=ws7 CAPABILITIES=0
			> 250 XProxy accepted` + message,
			`<ann@corp.example> aborted@5 hop`,
		},
		{
			"XPROXYFROM refused to a stranger", `
			< XPROXYFROM SID=08DA IP=10.1.4.7 PORT=50100
			> 500 5.3.3 Unrecognized command` + message,
			`<ann@corp.example> aborted@5`,
		},
		{
			"a parameter between servers, accepted and refused", `
			< MAIL FROM:<a@example.org> SIZE=0 AUTH=<> XMESSAGEVALUE=MediumHigh
			> 250 2.1.0 Sender OK
			< RSET
			> 250 2.0.0 Resetting
			< MAIL FROM:<a@example.org> XSHADOW=1
			> 501 5.5.4 Invalid arguments
			-`,
			`<a@example.org> aborted@3 hop
			<a@example.org> refused@5`,
		},
		{
			"XEXCH50 is answered twice", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			< XEXCH50 1024 2
			> 354 Send binary data
			> 250 2.0.0 XEXCH50 OK
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK`,
			`<a@example.org> open; <b@example.net> 250@5`,
		},
		{
			"connects and says nothing", `
			+
			- |Remote`,
			``,
		},
		{
			"silent for an hour", `
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			wait 3598
			< RCPT TO:<b@example.net>
			> 250 2.1.5 Recipient OK
			wait 3600
			< RCPT TO:<c@example.net>
			> 250 2.1.5 Recipient OK`,
			`<a@example.org> aborted@3601; <b@example.net> 250@3600
			? open; <c@example.net> 250@7202`,
		},
		{
			"connects anew under the same id", `
			+
			< MAIL FROM:<a@example.org>
			> 250 2.1.0 Sender OK
			+
			< RCPT TO:<b@example.net>
			> 503 5.5.2 Need mail command`,
			`<a@example.org> aborted@2
			? open; <b@example.net> 503@4`,
		},
	} {
		t.Run(c.name, func(t *testing.T) { wantFacts(t, received(t, c.rows), c.want) })
	}
}

// However long the queue is, a reply that fits only a later command leaves that
// one the next.
func TestExchangeLostReplies(t *testing.T) {
	const recipients, told = 150, 90
	rows := "< MAIL FROM:<a@example.org>\n" +
		strings.Repeat("< RCPT TO:<b@example.net>\n", recipients) +
		"< DATA\n< NOOP\n> 250 2.1.0 Sender OK\n" +
		strings.Repeat("> 250 2.1.5 Recipient OK\n", told) +
		"> 354 Start mail input\n> 250 2.6.0 Queued\n"
	txs := received(t, rows).Transactions
	if len(txs) != 1 || txs[0].Outcome != mail.Accepted || len(txs[0].Recipients) != recipients {
		t.Fatalf("got %+v; want one, accepted, with %d recipients", txs, recipients)
	}
	for i, r := range txs[0].Recipients {
		if r.Accepted() != (i < told) {
			t.Errorf("recipient %d: got reply %d; want 250 for the first %d alone", i, r.Reply, told)
		}
	}
}

func TestExchangeHELO(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"as sent", "< EHLO Ws7.corp.example\n> 250 Hello", "Ws7.corp.example"},
		{"the latest", "< EHLO one\n> 250 Hello\n< EHLO two\n> 250 Hello", "two"},
		{"a refused one is no change", "< EHLO one\n> 250 Hello\n< EHLO t w o\n> 501 Invalid", "one"},
		{"but better than none", "< EHLO t w o\n> 501 Invalid", "t w o"},
		{"the reply is lost", "< EHLO one\n< STARTTLS\n> 220 go", "one"},
		{"none", "< HELO\n> 501 Invalid", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := received(t, c.rows+"\n< MAIL FROM:<>\n> 250 2.1.0 Sender OK")
			if got := b.Transactions[0].HELO; got != c.want {
				t.Errorf("got %q; want %q", got, c.want)
			}
		})
	}
}

func TestExchangeSend(t *testing.T) {
	const hello = `
		* SendRoutingHeaders|Set Session Permissions
		* |attempting to connect
		+
		< 220 mx.example.net ESMTP
		> EHLO ex01.corp.example
		< 250 mx.example.net
	`
	for _, c := range []struct{ name, rows, want string }{
		{
			"each recipient for itself", hello + `
			* |sending message with RecordId 167503004549 and InternetMessageId <1@corp.example>
			> MAIL FROM:<ann@corp.example> SIZE=18019
			> RCPT TO:<b@example.net>
			> RCPT TO:<c@example.net>
			> RCPT TO:<d@example.net>
			< 250 2.1.0 Ok
			< 250 2.1.5 Ok
			< 550 5.1.1 User unknown
			< 450 4.2.0 Greylisted
			> DATA
			< 354 End data with <CR><LF>.<CR><LF>
			< 250 2.0.0 Ok: queued as 4Q
			> QUIT
			-`,
			`<ann@corp.example> accepted@17 out; <b@example.net> 250@8; <c@example.net> 550@9; <d@example.net> 450@10
			delivery <ann@corp.example>><c@example.net> refused 550 "5.1.1 User unknown"@9 replied@13
			delivery <ann@corp.example>><d@example.net> deferred 450 "4.2.0 Greylisted"@10 replied@14
			delivery <ann@corp.example>><b@example.net> delivered 250 "2.0.0 Ok: queued as 4Q"@8 replied@17`,
		},
		{
			"DATA defers, BDAT refuses", `
			> MAIL FROM:<>
			< 250 Ok
			> RCPT TO:<b@example.net>
			< 250 Ok
			> DATA
			< 354 Go
			< 451 4.7.1 Try later
			> RSET
			< 250 Ok
			> MAIL FROM:<>
			< 250 Ok
			> RCPT TO:<c@example.net>
			< 250 Ok
			> BDAT 10 LAST
			< 554 5.7.1 Spam`,
			`<> refused@6 out; <b@example.net> 250@2
			<> refused@14 out; <c@example.net> 250@11
			delivery <>><b@example.net> deferred 451 "4.7.1 Try later"@2 replied@6
			delivery <>><c@example.net> refused 554 "5.7.1 Spam"@11 replied@14`,
		},
		{
			"the session ends before DATA is answered", `
			> MAIL FROM:<>
			< 250 Ok
			> RCPT TO:<b@example.net>
			< 250 Ok
			> RCPT TO:<c@example.net>
			- |Remote`,
			`<> aborted@5 out; <b@example.net> 250@2; <c@example.net> 0@4
			delivery <>><c@example.net>  0 ""@4
			delivery <>><b@example.net>  0 ""@2`,
		},
		{
			"MAIL refused decides what was sent behind it", `
			> MAIL FROM:<>
			> RCPT TO:<b@example.net>
			> RCPT TO:<c@example.net>
			< 451 4.7.1 Greylisted
			< 503 5.5.1 Need MAIL
			< 550 5.1.1 User unknown`,
			`<> refused@3 out; <b@example.net> 503@1; <c@example.net> 550@2
			delivery <>><b@example.net> deferred 451 "4.7.1 Greylisted"@1 replied@4
			delivery <>><c@example.net> refused 550 "5.1.1 User unknown"@2 replied@5`,
		},
		{
			"a front end hands on", `
			* |Proxying inbound session with session id 08D54162A04116F1
			> MAIL FROM:<a@example.org>
			< 250 2.1.0 Sender OK
			> RCPT TO:<ann@corp.example>
			< 250 2.1.5 Recipient OK
			> DATA
			< 354 Start mail input
			< 250 2.6.0 Queued`,
			`<a@example.org> accepted@7 out hop; <ann@corp.example> 250@3`,
		},
		{
			"nobody answers", `
			* |attempting to connect
			* |Failed to connect. Winsock error code: 10061, Win32 error code: 10061
			-`,
			``,
		},
	} {
		t.Run(c.name, func(t *testing.T) { wantFacts(t, sent(t, c.rows), c.want) })
	}
}

// Probes are told by their names, but only if the server sends them to itself: else
// a name would make anybody invisible.
func TestExchangeProbe(t *testing.T) {
	from := func(reversePath string) string {
		return "< EHLO ws7\n> 250 Hello\n< MAIL FROM:<" + reversePath + ">\n> 250 2.1.0 Sender OK"
	}
	for _, c := range []struct {
		name, remote, rows string
		want               bool
	}{
		{"by its sender", "10.0.0.5:50100", from("HealthMailbox0a@corp.example"), true},
		{"over loopback", "127.0.0.1:50100", from("HealthMailbox0a@corp.example"), true},
		{"over loopback of IPv6", "[::1]:50100", from("HealthMailbox0a@corp.example"), true},
		{"of the front end", "10.0.0.5:50100", from("inboundproxy@inboundproxy.com"), true},
		{"of delivery", "10.0.0.5:50100", from("maildeliveryprobe@maildeliveryprobe.com"), true},
		{"by its HELO name", "10.0.0.5:50100", "< EHLO HealthMailboxProbe\n> 250 Hello\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", true},
		{"other mail of the server", "10.0.0.5:50100", from("ann@corp.example"), false},
		{"a client that takes its sender", "10.1.4.7:50100", from("HealthMailbox0a@corp.example"), false},
		{"a client that takes its HELO name", "10.1.4.7:50100", "< EHLO HealthMailboxProbe\n> 250 Hello\n< MAIL FROM:<a@example.org>\n> 250 2.1.0 Sender OK", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newExchangeLog(t, FormatExchangeReceive)
			l.read(exchangeRows(`EX01\Default Frontend EX01`, "08DA000000000001", "10.0.0.5:25", c.remote, c.rows))
			b := l.result()
			if len(b.Transactions) != 1 || b.Transactions[0].Probe != c.want {
				t.Errorf("got %s; want a probe: %v", facts(b), c.want)
			}
		})
	}
}
