package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"relaywatch/mail"
)

// Names are what Rename puts in place of what stands in sessions; nil leaves it as it is.
type Names struct {
	Recipient, Sender func(mail.Path) mail.Path
	Account           func(string) string
	Text              func(string) string // What a server answered.
}

// Rename puts other names into Batch.Sessions. Names of hosts stay.
func Rename(sessions []byte, names Names) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(sessions))
	decoder.UseNumber() // Positions go beyond what a float64 holds.
	var all any
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the sessions still open: %w", err)
	}
	names.walk(all)
	return json.Marshal(all)
}

func (n *Names) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n.walk(e)
		}
	case map[string]any:
		for key, e := range v {
			s, ok := e.(string)
			switch {
			case !ok:
				n.walk(e)
			case key == "ReversePath" || key == "path" && v["verb"] == string(exchangeMAIL):
				v[key] = renamed(n.Sender, mail.Path(s))
			case key == "path" || key == "Path" || key == "Recipient":
				v[key] = renamed(n.Recipient, mail.Path(s))
			case key == "User":
				v[key] = renamed(n.Account, s)
			case key == "Text":
				v[key] = renamed(n.Text, s)
			}
		}
	}
}

func renamed[T any](by func(T) T, name T) T {
	if by == nil {
		return name
	}
	return by(name)
}
