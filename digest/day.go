package digest

import (
	"encoding/json"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

// Day is all that a mail tells. Texts are as logged: what renders them makes them
// harmless. Times are in the zone of From.
type Day struct {
	Date  string    `json:"date"`  // Of the mail: 2026-11-24.
	From  time.Time `json:"from"`  // What is told happened from here,
	Until time.Time `json:"until"` // to before here. A day, or more where mails were missed.
	Made  time.Time `json:"made"`  // When it was made, by the clock.
	Late  bool      `json:"late"`  // Made long after Until, as the host was off.
	First bool      `json:"first"` // The first mail of this store.

	Urgent   bool       `json:"urgent"`   // No daily mail: Suspects have just come up.
	Last     bool       `json:"last"`     // The last urgent mail that this day allows.
	Servers  []string   `json:"servers"`  // Names of the servers watched.
	Host     string     `json:"host"`     // Of relaywatch.
	Version  string     `json:"version"`  // Of relaywatch.
	Suspects []Suspect  `json:"suspects"` // Worst first.
	Closed   []Closed   `json:"closed"`   // Since the mail before.
	Silenced []Silenced `json:"silenced"` // By the allow-list.
	Ending   []Ending   `json:"allow_entries_ending"`
	OnWatch  []Watched  `json:"on_watch"` // Nearest to an alarm first.
	Health   Health     `json:"health"`
	Seen     Seen       `json:"seen"`
	Week     []WeekDay  `json:"week"` // The summary of the last days, oldest first; nil where none is due.
}

// Suspect is an episode.
type Suspect struct {
	Submitter    mail.Submitter  `json:"-"`
	Severity     detect.Severity `json:"severity"`
	State        string          `json:"state"` // open, confirmed or closed.
	New          bool            `json:"new"`   // Not in a mail before.
	Why          string          `json:"why"`   // One sentence.
	Rules        []string        `json:"rules"`
	Since        time.Time       `json:"since"` // Of its first row.
	Flagged      time.Time       `json:"first_flagged"`
	Last         time.Time       `json:"last_flagged"`
	Recipients   int             `json:"recipients"`          // Accepted since Since.
	External     *int            `json:"external_recipients"` // nil while own domains are not known.
	Transactions int             `json:"transactions"`
	HELOs        []Use           `json:"helo"`
	ReversePaths []Use           `json:"reverse_paths"`
	Clients      []Use           `json:"client_ips"`
	Accounts     []string        `json:"accounts"` // That logged in from it; of an ip only.
	Servers      []Server        `json:"servers"`  // That took its mail.
	Domains      []Domain        `json:"domains"`  // Sent to most.
	Chart        Chart           `json:"hours"`
	Proof        []Row           `json:"proof"`
	Advice       []string        `json:"advice"` // Of the rules that held.
}

// Use is a name that a suspect used. An empty reverse-path is the null one.
type Use struct {
	Text       string `json:"text"`
	Recipients int    `json:"recipients"`
}

// Server is a mail server by its log.
type Server struct {
	Name     string `json:"name"` // "" if the log does not tell.
	Exchange bool   `json:"exchange"`
}

// Domain is where a suspect sent to.
type Domain struct {
	Name       string `json:"name"`
	Recipients int    `json:"recipients"`
	Ours       bool   `json:"ours"`
}

// Row is a row of a log.
type Row struct {
	Path   string `json:"path"`
	Line   int    `json:"line"` // 0 if the log is gone.
	Offset int64  `json:"log_offset"`
	Text   string `json:"text"` // "" if the log is gone.
}

// Chart is how many recipients a suspect had, hour by hour or day by day.
type Chart struct {
	Start     time.Time `json:"start"`      // Of the first step.
	StepHours int       `json:"step_hours"` // 1, or 24.
	Counts    []int     `json:"counts"`
	Usual     []float64 `json:"usual"` // The mean of former days at the same time; nil where there are none.
	Days      int       `json:"usual_days"`
}

// Closed is an episode that ended.
type Closed struct {
	Submitter  mail.Submitter `json:"-"`
	State      string         `json:"state"` // closed or false-alarm.
	Since      time.Time      `json:"since"`
	Last       time.Time      `json:"last_flagged"`
	Recipients int            `json:"recipients"`
	Note       string         `json:"note"` // What was said of it; "" if it went quiet by itself.
}

// Watched is somebody near an alarm of a rule, whom nobody accuses.
type Watched struct {
	Submitter mail.Submitter `json:"-"`
	Rule      string         `json:"rule"`
	Nats      float64        `json:"nats"`
	Alert     float64        `json:"alert_nats"` // From where on the rule accuses.
}

// Silenced is what an allow-list entry silenced.
type Silenced struct {
	Submitter mail.Submitter `json:"-"`
	Rules     []string       `json:"rules"`
	Reason    string         `json:"reason"`
}

// Ending is an allow-list entry that ends soon.
type Ending struct {
	Submitter string    `json:"submitter"` // As written, also a network.
	Reason    string    `json:"reason"`
	Until     time.Time `json:"until"` // First moment at which it no longer holds.
}

// Health is what may hide a suspect.
type Health struct {
	Troubles       []Trouble `json:"troubles"` // Any of them means: not quiet.
	Notes          []string  `json:"notes"`    // Worth a look, and nothing is hidden.
	Quarantined    int64     `json:"quarantined"`
	QuarantinedNew int64     `json:"quarantined_new"` // Since the mail before; -1 if that is not known.
	Blind          []Blind   `json:"blind"`
}

// Trouble is what keeps relaywatch from looking.
type Trouble struct {
	Short string `json:"short"` // For the subject: "1 log silent".
	Text  string `json:"text"`
	Do    string `json:"do"`
}

// Blind is a detection that can't see, and what to change.
type Blind struct {
	Detection string `json:"detection"`
	Reason    string `json:"reason"`
	Remedy    string `json:"remedy"`
}

// Seen is what the mail rests on.
type Seen struct {
	Logs       int64     `json:"logs"` // With rows in the time that is told of.
	Rows       int64     `json:"rows"` // In those logs, as a whole.
	Messages   int64     `json:"messages"`
	Recipients int64     `json:"recipients"`
	Newest     time.Time `json:"newest_row"` // Of all; zero if there is none.
}

// WeekDay is one day of the weekly summary.
type WeekDay struct {
	Start      time.Time `json:"start"`
	Messages   int64     `json:"messages"`
	Recipients int64     `json:"recipients"`
	Suspects   int       `json:"suspects"` // Episodes that began.
	Reached    int       `json:"reached"`  // Recipients of those.
}

// MarshalJSON adds the submitter as it is written.
func (s Suspect) MarshalJSON() ([]byte, error) {
	type fields Suspect
	return json.Marshal(struct {
		Submitter string `json:"submitter"`
		Kind      string `json:"kind"`
		Value     string `json:"value"`
		fields
		Remedy []Step `json:"remedy"`
	}{s.Submitter.String(), s.Submitter.Kind, s.Submitter.Value, fields(s), s.Remedy()})
}

// MarshalJSON adds the submitter as it is written.
func (c Closed) MarshalJSON() ([]byte, error) {
	type fields Closed
	return json.Marshal(struct {
		Submitter string `json:"submitter"`
		fields
	}{c.Submitter.String(), fields(c)})
}

// MarshalJSON adds the submitter as it is written.
func (s Silenced) MarshalJSON() ([]byte, error) {
	type fields Silenced
	return json.Marshal(struct {
		Submitter string `json:"submitter"`
		fields
	}{s.Submitter.String(), fields(s)})
}

// MarshalJSON adds the submitter as it is written.
func (w Watched) MarshalJSON() ([]byte, error) {
	type fields Watched
	return json.Marshal(struct {
		Submitter string `json:"submitter"`
		fields
	}{w.Submitter.String(), fields(w)})
}

// Reached is how many recipients the suspects had accepted, and how many of them
// are outside; nil where that is not known.
func (d *Day) Reached() (recipients int, external *int) {
	sum, known := 0, len(d.Suspects) > 0
	for i := range d.Suspects {
		recipients += d.Suspects[i].Recipients
		if e := d.Suspects[i].External; e != nil {
			sum += *e
		} else {
			known = false
		}
	}
	if known {
		external = &sum
	}
	return recipients, external
}

// Watched is false if no row of the day was read: then nothing can be said of it.
func (d *Day) Watched() bool { return d.Seen.Logs > 0 }

// Quiet is true if there is no suspect, and nothing that would hide one.
func (d *Day) Quiet() bool {
	return d.Watched() && len(d.Suspects) == 0 && len(d.Health.Troubles) == 0
}
