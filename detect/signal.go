package detect

import (
	"math"
	"math/bits"
	"strconv"

	"relaywatch/words"
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

// measures are the signals of one submitter in one window, by their index.
type measures [sigCount]float64

// Indexes of signals: see the table for what they mean.
const (
	sigRecipients = iota
	sigDistinctRecipients
	sigNewRecipients
	sigNewToAll
	sigStrangers
	sigDistinctDomains
	sigExternalRecipients
	sigExternalShare
	sigRefusedRecipients
	sigRefusedShare
	sigRefusedRelay
	sigRefusedUnknown
	sigTransactions
	sigOffHoursShare
	sigUnauthenticated
	sigRelayRight
	sigForeignReversePaths
	sigDistinctReversePaths
	sigDistinctHELONames
	sigFailedLogins
	sigDistinctLoginNames
	sigFailedLoginHosts
	sigLoginsAfterFailures
	sigNullReversePaths
	sigNullPathRecipients
	sigBytes
	sigLargestMessage
	sigHosts
	sigRefusedDeliveries
	sigDeferredDeliveries
	sigBounces
	sigOddForms
	sigSameSize
	sigSameSizeInside
	sigNewSource
	sigCampaignHosts
	sigAlikeHosts
	sigSameGap
	sigCommonRecipients
	sigCommonHosts
	sigContacts
	sigScore
	sigCount
)

// Units of signals. A share is a number from 0 to 1 and is shown in percent.
const (
	unitShare = "share"
	unitBytes = "bytes"
	unitNats  = "nats"
)

// signal is a row of the table of signals.
type signal struct {
	SignalDoc
	source
}

// source is what a signal is measured from. Recipients add to what is counted of
// transactions, too: they are what left.
type source struct {
	counter uint8 // In window.n. Of a share, that of the part.
	needs   flag  // What is counted for it.
	adds    flag  // A row that has one of these flags adds to the signal; of a share, to the part.
	proves  flag  // A row that has one of these is evidence of it.
}

// counterOf is where rows with a flag are counted.
func counterOf(f flag) uint8 { return uint8(bits.TrailingZeros64(uint64(f))) }

// each counts the rows that have a flag.
func each(f flag) source { return source{counterOf(f), f, f, f} }

// shareOf counts the rows that have a flag, to be divided.
func shareOf(f, whole flag) source { return source{counterOf(f), f | whole, f, f} }

// different counts values.
func different(d dimension, adds, proves flag) source {
	return source{counterOf(has(d)), has(d), adds, proves}
}

// isBeside is true for a signal that no window tells, but the profile or the newest row.
func isBeside(signal int) bool {
	switch signal {
	case sigSameSize, sigSameSizeInside, sigNewSource, sigCampaignHosts, sigAlikeHosts, sigSameGap, sigContacts, sigCommonHosts, sigScore:
		return true
	}
	return false
}

// strength is the signal that tells when another was strongest: a share is, where
// it is of many.
func strength(signal int) int {
	switch signal {
	case sigExternalShare:
		return sigExternalRecipients
	case sigRefusedShare:
		return sigRefusedRecipients
	case sigOffHoursShare:
		return sigRecipients
	}
	return signal
}

var signals = [sigCount]signal{
	sigRecipients:           {SignalDoc{"recipients", "recipients", "recipients accepted; one whose reply the log does not tell counts as accepted"}, each(isAccepted)},
	sigDistinctRecipients:   {SignalDoc{"distinct_recipients", "recipients", "different recipients accepted"}, different(byRecipient, isAccepted, isAccepted)},
	sigNewRecipients:        {SignalDoc{"new_recipients", "recipients", "recipients accepted that this submitter never mailed before"}, each(isNew)},
	sigNewToAll:             {SignalDoc{"new_to_all", "recipients", "recipients accepted that nobody here ever mailed before"}, each(isNewToAll)},
	sigStrangers:            {SignalDoc{"strangers", "recipients", "those of new_to_all after the first day of the log, on which all are new"}, each(isStranger)},
	sigDistinctDomains:      {SignalDoc{"distinct_domains", "domains", "different domains of recipients accepted"}, different(byDomain, isAccepted, isAccepted)},
	sigExternalRecipients:   {SignalDoc{"external_recipients", "recipients", "recipients accepted outside the own domains; 0 where these are not known"}, each(isExternal)},
	sigExternalShare:        {SignalDoc{"external_share", unitShare, "external_recipients in recipients, 0 to 1; 0 where the own domains are not known"}, shareOf(isExternal, isAccepted)},
	sigRefusedRecipients:    {SignalDoc{"refused_recipients", "recipients", "recipients answered 4xx or 5xx"}, each(isRefused)},
	sigRefusedShare:         {SignalDoc{"refused_share", unitShare, "refused_recipients in all recipients that were answered, 0 to 1"}, shareOf(isRefused, isAccepted)},
	sigRefusedRelay:         {SignalDoc{"refused_relay", "recipients", "recipients outside the own domains answered 550, 551, 553 or 554: relaying was denied; odd_forms are not counted"}, each(isRefusedRelay)},
	sigRefusedUnknown:       {SignalDoc{"refused_unknown", "recipients", "recipients of the own domains answered 55x: no such mailbox; odd_forms are not counted"}, each(isRefusedUnknown)},
	sigTransactions:         {SignalDoc{"transactions", "transactions", "MAIL commands, whatever became of them"}, source{counterOf(isMail), isMail, isMail | isAccepted, isMail}},
	sigOffHoursShare:        {SignalDoc{"off_hours_share", unitShare, "share of recipients accepted outside business hours, 0 to 1"}, shareOf(isOffHours, isAccepted)},
	sigUnauthenticated:      {SignalDoc{"unauthenticated", "recipients", "external recipients accepted without AUTH"}, each(isUnauthenticated)},
	sigRelayRight:           {SignalDoc{"relay_right", "recipients", "those of unauthenticated whose session was given the right to relay"}, each(isRelayRight)},
	sigForeignReversePaths:  {SignalDoc{"foreign_reverse_paths", "transactions", "transactions whose reverse-path is of no own domain and not null; 0 where the own domains are not known"}, source{counterOf(isForeignPath), isForeignPath, isForeignPath | isForeignPathRecipient, isForeignPath}},
	sigDistinctReversePaths: {SignalDoc{"distinct_reverse_paths", "reverse-paths", "different reverse-paths, the null reverse-path not counted"}, different(byReversePath, isMail|isAccepted, isMail)},
	sigDistinctHELONames:    {SignalDoc{"distinct_helo_names", "names", "different names given with HELO or EHLO"}, different(byHELO, isMail|isAccepted, isMail)},
	sigFailedLogins:         {SignalDoc{"failed_logins", "logins", "AUTH commands that proved no account; for an account, those with its name in any domain"}, source{counterOf(isFailure), isFailure, isFailure, isFailure | isLogin}},
	sigDistinctLoginNames:   {SignalDoc{"distinct_login_names", "accounts", "different accounts named in failed logins, without their domains"}, different(byLoginName, isFailure, isFailure|isLogin)},
	sigFailedLoginHosts:     {SignalDoc{"failed_login_hosts", "hosts", "different client addresses that failed logins came from"}, different(byFailingHost, isFailure, isFailure|isLogin)},
	sigLoginsAfterFailures:  {SignalDoc{"logins_after_failures", "logins", "successful logins with at least 8 failed ones before them in the window"}, source{afterCounter, isFailure, isLogin, isFailure | isLogin}},
	sigNullReversePaths:     {SignalDoc{"null_reverse_paths", "transactions", "transactions with the null reverse-path"}, source{counterOf(isNullPath), isNullPath, isNullPath | isNullPathRecipient, isNullPath}},
	sigNullPathRecipients:   {SignalDoc{"null_path_recipients", "recipients", "different recipients accepted of transactions with the null reverse-path"}, different(byNullPathRecipient, isNullPathRecipient, isNullPathRecipient)},
	sigBytes:                {SignalDoc{"bytes", unitBytes, "size of all messages whose size the log tells"}, each(isEnd)},
	sigLargestMessage:       {SignalDoc{"largest_message", unitBytes, "size of the largest message"}, each(isEnd)},
	sigOddForms:             {SignalDoc{"odd_forms", "forms", "different address forms of relay tests in RCPT commands, whatever the reply: user%domain@host, host!user, @host:user@domain, quoted or doubled @, address literals"}, different(byForm, isOddForm, isOddForm|isRefusedRelay)},
	sigSameSize:             {SignalDoc{"same_size", "transactions", "messages whose sizes differ by at most 2 in 100, with one other message at most between two of them"}, source{counterOf(isEnd), isEnd, isEnd | isAccepted, isEnd}},
	sigSameSizeInside:       {SignalDoc{"same_size_inside", "recipients", "recipients of own domains that the messages of same_size went to; those outside too where the own domains are not known"}, source{counterOf(isEnd), isEnd, isEnd | isAccepted, isEnd}},
	sigNewSource:            {SignalDoc{"new_source", "hosts", "1 if an account that is older than a week sent from a network today where it never did before"}, source{counterOf(isMail), isMail, isMail | isAccepted, isMail}},
	sigCampaignHosts:        {SignalDoc{"campaign_hosts", "submitters", "submitters, this one included, that mailed strangers under the same foreign reverse-path within a day, at most 32; of the newest recipient, 0 where it is none of these"}, source{counterOf(isStranger), isStranger, isStranger, isStranger}},
	sigAlikeHosts:           {SignalDoc{"same_size_hosts", "submitters", "submitters, this one included, that mailed strangers within a day while their last three messages or more were of the same size, at most 32; of the newest recipient, 0 where it is none of these"}, source{counterOf(isStranger), isStranger | isEnd, isStranger, isStranger}},
	sigSameGap:              {SignalDoc{"same_gap", "transactions", "transactions in a row that began at the same interval, of two seconds or more, within a second or a tenth of it"}, source{counterOf(isMail), isMail, isMail | isAccepted, isMail}},
	sigCommonRecipients:     {SignalDoc{"common_recipients", "recipients", "recipients accepted outside that this submitter never mailed before, and that nobody here had mailed until another submitter did within the last day"}, each(isCommon)},
	sigCommonHosts:          {SignalDoc{"common_hosts", "submitters", "submitters, this one included, that mailed the newest recipient within a day since it was a stranger to all, at most 32; 0 where it is none of common_recipients"}, source{counterOf(isCommon), isCommon, isCommon, isCommon}},
	sigContacts:             {SignalDoc{"contacts", "recipients", "different recipients that this submitter mailed in the last half year at least, those of the window included; who was mailed before that too counts twice"}, source{counterOf(isNew), isNew, isNew, isNew}},
	sigScore:                {SignalDoc{"score", unitNats, "evidence of the rule's own evidence or scale, in nats: e to that power is how much likelier spam is"}, source{counterOf(isAccepted), isAccepted | isRefused, isAccepted | isRefused, isAccepted | isRefused}},
	sigRefusedDeliveries:    {SignalDoc{"refused_deliveries", "recipients", "recipients accepted here whom a remote server then refused with 5xx, each once a day; they are told minutes to hours after the mail"}, each(isReturned)},
	sigDeferredDeliveries:   {SignalDoc{"deferred_deliveries", "recipients", "those that a remote server answered 4xx: the server tries again"}, each(isDeferred)},
	sigBounces:              {SignalDoc{"bounces", "messages", "messages with the null reverse-path that came in from outside for an own address under which this submitter was the last to mail outside, within a day: reports of non-delivery, out-of-office replies, receipts and backscatter are not told apart"}, each(isBounced)},
	sigHosts:                {SignalDoc{"hosts", "hosts", "different client addresses of an account that logged in or sent"}, different(byHost, isMail|isAccepted|isLogin, isMail|isLogin)},
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

// readable writes the value of a signal for people.
func readable(value float64, unit string) string {
	switch unit {
	case unitShare:
		percent := math.Round(value * 100)
		if 0 < value && value < 1 { // None and all are said of none and all alone.
			percent = min(max(percent, 1), 99)
		}
		return strconv.FormatFloat(percent, 'f', 0, 64) + " %"
	case unitNats:
		return strconv.FormatFloat(value, 'f', 1, 64)
	case unitBytes:
		if value >= 1<<20 {
			return strconv.FormatFloat(value/(1<<20), 'f', 1, 64) + " MB"
		}
	}
	return words.Thousands(int64(value))
}
