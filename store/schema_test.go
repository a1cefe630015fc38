package store

import (
	"strings"
	"testing"
)

// Every view and every column says what it is, and the examples run.
func TestSchema(t *testing.T) {
	db := newStore(t)
	write(t, db, everything())
	views, err := db.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(views) < 12 {
		t.Errorf("got %d views; want all", len(views))
	}
	for _, v := range views {
		if v.About == "" || len(v.Columns) == 0 {
			t.Errorf("%s: got about %q and %d columns; want both", v.Name, v.About, len(v.Columns))
		}
		for _, c := range v.Columns {
			if c.About == "" {
				t.Errorf("%s.%s has no comment: write it behind the column", v.Name, c.Name)
			}
		}
		if !strings.Contains(v.Example, v.Name) {
			t.Errorf("%s: example %q does not ask the view", v.Name, v.Example)
			continue
		}
		if err := db.Query(t.Context(), v.Example, func([]string, []any) error { return nil }); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}
