package traffic

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Config is a configuration of relaywatch for the world: what an administrator
// would write down, and no more. logs is the folder that Write wrote to, store the
// SQLite file to use, both as the program will be given them.
func (w *World) Config(logs, store string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A simulated organisation, seed %d: %d people, %d days from %s on.\n",
		w.Seed, len(w.People), w.Days, w.First.Format(time.DateOnly))
	fmt.Fprintf(&b, "store: {path: %s, keep: 0}\n", yamlText(store))
	fmt.Fprintf(&b, "logs:\n  - {path: %s, format: auto}\n", yamlText(logs))
	fmt.Fprintf(&b, "network:\n  internal: [10.0.0.0/8]\n  own_domains: [%s]\n  gateways: [%s]\n",
		strings.Join(w.Domains, ", "), strings.Join(w.Gateways, ", "))
	fmt.Fprintf(&b, "hours: {time_zone: %s, business: \"mon-fri 07:00-19:00\"}\n", w.Zone)
	b.WriteString("allow:")
	known := 0
	for _, m := range w.Machines {
		for _, s := range m.Submitters {
			if m.Known {
				known++
				fmt.Fprintf(&b, "\n  - {submitter: %s, reason: %s, until: never}", yamlText(s), yamlText(m.Name))
			}
		}
	}
	if known == 0 {
		b.WriteString(" []")
	}
	b.WriteString("\n")
	return b.String()
}

// yamlText is a single-quoted scalar (YAML 1.2, section 7.3.2).
func yamlText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// Truth is what is true about a world, to be compared with what relaywatch says.
type Truth struct {
	Seed      uint64
	Behaviour string
	Server    string
	First     time.Time // In the zone of the people.
	Days      int
	Down      *Span             `json:",omitempty"`
	Kinds     map[string]string // Of each submitter: Kinds.
	People    []TruthPerson
	Machines  []Machine
	Spammers  []Spammer // None in ordinary mail.
}

// TruthPerson is one of the people.
type TruthPerson struct {
	Address, Kind, IP, Host string
	Account                 string `json:",omitempty"` // Where the server has accounts.
	PerDay                  float64
}

// Truth is the truth about the world and what was written of it.
func (w *World) Truth(scene Scene) *Truth {
	t := &Truth{
		Seed: w.Seed, Behaviour: w.behaviour.Name, Server: w.Server, First: w.First, Days: w.Days,
		Kinds: w.Kinds(), Machines: w.Machines, Spammers: scene.Spammers,
	}
	if !w.Down.From.IsZero() {
		t.Down = &w.Down
	}
	for i := range w.People {
		p := &w.People[i]
		tp := TruthPerson{Address: p.Address, Kind: p.Kind, IP: p.IP, Host: p.Host, PerDay: fourDigits(p.PerDay)}
		if w.Server == "exchange" {
			tp.Account = p.Account
		}
		t.People = append(t.People, tp)
	}
	return t
}

// JSON is the truth as a file.
func (t *Truth) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(t, "", "  ")
	return append(data, '\n'), err
}
