package detect

import (
	"math"
	"strconv"
	"strings"
)

// SignalDoc tells rule authors what a signal measures.
type SignalDoc struct {
	Name  string
	Unit  string
	About string
}

// Signals are all signals that conditions may name, in the order of the
// documentation.
func Signals() []SignalDoc {
	docs := make([]SignalDoc, len(signals))
	for i, s := range signals {
		docs[i] = s.SignalDoc
	}
	return docs
}

// measures are the signals of one submitter in one window. It is also the
// environment of conditions: the tags are the names that rules use.
type measures struct {
	Recipients           float64 `expr:"recipients"`
	DistinctRecipients   float64 `expr:"distinct_recipients"`
	NewRecipients        float64 `expr:"new_recipients"`
	NewToAll             float64 `expr:"new_to_all"`
	DistinctDomains      float64 `expr:"distinct_domains"`
	ExternalRecipients   float64 `expr:"external_recipients"`
	ExternalShare        float64 `expr:"external_share"`
	RefusedRecipients    float64 `expr:"refused_recipients"`
	RefusedShare         float64 `expr:"refused_share"`
	RefusedRelay         float64 `expr:"refused_relay"`
	RefusedUnknown       float64 `expr:"refused_unknown"`
	Transactions         float64 `expr:"transactions"`
	OffHoursShare        float64 `expr:"off_hours_share"`
	Unauthenticated      float64 `expr:"unauthenticated"`
	RelayRight           float64 `expr:"relay_right"`
	ForeignReversePaths  float64 `expr:"foreign_reverse_paths"`
	DistinctReversePaths float64 `expr:"distinct_reverse_paths"`
	DistinctHELONames    float64 `expr:"distinct_helo_names"`
	FailedLogins         float64 `expr:"failed_logins"`
	DistinctLoginNames   float64 `expr:"distinct_login_names"`
	LoginsAfterFailures  float64 `expr:"logins_after_failures"`
	NullReversePaths     float64 `expr:"null_reverse_paths"`
	NullPathRecipients   float64 `expr:"null_path_recipients"`
	Bytes                float64 `expr:"bytes"`
	LargestMessage       float64 `expr:"largest_message"`
	Hosts                float64 `expr:"hosts"`
}

// Units of signals. A share is a number from 0 to 1 and is shown in percent.
const (
	unitShare = "share"
	unitBytes = "bytes"
)

// signal is a row of the table of signals.
type signal struct {
	SignalDoc
	at     func(*measures) *float64
	proves flag // A row that has one of these flags is evidence of the signal.
}

