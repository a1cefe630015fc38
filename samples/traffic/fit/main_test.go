package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"relaywatch/samples/traffic"
)

// A set that was simulated is fitted to the model that it came from.
func TestFitFindsTheModel(t *testing.T) {
	model := traffic.BuiltinBehaviours()[0].Model
	var rows bytes.Buffer
	for _, l := range traffic.Simulate(model, 3, 60, 2*8*7) {
		for _, to := range l.To {
			fmt.Fprintln(&rows, l.From, to, l.At)
		}
	}
	set := filepath.Join(t.TempDir(), "set.txt")
	if err := os.WriteFile(set, rows.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	models := filepath.Join(t.TempDir(), "models.json")
	var out strings.Builder
	if err := run([]string{"--out", models, "again=" + set}, &out); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(models)
	if err != nil {
		t.Fatal(err)
	}
	again, err := traffic.DecodeModels(data)
	if err != nil {
		t.Fatal(err)
	}
	got, want := again[0].Measured, model.Measured
	if x, y := got.Rate[4], want.Rate[4]; x < y*0.7 || x > y*1.3 {
		t.Errorf("got median rate %v; want about %v", x, y)
	}
	if x, y := got.New[5], want.New[5]; x < y*0.7 || x > y*1.3 {
		t.Errorf("got share of new recipients %v; want about %v", x, y)
	}
	if !strings.Contains(out.String(), "again: ") {
		t.Errorf("got output %q; want measured and simulated values in it", out.String())
	}
}

func TestFitRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"set.txt"}, {"a=" + filepath.Join(t.TempDir(), "no.txt")}, {"--weeks", "0", "a=b"}, {"--zone", "Nowhere", "a=b"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%v: got no error; want one", args)
		}
	}
}
