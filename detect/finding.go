package detect

import (
	"net/netip"
	"time"

	"relaywatch/mail"
)

// Level tells what a finding of a rule may do.
type Level string

const (
	LevelAlert   Level = "alert"   // Opens an episode.
	LevelSupport Level = "support" // Adds to the score of an episode that is open, or that opens within Quiet; accuses nobody alone.
	LevelInfo    Level = "info"    // Is shown, and adds nothing.
)

// Quiet is how long a submitter must be without an alert for its episode to close.
const Quiet = 24 * time.Hour

// Finding is that a rule held for a submitter, from FlaggedAt until WindowEnd
// without a break longer than the rule's window. Rule, Submitter and FlaggedAt are
// its key.
//
// What accuses is the leading signal: the first that is named in the branch of the
// condition which holds. A finding begins with the first row of the window that
// adds to it, which is as near as one can tell to when it began, and lasts as long
// as rows add.
type Finding struct {
	Rule        string
	Submitter   mail.Submitter
	WindowStart mail.Time // Of the first row that added to the leading signal, in the window in which the rule first held.
	WindowEnd   mail.Time // Of the last row that added to the leading signal while the rule held.
	FlaggedAt   mail.Time // Of the row at which the rule first held.
	Level       Level
	Weight      float64 // Points the rule adds to the score of an episode.
	Sentence    string  // For people: one sentence with the measured values.
	Evidence    Evidence
	Silenced    string // Reason of the allow-list entry that silenced it; "" if none did.
}

// Evidence proves a finding.
type Evidence struct {
	Signals []Measure     `json:"signals"`          // Those that the rule names, with the values at the strongest moment.
	Rows    []mail.LogPos `json:"rows"`             // At most MaxEvidence log rows, in event time.
	Others  []mail.LogPos `json:"others,omitempty"` // Of a campaign: of each other submitter in it, the row of its newest stranger at the strongest moment, or of the recipient that it shares.
	Behind  string        `json:"behind,omitempty"` // For a sender: the address of the host that many share.
	Sum     *Sum          `json:"sum,omitempty"`    // How a sequential rule came to its score when it first held.
	Record  *Record       `json:"record,omitempty"` // How a rule on the own scale came to its score when it first held.

	Baseline float64 `json:"baseline,omitempty"` // Of the allow-list: how many times as much the rule asked for; 0 is once.
}

// MaxEvidence is how many log rows a finding shows.
const MaxEvidence = 20

// Measure is the value of a signal, beside the threshold it had to reach.
type Measure struct {
	Signal    string   `json:"signal"`
	Value     float64  `json:"value"`
	Threshold *float64 `json:"threshold,omitempty"` // nil where the rule compares with no constant.
	Unit      string   `json:"unit"`
}

// Severity of an episode.
type Severity string

const (
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Episode is a submitter under suspicion: from the first alert to Quiet without
// one. Submitter and FirstFlagged are its key.
type Episode struct {
	Submitter    mail.Submitter
	Start        mail.Time // WindowStart of the alert that opened it: what left from that row on is counted.
	FirstFlagged mail.Time // Of the first row at which the accusation stood.
	LastFlagged  mail.Time // Of the last at which an alert held.
	Score        float64   // Sum of the weights of the rules that held.
	Severity     Severity
	Rules        []string // Names, heaviest first.
	Recipients   int      // Accepted recipients from Start to LastFlagged.
	External     int      // Those of them outside our domains; 0 where these are not known.
	Transactions int
	Summary      string // One line: what the heaviest rule found, and how much left since Start.
}

// Judgement is what the engine found since it was last asked.
type Judgement struct {
	Reset    bool      // Everything was judged anew: all that was stored before is void.
	Until    mail.Time // All rows up to here are judged for good.
	Findings []Finding // New or changed.
	Episodes []Episode // New or changed.
	Watched  []Watched // All who are on watch at Until, or at the newest row if it is provisional; nearest to an alarm first.

	By string // Who judged: the caller's name for rules and site, kept with the judgement.

	// The engine's memory, for Engine.Restore. It is stored with the findings or
	// not at all.
	Cases    []byte    // Findings and episodes that are open at Until: replaces what was stored before.
	MemoryAt mail.Time // Memory is complete up to here.
	Memory   []Memory  // To be added to what was stored before.
	Turn     uint32    // Of the memory, at MemoryAt: what was noted before the turn before it is forgotten.
	TurnAt   mail.Time // When it began; 0 is never.
	Profiles []Profile // What is usual for submitters, as of Until: each replaces the one stored before.

	// Provisional findings and episodes rest on rows after Until that later rows
	// may still precede. They are shown, and void as soon as another Judgement
	// comes.
	Provisional bool
	Beside      bool // A provisional one that leaves what is shown as it is, and adds to it; who is on watch stays, too.
}

// Memory is a stretch of the recipients that a submitter mailed and that were new to a
// turn of the memory, as packed hashes.
type Memory struct {
	Submitter mail.Submitter
	Turn      uint32
	Hashes    []byte // Opaque.
}

// Checkpoint is what the store kept of the engine's last Judgements. The zero
// Checkpoint is an engine that has seen nothing.
type Checkpoint struct {
	By       string
	Until    mail.Time
	MemoryAt mail.Time
	Cases    []byte
	Memory   []Memory
	Turn     uint32
	TurnAt   mail.Time
	Profiles []Profile
}

// Profile is what is usual for a submitter, and how its sums stand.
type Profile struct {
	Submitter mail.Submitter
	State     []byte // Opaque.
}

// Site is what an administrator knows about the network.
type Site struct {
	Internal   []netip.Prefix // Networks inside.
	OwnDomains []string       // Lower case; a domain stands for its subdomains too. Empty: what is outside is not known.
	Gateways   []netip.Addr   // Hosts that bring in the internet's mail.
	Hours      Hours
	Allow      []Allow
	Verdicts   []Verdict `json:",omitempty"`
	Digest     OwnMail   `json:",omitzero"` // relaywatch's own mail.

	// Key is the secret of the store that hashes are made with, 16 random bytes. Another key
	// makes nothing of a Checkpoint.
	Key [16]byte `json:"-"`

	Hide *mail.Pseudonyms `json:"-"` // As which recipients are stored: who wrote to us is known by it. nil: as themselves.
}

// OwnMail is mail that relaywatch itself sends: it accuses nobody. Recipients that
// are not in To count, whatever the reverse-path, so that nobody can hide behind it.
type OwnMail struct {
	From mail.Path   // Reverse-path, lower case.
	To   []mail.Path // Recipients, lower case.
}

// Hours are the hours of business.
type Hours struct {
	Zone     *time.Location // nil is UTC.
	Business string         // As "mon-fri 07:00-19:00"; several, comma separated. "" is mon-fri 07:00-19:00.
	Holidays []string       // As 2026-12-25, in Zone.
}

// Allow silences rules for a submitter, or has them ask for more of it.
type Allow struct {
	Submitter string             // As mail.Submitter is written; for ip also a network: ip:10.0.9.0/24.
	Rules     []string           // Names; a rule is meant with its variants. Empty: every rule.
	Reason    string             // Never empty.
	Owner     string             `json:",omitempty"` // Whom to ask; "" is not told.
	Until     mail.Time          // First second at which it no longer holds; 0: it never ends.
	AtMost    map[string]float64 `json:",omitempty"` // By signal, in the window of the rule: beyond one of these numbers the entry does not hold, and the rule finds again.
	Baseline  float64            `json:",omitempty"` // Nothing is silenced: it takes so many times as much until a rule holds. 0 is silence.
}
