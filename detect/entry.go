package detect

import "relaywatch/mail"

// flag tells what a row is and what it counts for.
type flag uint64

const (
	isMail     flag = 1 << iota // A MAIL command.
	isEnd                       // The end of a transaction.
	isFailure                   // A login that proved no account.
	isLogin                     // A login that proved one.
	isAccepted                  // A RCPT command, and so are those that follow.
	isRefused
	isExternal // Accepted, outside the own domains.
	isNew
	isNewToAll
	isOffHours // Accepted.
	isUnauthenticated
	isRelayRight
	isRefusedRelay
	isRefusedUnknown
	isForeignPath          // A MAIL command with it.
	isNullPath             // A MAIL command with it.
	isForeignPathRecipient // An accepted recipient of such a transaction.
	isNullPathRecipient    // An accepted recipient of such a transaction.
	isFirst                // The first recipient of its transaction.
	isStranger             // New to all, and the memory is older than a day.
	isOddForm              // A RCPT command with an address form of relay tests, whatever the reply.
	isReturned             // A remote server refused for good a recipient that was accepted here.
	isDeferred             // A remote server deferred one.
	isCommon               // New to the submitter, and mailed by another for the first time within a day.
	isBounced              // A message with the null reverse-path came in for who mailed outside.
)

// isLate marks rows of what becomes of mail, which come after those of the mail.
const isLate = isReturned | isDeferred | isBounced

// Above those, a flag tells of which dimensions the row has a value, and of which
// a later row has the same one.
const (
	firstDimension = 28
	firstAgain     = 40
)

// afterCounter is where windows count logins after failures, which no flag tells:
// windows differ, see entry.after.
const afterCounter = firstAgain

// dimension is what different values are counted of.
type dimension uint8

const (
	byRecipient dimension = iota
	byNullPathRecipient
	byDomain
	byReversePath
	byHELO
	byLoginName
	byHost
	byFailingHost
	byForm
	dimensions
)

// has marks a row that has a value of a dimension.
func has(d dimension) flag { return 1 << (firstDimension + d) }

// every marks all dimensions.
const every flag = (1<<dimensions - 1) << firstDimension

// placeOf is where an entry keeps its value of a dimension. No row has two values
// that share a place but the recipient, which counts twice.
var placeOf = [dimensions]uint8{byRecipient: 0, byNullPathRecipient: 0, byReversePath: 0, byLoginName: 0, byDomain: 1, byHELO: 1, byHost: 2, byFailingHost: 2, byForm: 2}

// againOf is what marks that a later row has the same value of a dimension. No row
// has two values that share a mark.
var againOf = [dimensions]flag{
	byRecipient: 1 << firstAgain, byReversePath: 1 << firstAgain, byLoginName: 1 << firstAgain,
	byNullPathRecipient: 2 << firstAgain,
	byDomain:            4 << firstAgain, byHELO: 4 << firstAgain,
	byHost: 8 << firstAgain, byFailingHost: 8 << firstAgain, byForm: 8 << firstAgain,
}

// row is one row of a submitter, as windows are given it.
type row struct {
	at    mail.Time
	pos   mail.LogPos
	flags flag
	keys  [3]uint32 // Hashes of values, see placeOf; the size of a message, see sized.
	more  [2]uint16 // Of the hashes at the first two places, what stands above their 32 bits.

	told    told // Of a recipient, for sequential rules.
	weighed bool // It is in the profile's day: rules on the own scale are asked.
	summed  bool // It is in sums: sequential rules are asked, see channel.asked.

	campaign []member // Of a stranger, see campaigns; nil of others.
	common   int      // Of a newcomer, see newcomers; 0 of others.
	newcomer uint64   // Its hash.
	alike    []member // Of a stranger, see alikeHosts; nil of others.
}

// put notes a value of a dimension.
func (r *row) put(d dimension, hash uint64) {
	r.flags |= has(d)
	place := int(placeOf[d])
	r.keys[place] = uint32(hash)
	if place < len(r.more) {
		r.more[place] = uint16(hash >> 32)
	}
}

// sized is the end of a transaction whose message had so many bytes.
func (r *row) sized(bytes int64) {
	r.flags |= isEnd
	r.keys[0], r.keys[1] = uint32(bytes), uint32(bytes>>32)
}

// entry is a row as windows keep it, in 40 bytes. Its values are hashes, of recipients,
// domains and most others of 46 bits (see keyOf): of a hundred thousand different ones, two
// are taken for one in one window of 14,000. Hosts and address forms, which are few, have 32.
type entry struct {
	offset int64
	keys   [3]uint32
	more   [2]uint16
	log    uint32 // Number in logs.
	at     uint32 // Low bits of the time: see rows.time.
	flags  flag
}

// size is that of the message, for an end.
func (e *entry) size() int64 { return int64(e.keys[1])<<32 | int64(e.keys[0]) }

// after has a bit for each window in which a login came after failures.
func (e *entry) after() uint32 { return e.keys[1] }

// adds tells whether a row adds to a signal in window i, which measures m. A
// recipient that is mailed a second time adds to the different ones too: a list
// that is mailed again is the same spam.
func (e *entry) adds(signal, i int, m *measures) bool {
	switch signal {
	case sigLoginsAfterFailures:
		return e.flags&isLogin != 0 && e.after()&(1<<i) != 0
	case sigLargestMessage:
		return e.flags&isEnd != 0 && float64(e.size()) >= m[sigLargestMessage]
	}
	return e.flags&signals[signal].adds != 0
}

// logs numbers the logs that entries are of.
type logs struct {
	ids    []mail.LogID
	number map[mail.LogID]uint32
}

func (l *logs) numberOf(id mail.LogID) uint32 {
	// Most rows are of the log of the row before, which stands last or nearly so.
	n := len(l.ids)
	for i := n - 1; i >= 0 && i >= n-4; i-- {
		if l.ids[i] == id {
			return uint32(i)
		}
	}
	i, known := l.number[id]
	if !known {
		i = uint32(n)
		l.ids = append(l.ids, id)
		l.number[id] = i
	}
	return i
}
