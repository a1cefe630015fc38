package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"relaywatch/samples/traffic"
)

// The bare program counts what the generator says it wrote.
func TestLoad(t *testing.T) {
	scene := traffic.Bench(1, 30_000)
	log := filepath.Join(t.TempDir(), "bench.log")
	if err := os.WriteFile(log, scene.Files[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := open(filepath.Join(t.TempDir(), "bare.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, recipients, err := load(db, log)
	if err != nil {
		t.Fatal(err)
	}
	if rows != 30_000 {
		t.Errorf("got %d rows; want 30000", rows)
	}
	var stored int
	if err := db.QueryRow("SELECT count(*) FROM recipients").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if stored != recipients || stored < 15_000 {
		t.Errorf("got %d recipients stored of %d read; want all of 15,000 or more", stored, recipients)
	}
	got, err := massMailers(db)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"10.9.0.11", "10.9.0.12", "10.9.0.13", "10.9.0.14"}; !slices.Equal(got, want) {
		t.Errorf("got mass mailers %v; want %v", got, want)
	}
	for _, s := range scene.Spammers {
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM recipients JOIN texts t ON t.id = client WHERE 'ip:' || t.text = ?`, s.Submitter).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != s.Recipients {
			t.Errorf("%s: got %d recipients; want %d", s.Name, n, s.Recipients)
		}
	}
}
