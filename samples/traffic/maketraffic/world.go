package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"relaywatch/samples/traffic"
)

// writeWorld makes a world: its logs, a configuration for them, and the truth. It
// prints what was written, and how to try relaywatch on it.
func writeWorld(out io.Writer, dir, behaviour, attacks string, o traffic.WorldOptions) error {
	if behaviour != "" {
		set, err := traffic.ReadBehaviour(behaviour)
		if err != nil {
			return err
		}
		o.Behaviour = set
	}
	w := traffic.NewWorld(o)
	sessions := w.Sessions()
	if attacks != "" {
		var names []string
		if attacks != "all" {
			names = strings.Split(attacks, ",")
		}
		raids, err := traffic.NewAttackers(w, sessions).Raids(names)
		if err != nil {
			return err
		}
		sessions = append(sessions, raids...)
	}
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	scene, err := w.Write(logs, sessions)
	if err != nil {
		return err
	}
	truth := w.Truth(scene)
	data, err := truth.JSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "truth.json"), data, 0o644); err != nil {
		return err
	}
	config := filepath.Join(dir, "relaywatch.yaml")
	text := w.Config(filepath.ToSlash(logs), filepath.ToSlash(filepath.Join(dir, "world.db")))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d people who write like %s, %d machines, %d sessions, %d log files\n",
		dir, len(w.People), truth.Behaviour, len(w.Machines), len(sessions), len(scene.Files))
	fmt.Fprintf(out, "try: relaywatch --config %s ingest && relaywatch --config %s suspects\n", config, config)
	return nil
}
