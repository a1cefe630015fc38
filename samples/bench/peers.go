//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// peer is a program, or several in a row, that name the hosts of a log which mail
// too many.
type peer struct {
	name string
	once bool // It takes too long to be repeated.
	job  func(ctx context.Context) (run, []string, error)
	runs []run
	host []string // Those that it named last, in order.
}

// stage is where peers find what they need.
type stage struct {
	subject
	programs, scripts string // Folders.
	dir               string // For stores; made and removed by comparePeers.
}

// comparePeers lets every program do its job in turn, compares whom they name, and
// prints what each took, and in how many times the wall time of relaywatch.
func comparePeers(ctx context.Context, subject subject, programs, scripts string, runs int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if subject.log, err = filepath.Abs(subject.log); err != nil {
		return err
	}
	s := &stage{subject: subject, programs: programs, scripts: scripts, dir: dir}
	_, counted, err := s.ingest(ctx, s.db(), subject.log)
	if err != nil {
		return err
	}
	peers := []*peer{
		{name: "relaywatch: store, index, judge, suspects", job: s.relaywatch},
		{name: "gawk: count, keep nothing", job: s.gawk},
		{name: "sqlite3 shell: .import, SQL", job: s.sqlite},
		{name: "DuckDB: read_csv, SQL", job: s.duckdb},
		{name: "lnav: SQL, keep nothing", job: s.lnav},
		{name: "CrowdSec: parser, scenario, alerts only", job: s.crowdsec, once: true},
	}
	for i := range runs + 1 {
		for _, p := range peers {
			if p.once && i != 1 {
				continue
			}
			removeStore(s.db())
			r, hosts, err := p.job(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			slices.Sort(hosts)
			p.host = hosts
			if i > 0 { // The first one warms the cache of files.
				p.runs = append(p.runs, r)
			}
		}
	}
	printPeers(peers, counted, runs)
	return agree(peers)
}

func (s *stage) db() string { return filepath.Join(s.dir, "store.db") }

func printPeers(peers []*peer, counted report, runs int) {
	fmt.Printf("%d rows, %d recipients; %s; medians of %d runs each, in turn\n\n", counted.Rows, counted.Recipients, machine(), runs)
	fmt.Printf("%-44s %8s %8s %9s %12s %7s\n", "", "wall s", "cpu s", "peak MB", "B/recipient", "ratio")
	wall := func(r run) float64 { return r.wall.Seconds() }
	ours := median(peers[0].runs, wall)
	for _, p := range peers {
		store := median(p.runs, func(r run) float64 { return float64(r.store) / float64(counted.Recipients) })
		bytes := "none"
		if store > 0 {
			bytes = fmt.Sprintf("%.1f", store)
		}
		fmt.Printf("%-44s %8.2f %8.2f %9.0f %12s %7.2f\n", p.name, median(p.runs, wall),
			median(p.runs, func(r run) float64 { return r.cpu.Seconds() }),
			median(p.runs, func(r run) float64 { return float64(r.peakKB) / 1024 }), bytes, median(p.runs, wall)/ours)
	}
}

// machine names what it ran on.
func machine() string {
	model := "unknown processor"
	info, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(info)) {
			if name, found := strings.CutPrefix(line, "model name"); found {
				model = strings.TrimLeft(strings.TrimSpace(name), ": ")
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.Version())
}

// agree fails unless all name the hosts that the first of them names: else they did
// not do the same job.
func agree(peers []*peer) error {
	for _, p := range peers {
		if !slices.Equal(p.host, peers[0].host) {
			return fmt.Errorf("%s names %v, %s names %v", p.name, p.host, peers[0].name, peers[0].host)
		}
	}
	fmt.Printf("\nall name %s\n", strings.Join(peers[0].host, ", "))
	return nil
}

func (s *stage) relaywatch(ctx context.Context) (run, []string, error) {
	job, _, err := s.ingest(ctx, s.db(), s.log)
	if err != nil {
		return run{}, nil, err
	}
	ask, out, err := measure(ctx, s.db(), s.program, "--config", s.config, "--db", s.db(), "suspects", "--format", "json")
	if err != nil {
		return run{}, nil, err
	}
	var suspects []struct {
		Submitter string `json:"submitter"`
	}
	if err := json.Unmarshal(out, &suspects); err != nil {
		return run{}, nil, err
	}
	var hosts []string
	for _, one := range suspects {
		hosts = append(hosts, strings.TrimPrefix(one.Submitter, "ip:"))
	}
	return run{wall: job.wall + ask.wall, cpu: job.cpu + ask.cpu, peakKB: max(job.peakKB, ask.peakKB), store: ask.store}, slices.Compact(slices.Sorted(slices.Values(hosts))), nil
}

func (s *stage) gawk(ctx context.Context) (run, []string, error) {
	r, out, err := measure(ctx, s.db(), "gawk", "-f", filepath.Join(s.scripts, "fanout.awk"), s.log)
	return r, strings.Fields(string(out)), err
}

func (s *stage) sqlite(ctx context.Context) (run, []string, error) {
	script, err := s.script("sqlite.sql")
	if err != nil {
		return run{}, nil, err
	}
	c := exec.CommandContext(ctx, "sqlite3", s.db(), ".read '"+script+"'") // It warns of header rows.
	r, out, err := timed(c, s.db())
	return r, strings.Fields(string(out)), err
}

func (s *stage) duckdb(ctx context.Context) (run, []string, error) {
	script, err := s.script("duckdb.sql")
	if err != nil {
		return run{}, nil, err
	}
	r, out, err := measure(ctx, s.db(), filepath.Join(s.programs, "duckdb"), s.db(), script)
	return r, strings.Fields(string(out)), err
}

func (s *stage) lnav(ctx context.Context) (run, []string, error) {
	query, err := os.ReadFile(filepath.Join(s.scripts, "lnav.sql"))
	if err != nil {
		return run{}, nil, err
	}
	r, out, err := measure(ctx, s.db(), "lnav", "-n", "-c", strings.TrimSpace(string(query)), s.log)
	hosts := strings.Fields(string(out))
	return r, hosts[min(1, len(hosts)):], err // The first line is the column's name.
}

// script is a copy of a peer's script for this log.
func (s *stage) script(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(s.scripts, name))
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "{log}", s.log)), 0o600)
}

// crowdsec replays the log. Its own service at a port of this machine keeps the
// alerts in SQLite; that it waits for a second before it ends counts, too.
func (s *stage) crowdsec(ctx context.Context) (run, []string, error) {
	c, err := s.newCrowdsec()
	if err != nil {
		return run{}, nil, err
	}
	bin := filepath.Join(s.programs, "crowdsec", "usr", "bin")
	credentials := filepath.Join(c.dir, "etc", "credentials.yaml")
	register := exec.CommandContext(ctx, filepath.Join(bin, "cscli"), "-c", c.config, "machines", "add", "bench", "--password", "bench", "-f", credentials, "--force")
	if out, err := register.CombinedOutput(); err != nil {
		return run{}, nil, fmt.Errorf("%w: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	replay := exec.CommandContext(ctx, filepath.Join(bin, "crowdsec"), "-c", c.config, "-dsn", "file://"+s.log, "-type", "iis")
	r, _, err := timed(replay, c.db)
	if err != nil {
		return run{}, nil, err
	}
	r.store = 0 // Alerts only.
	_, out, err := measure(ctx, c.db, "sqlite3", c.db, "SELECT DISTINCT source_ip FROM alerts")
	return r, strings.Fields(string(out)), err
}
