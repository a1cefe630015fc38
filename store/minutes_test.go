package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/ingest"
	"relaywatch/mail"
)

func TestMinutes(t *testing.T) {
	db := newStore(t)
	of := func(log mail.LogID, offset int64, when mail.Time) mail.Transaction {
		return sent(mail.LogPos{Log: log, Offset: offset}, when, "ann@corp.example", "bob@example.net")
	}
	write(t, db, &ingest.Batch{
		Logs: []ingest.Log{logAt(log1, 900), logAt(log2, 900)},
		Transactions: []mail.Transaction{
			of(log1, 100, t0-1), of(log1, 200, t0), of(log2, 100, t0+10), of(log1, 300, t0+59), of(log1, 400, t0+60), of(log2, 200, t0+600),
		},
	})
	var got []string
	err := db.Minutes(t.Context(), t0, func(log mail.LogID, minute mail.Time) {
		got = append(got, fmt.Sprint(log, " ", int64(minute-t0)))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{"1111111111111111 0", "1111111111111111 60", "fffffffffffffff0 0", "fffffffffffffff0 600"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
