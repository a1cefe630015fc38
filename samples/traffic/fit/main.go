// Fit measures sets of real behaviour, who mailed whom and when, and writes the
// models that worlds are made of. The models hold quantiles and shares only; no row
// of a set can be told from them.
//
//	go run ./samples/traffic/fit --out samples/traffic/behaviour.json company=radoslaw-email.txt.gz research=email-eu-core-temporal.txt.gz
//
// It prints what was measured beside what simulated people show.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // The sets' zones are looked up on any machine.

	"relaywatch/samples/traffic"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fit", flag.ContinueOnError)
	path := flags.String("out", "", "file to write the models to")
	weeks := flags.Int("weeks", 8, "length of the stretches that are measured")
	zoneName := flags.String("zone", "Europe/Warsaw", "time zone of sets whose times count from 1970")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 || *weeks < 1 {
		return fmt.Errorf("want NAME=FILE for each set, and --weeks of 1 or more")
	}
	zone, err := time.LoadLocation(*zoneName)
	if err != nil {
		return err
	}
	var models []*traffic.Model
	for _, arg := range flags.Args() {
		name, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=FILE", arg)
		}
		letters, err := traffic.ReadLetters(file, zone)
		if err != nil {
			return err
		}
		m := traffic.Fit(name, letters, *weeks)
		compare(out, m)
		models = append(models, m)
	}
	if *path == "" {
		return nil
	}
	data, err := traffic.EncodeModels(models)
	if err != nil {
		return err
	}
	return os.WriteFile(*path, data, 0o644)
}

// compare prints measured and simulated values.
func compare(out io.Writer, m *traffic.Model) {
	got := traffic.SimulatedMeasures(m, 1000) // A seed that tuning has not seen.
	fmt.Fprintf(out, "%s: %d senders over %d weeks; measured/simulated\n", m.Name, m.Measured.Senders, m.Weeks)
	wantLists, gotLists := m.Measured.Lists(), got.Lists()
	for i, l := range wantLists {
		fmt.Fprintf(out, "  %-11s", l.Name)
		for j, v := range *l.Values {
			if other := *gotLists[i].Values; j < len(other) {
				fmt.Fprintf(out, " %.3g/%.3g", v, other[j])
			}
		}
		fmt.Fprintln(out)
	}
	gotNumbers := got.Numbers()
	for i, n := range m.Measured.Numbers() {
		fmt.Fprintf(out, "  %-11s %.3f/%.3f\n", n.Name, *n.Value, *gotNumbers[i].Value)
	}
}
