package mail

// Direction tells who opened the session.
type Direction uint8

const (
	In  Direction = iota // A client opened the session to the server.
	Out                  // The server opened it to deliver mail: nobody's sending.
)

func (d Direction) String() string { return [...]string{"in", "out"}[d] }

// Outcome tells how a transaction or a delivery ended.
type Outcome uint8

const (
	Open     Outcome = iota // The log has not told its end yet.
	Accepted                // DATA or BDAT LAST was answered 2xx.
	Refused                 // MAIL or DATA was answered otherwise, or every RCPT was refused.
	Aborted                 // The session ended or was reset before that.
)

func (o Outcome) String() string { return [...]string{"", "accepted", "refused", "aborted"}[o] }

// TLS tells whether a session was encrypted (RFC 3207).
type TLS uint8

const (
	TLSNotTold TLS = iota // The log does not tell.
	Plain                 // Everybody on the way could read what was said.
	Encrypted
)

func (t TLS) String() string { return [...]string{"", "no", "yes"}[t] }

// Transaction is one mail transaction (RFC 5321, section 3.3): a MAIL command and
// the RCPT commands that followed it, up to DATA, RSET, QUIT or the next MAIL.
//
// While its end is not in the log yet it is handed on in parts: each part repeats
// what is known of the transaction and carries only the recipients that came
// since the part before.
type Transaction struct {
	Pos LogPos // Start of the MAIL row, or of the first RCPT row where the log has no MAIL row. Unique.
	At  Time   // Of that row.

	Server    string    // Name of the server that wrote the log, upper case; "" if the log does not tell.
	ServerIP  string    // Its address in this session; "" if the log does not tell.
	Direction Direction // In or Out.
	ClientIP  string    // In: the client. Out: the remote server. Canonical text of the address; as logged if it is none; "" if not logged.
	HELO      string    // Name given with HELO or EHLO, as sent; "" if none.
	User      string    // Account that AUTH proved, lower case, with its domain as logged; "" if none or not named.
	Connector string    // That the session came in by, or was opened by, without the server; "" if the log does not tell.
	TLS       TLS       // When the transaction began.

	Authenticated bool // AUTH was answered 235 or the log says so, also where it names no account.
	RelayRight    bool // The session was given the right to relay (SMTPAcceptAnyRecipient).
	Hop           bool // Another server of ours handed the mail on: the mail was counted where it came in.
	Probe         bool // A health probe of the server itself.
	Exact         bool // No other transaction of this client and HELO name was open meanwhile, so that all recipients are surely its own.

	ReversePath Path
	Recipients  []Recipient // In log order, refused ones too. In a part: only those that are new.
	Former      int         // Recipients in earlier parts. The index of Recipients[0] in the whole.
	Continued   bool        // An earlier part was handed on.

	SizeBytes int64   // Of the message as received; -1 if the log does not tell.
	EndAt     Time    // Of the row that ended it; 0 while Open.
	Outcome   Outcome // Open while the log has not told.
}

// Recipient is one RCPT command and its reply.
type Recipient struct {
	Pos   LogPos // Start of the RCPT row.
	At    Time   // Of that row.
	Path  Path   // UnknownPath if the log does not tell.
	Reply int    // Reply code (RFC 5321, section 4.2); 0 if the log does not tell.
}

// Accepted is true for a 2xx reply.
func (r Recipient) Accepted() bool { return r.Reply >= 200 && r.Reply < 300 }

// Refused is true for a 4xx or 5xx reply. A reply that the log does not tell is
// neither accepted nor refused.
func (r Recipient) Refused() bool { return r.Reply >= 400 }

// MaxRecipients is how many recipients one transaction holds; those beyond start
// another at their own row. Servers refuse far earlier (RFC 5321, section
// 4.5.3.1.8, asks for 100; Exchange's largest usual limit is 5,000).
const MaxRecipients = 1 << 16

// Submitter is who answers for a transaction: the account if AUTH named one, else
// the client's address. It is the zero Submitter for mail that nobody submitted:
// the server's own deliveries, internal hops, probes, and clients not logged.
func (t *Transaction) Submitter() Submitter {
	switch {
	case t.Direction == Out || t.Hop || t.Probe:
		return Submitter{}
	case t.User != "":
		return Submitter{KindUser, t.User}
	case t.ClientIP != "":
		return Submitter{KindIP, t.ClientIP}
	}
	return Submitter{}
}

// Login is one answered AUTH command (RFC 4954).
type Login struct {
	Pos      LogPos // Start of the row that told the outcome.
	At       Time   // Of that row.
	Server   string // As Transaction.Server.
	ClientIP string // As Transaction.ClientIP.
	User     string // Lower case as logged; "" if not named.
	TLS      TLS    // When AUTH was answered.
	OK       bool   // The client proved the account.
}

// Delivery is one recipient of one of the server's own deliveries.
type Delivery struct {
	Pos         LogPos // Start of the RCPT row.
	At          Time   // Of that row.
	Server      string // As Transaction.Server.
	RemoteIP    string // The server delivered to.
	ReversePath Path
	Recipient   Path
	Reply       int             // The reply that decided: to RCPT if it was refused, else to DATA; 0 if the log does not tell.
	Text        string          // That reply's text, as sent, without the code.
	RepliedAt   Time            // Of the row with that reply, minutes after At where a large message went between; 0 if the log does not tell.
	Outcome     DeliveryOutcome // What became of it.
}

// DeliveryOutcome tells what the remote server did with a recipient.
type DeliveryOutcome uint8

const (
	Undecided    DeliveryOutcome = iota // The log does not tell.
	Delivered                           // 2xx after DATA: the remote server took the message.
	RefusedThere                        // 5xx: it never will.
	Deferred                            // 4xx: to be tried again.
)

func (o DeliveryOutcome) String() string {
	return [...]string{"", "delivered", "refused", "deferred"}[o]
}

// Reject is a row that was not understood. It goes to the quarantine.
type Reject struct {
	Pos    LogPos
	Reason string // One sentence for people.
	Text   []byte // The row as it stands in the log, cut at MaxRejectText bytes.
}

// MaxRejectText is how much of a row the quarantine keeps. It is longer than any
// row a server writes; what is longer is no row.
const MaxRejectText = 2048
