// Maketraffic writes sample logs. With --scenario demo it makes the folders iis
// and exchange of samples/, with --scenario bench one large IIS log, with
// --scenario world some weeks of an organisation in which nobody sends spam:
//
//	go run ./samples/traffic/maketraffic --out samples
//	go run ./samples/traffic/maketraffic --scenario bench --rows 1000000 --out build
//	go run ./samples/traffic/maketraffic --scenario world --people 200 --days 40 --seed 7 --out build/world
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"relaywatch/samples/traffic"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "maketraffic:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("maketraffic", flag.ContinueOnError)
	dir := flags.String("out", "", "folder to write to")
	seed := flags.Uint64("seed", traffic.DemoSeed, "equal seeds make equal logs")
	days := flags.Int("days", traffic.DemoDays, "demo and world: how many days, 1 or more; a world has 40 if not told")
	scenario := flags.String("scenario", "demo", "demo, bench or world")
	rows := flags.Int("rows", 1_000_000, "bench: how many rows")
	people := flags.Int("people", 0, "world: how many people; 0 is 200, or all of the set in --behaviour")
	exchange := flags.Bool("exchange", false, "world: logs of Exchange instead of IIS")
	balanced := flags.Bool("balanced", false, "world: workstations come through a load balancer, which hides their addresses")
	attacks := flags.String("attacks", "", "world: attacks in its last days, with commas between, or all; truth.json has who spammed")
	behaviour := flags.String("behaviour", "", "world: set of real behaviour to replay, rows of sender, recipient and seconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *days < 1 || *rows < 1 || *people < 0 {
		return fmt.Errorf("want --out FOLDER, --days and --rows of 1 or more, --people of 0 or more")
	}
	switch *scenario {
	case "demo":
		if err := write(out, filepath.Join(*dir, "iis"), traffic.IIS(*seed, *days)); err != nil {
			return err
		}
		return write(out, filepath.Join(*dir, "exchange"), traffic.Exchange(*seed, max(*days-1, 1)))
	case "bench":
		return write(out, *dir, traffic.Bench(*seed, *rows))
	case "world":
		if !given(flags, "days") {
			*days = 0
		}
		return writeWorld(out, *dir, *behaviour, *attacks, traffic.WorldOptions{Seed: *seed, People: *people, Days: *days, Exchange: *exchange, Balanced: *balanced})
	}
	return fmt.Errorf("scenario %q: want demo, bench or world", *scenario)
}

// given is true for a flag that stands on the command line.
func given(flags *flag.FlagSet, name string) bool {
	found := false
	flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// write puts the files of a scene into dir and prints the truth about it.
func write(out io.Writer, dir string, scene traffic.Scene) error {
	for _, f := range scene.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%s: %d files\n", dir, len(scene.Files))
	for _, s := range scene.Spammers {
		fmt.Fprintf(out, "  %-10s %-22s %s to %s: %d messages, %d recipients, %d accepted, %d external, %d distinct\n",
			s.Name, s.Submitter, s.First.Format(time.RFC3339), s.Last.Format(time.RFC3339),
			s.Messages, s.Recipients, s.Accepted, s.External, s.Distinct)
	}
	return nil
}
