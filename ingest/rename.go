package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"relaywatch/mail"
)

// Rename puts other names in place of addresses in Batch.Sessions: what path gives for
// the path of a recipient and for a reverse-path, account for an account, and text for
// what a server answered. Names of hosts stay.
func Rename(sessions []byte, path func(mail.Path) mail.Path, account, text func(string) string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(sessions))
	decoder.UseNumber() // Positions go beyond what a float64 holds.
	var all any
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the sessions still open: %w", err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, e := range v {
				s, ok := e.(string)
				switch {
				case !ok:
					walk(e)
				case key == "path" || key == "Path" || key == "Recipient" || key == "ReversePath":
					v[key] = path(mail.Path(s))
				case key == "User":
					v[key] = account(s)
				case key == "Text":
					v[key] = text(s)
				}
			}
		}
	}
	walk(all)
	return json.Marshal(all)
}
