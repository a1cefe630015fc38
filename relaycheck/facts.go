package relaycheck

import (
	"cmp"
	"slices"

	"relaywatch/mail"
	"relaywatch/words"
)

// Facts are what the logs of some time tell, as far as checks ask for it.
type Facts struct {
	Since        mail.Time // Event time.
	Until        mail.Time
	Logs         int // With rows in that time.
	Transactions int
	OwnDomains   []string // None: what is outside is not known.
	Gateways     []string // Addresses of the hosts that bring in the internet's mail.
	Servers      []Server
	Sources      []Source
	Logins       []Logins
	Relayed      []Domain // Outside domains that clients outside had mail accepted for without a login, those with the most first.
	Storms       []Told   // Findings of null-sender-storm.
	Guessed      []Told   // Findings of login-attack: a login succeeded after many had failed.
	Bounces      Bounces
	Blind        []Blind
	Quarantined  int // Rows that were not understood, of Rows.
	Rows         int
}

// Place is where a client stands.
type Place uint8

const (
	Outside Place = iota
	Inside
	Gateway
)

// Server is a server that writes logs.
type Server struct {
	Name       string
	Exchange   bool     // Or IIS.
	Connectors []string // Receive connectors that its logs name.
	Sends      bool     // There is a log of its own deliveries.
}

// Source is what a client sent in one way.
type Source struct {
	Server        string
	Connector     string // Without the server; "" if the log does not tell.
	ClientIP      string
	Place         Place
	User          string // "" without a login, or where the log does not name the account.
	Authenticated bool
	RelayRight    bool // The session might relay to anybody.
	TLS           mail.TLS
	Transactions  int
	Recipients    int // Accepted, or with a reply that is not told.
	External      int // Accepted recipients outside; without a login only.
	Own           int // Accepted recipients of own domains; without a login only.
	Unknown       int // Recipients of own domains refused for good; without a login only.
	First         mail.Time
	Last          mail.Time
}

// Logins are those of an account from a client with one outcome.
type Logins struct {
	Server   string
	ClientIP string
	Place    Place
	User     string // "" if the log does not name it.
	TLS      mail.TLS
	OK       bool
	Count    int
	Last     mail.Time
}

// Domain is how many recipients there were in a domain.
type Domain struct {
	Name       string
	Recipients int
}

// Told is what detection found.
type Told struct {
	Sentence string // It names the submitter.
	At       mail.Time
}

// Bounces are the server's own deliveries that tell of recipients whom there are not.
type Bounces struct {
	Sent    int // Deliveries with the null reverse-path to the outside.
	Refused int // Of those, refused there: their senders were forged.
	Inside  int // Recipients of own domains that the next server refused for good.
}

// Blind is what can't be seen, and the remedy.
type Blind struct {
	Detection string
	Reason    string
	Remedy    string
	All       bool // No detection can see.
}

// tally is what some sources sum up to.
type tally struct {
	name        string
	places      map[Place]bool
	servers     []string
	count       int
	first, last mail.Time
}

// tallies sums up the sources that count is more than 0 for, by name, the highest
// sum first.
func tallies(sources []Source, name func(*Source) string, count func(*Source) int) []tally {
	at := map[string]*tally{}
	var all []*tally
	for i := range sources {
		s := &sources[i]
		n := count(s)
		if n <= 0 {
			continue
		}
		t := at[name(s)]
		if t == nil {
			t = &tally{name: name(s), places: map[Place]bool{}, first: s.First}
			at[t.name] = t
			all = append(all, t)
		}
		t.count += n
		t.places[s.Place] = true
		t.first, t.last = min(t.first, s.First), max(t.last, s.Last)
		if through := s.through(); !slices.Contains(t.servers, through) {
			t.servers = append(t.servers, through)
		}
	}
	slices.SortFunc(all, func(a, b *tally) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name)) })
	list := make([]tally, len(all))
	for i, t := range all {
		slices.Sort(t.servers)
		list[i] = *t
	}
	return list
}

// through is the server and the connector.
func (s *Source) through() string {
	if s.Connector == "" {
		return cmp.Or(s.Server, "(server not named)")
	}
	return s.Server + `\` + s.Connector
}

func client(s *Source) string { return s.ClientIP }

// sum of all tallies.
func sum(list []tally) int {
	n := 0
	for _, t := range list {
		n += t.count
	}
	return n
}

// latest is when the last of them was.
func latest(list []tally) mail.Time {
	last := mail.Time(0)
	for _, t := range list {
		last = max(last, t.last)
	}
	return last
}

// named tells whether there is a server of that product with that name; a name that
// is not known may be any.
func (f *Facts) product(server string) (exchange, iis bool) {
	for _, s := range f.Servers {
		if s.Name == server {
			return s.Exchange, !s.Exchange
		}
	}
	return true, true
}

// fix chooses the steps for the products of the servers that are concerned.
func (f *Facts) fix(sources []Source, concerned func(*Source) bool, exchange, iis []string) []string {
	var onExchange, onIIS bool
	for i := range sources {
		if concerned(&sources[i]) {
			e, s := f.product(sources[i].Server)
			onExchange, onIIS = onExchange || e, onIIS || s
		}
	}
	var steps []string
	if onExchange {
		steps = append(steps, exchange...)
	}
	if onIIS {
		steps = append(steps, iis...)
	}
	return steps
}

// read says what was looked at.
func (f *Facts) read() string {
	return words.Plural(f.Transactions, "transaction") + " of " + words.Plural(len(f.Servers), "server")
}

// noOwnDomains is the result where a check needs them.
func noOwnDomains(read string) Result {
	return Result{
		Severity: NotJudged, Read: read, Found: "network.own_domains is not set, so what is outside is not known",
		Fix: []string{"Set network.own_domains in the configuration, and run ingest."},
	}
}
