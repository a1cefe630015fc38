package store

import "testing"

func TestAgentReport(t *testing.T) {
	db := newStore(t)
	for _, want := range []string{"", `{"rows":1}`, `{"rows":2}`} {
		if want != "" {
			if err := db.WriteAgent(t.Context(), []byte(want)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := db.Agent(t.Context())
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}