var signals = [...]signal{
	{SignalDoc{"recipients", "recipients", "recipients accepted; one whose reply the log does not tell counts as accepted"}, func(m *measures) *float64 { return &m.Recipients }, isAccepted},
	{SignalDoc{"distinct_recipients", "recipients", "different recipients accepted"}, func(m *measures) *float64 { return &m.DistinctRecipients }, isAccepted},
	{SignalDoc{"new_recipients", "recipients", "recipients accepted that this submitter never mailed before"}, func(m *measures) *float64 { return &m.NewRecipients }, isNew},
	{SignalDoc{"new_to_all", "recipients", "recipients accepted that nobody here ever mailed before"}, func(m *measures) *float64 { return &m.NewToAll }, isNewToAll},
	{SignalDoc{"distinct_domains", "domains", "different domains of recipients accepted"}, func(m *measures) *float64 { return &m.DistinctDomains }, isAccepted},
	{SignalDoc{"external_recipients", "recipients", "recipients accepted outside the own domains; 0 where these are not known"}, func(m *measures) *float64 { return &m.ExternalRecipients }, isExternal},
	{SignalDoc{"external_share", unitShare, "external_recipients in recipients, 0 to 1; 0 where the own domains are not known"}, func(m *measures) *float64 { return &m.ExternalShare }, isExternal},
	{SignalDoc{"refused_recipients", "recipients", "recipients answered 4xx or 5xx"}, func(m *measures) *float64 { return &m.RefusedRecipients }, isRefused},
	{SignalDoc{"refused_share", unitShare, "refused_recipients in all recipients that were answered, 0 to 1"}, func(m *measures) *float64 { return &m.RefusedShare }, isRefused},
	{SignalDoc{"refused_relay", "recipients", "recipients outside the own domains answered 550, 551, 553 or 554: relaying was denied"}, func(m *measures) *float64 { return &m.RefusedRelay }, isRefusedRelay},
	{SignalDoc{"refused_unknown", "recipients", "recipients of the own domains answered 55x: no such mailbox"}, func(m *measures) *float64 { return &m.RefusedUnknown }, isRefusedUnknown},
	{SignalDoc{"transactions", "transactions", "MAIL commands, whatever became of them"}, func(m *measures) *float64 { return &m.Transactions }, isMail},
	{SignalDoc{"off_hours_share", unitShare, "share of recipients accepted outside business hours, 0 to 1"}, func(m *measures) *float64 { return &m.OffHoursShare }, isOffHours},
	{SignalDoc{"unauthenticated", "recipients", "external recipients accepted without AUTH"}, func(m *measures) *float64 { return &m.Unauthenticated }, isUnauthenticated},
	{SignalDoc{"relay_right", "recipients", "those of unauthenticated whose session was given the right to relay"}, func(m *measures) *float64 { return &m.RelayRight }, isRelayRight},
	{SignalDoc{"foreign_reverse_paths", "transactions", "transactions whose reverse-path is of no own domain and not null; 0 where the own domains are not known"}, func(m *measures) *float64 { return &m.ForeignReversePaths }, isForeignPath},
	{SignalDoc{"distinct_reverse_paths", "reverse-paths", "different reverse-paths, the null reverse-path not counted"}, func(m *measures) *float64 { return &m.DistinctReversePaths }, isMail},
	{SignalDoc{"distinct_helo_names", "names", "different names given with HELO or EHLO"}, func(m *measures) *float64 { return &m.DistinctHELONames }, isMail},
	{SignalDoc{"failed_logins", "logins", "AUTH commands that proved no account"}, func(m *measures) *float64 { return &m.FailedLogins }, isFailure | isLogin},
	{SignalDoc{"distinct_login_names", "accounts", "different accounts named in failed logins"}, func(m *measures) *float64 { return &m.DistinctLoginNames }, isFailure | isLogin},
	{SignalDoc{"logins_after_failures", "logins", "successful logins with at least 8 failed ones before them in the window"}, func(m *measures) *float64 { return &m.LoginsAfterFailures }, isFailure | isLogin},
	{SignalDoc{"null_reverse_paths", "transactions", "transactions with the null reverse-path"}, func(m *measures) *float64 { return &m.NullReversePaths }, isNullPath},
	{SignalDoc{"null_path_recipients", "recipients", "different recipients accepted of transactions with the null reverse-path"}, func(m *measures) *float64 { return &m.NullPathRecipients }, isNullPathRecipient},
	{SignalDoc{"bytes", unitBytes, "size of all messages whose size the log tells"}, func(m *measures) *float64 { return &m.Bytes }, isEnd},
	{SignalDoc{"largest_message", unitBytes, "size of the largest message"}, func(m *measures) *float64 { return &m.LargestMessage }, isEnd},
	{SignalDoc{"hosts", "hosts", "different client addresses of an account that logged in or sent"}, func(m *measures) *float64 { return &m.Hosts }, isMail | isLogin},
}

// signalNamed is the index of a signal, or -1.
func signalNamed(name string) int {
	for i := range signals {
		if signals[i].Name == name {
			return i
		}
	}
	return -1
}

// value is what m says of signal i.
func (m *measures) value(i int) float64 { return *signals[i].at(m) }

// readable writes the value of a signal for people.
func readable(value float64, unit string) string {
	switch unit {
	case unitShare:
		return strconv.FormatFloat(math.Round(value*100), 'f', 0, 64) + " %"
	case unitBytes:
		if value >= 1<<20 {
			return strconv.FormatFloat(value/(1<<20), 'f', 1, 64) + " MB"
		}
	}
	return grouped(int64(value))
}

// grouped writes n with a comma at the thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// nearest is the candidate that a mistyped word most likely meant, or "" where
// none is near.
func nearest(word string, candidates []string) string {
	best, least := "", 1+len(word)/3 // One mistake in three letters, and one more.
	for _, c := range candidates {
		if d := distance(word, c); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	if best == "" {
		for _, c := range candidates {
			if word != "" && (strings.Contains(c, word) || strings.Contains(word, c)) {
				return c
			}
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and replacements of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
