package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"relaywatch/detect"
	"relaywatch/rules"
	"relaywatch/words"
)

// write copies the rules of a folder, or the built-in ones, into a new one, with the
// thresholds that are marked.
func (c *calibration) write(p *program, from, to string) error {
	if entries, err := os.ReadDir(to); err == nil && len(entries) > 0 {
		return usageError{fmt.Errorf("--write %s: the folder is not empty; name a new one", to)}
	}
	var files fs.FS = rules.Files
	if from != "" {
		files = os.DirFS(from)
	}
	paths, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	changed := 0
	for _, path := range paths {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return fmt.Errorf("write the rules: %w", err)
		}
		for _, ch := range c.channels {
			if ch.rule.Name+".yaml" != path || ch.marked < 0 || ch.costs[ch.marked].threshold == ch.now {
				continue
			}
			if text, err = ch.rewrite(text, c); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			changed++
		}
		if err := os.WriteFile(filepath.Join(to, path), text, 0o644); err != nil {
			return fmt.Errorf("write the rules: %w", err)
		}
	}
	return c.sayWritten(p, to, changed)
}

var (
	whenLine    = regexp.MustCompile(`(?m)^when:`)
	scoreAsked  = regexp.MustCompile(`\bscore >= [0-9.]+`)
	ceilingLine = regexp.MustCompile(`(?m)^(  ceiling: +)[0-9.]+`)
)

// rewrite changes the threshold in the text of a rule file, and the ceiling with it:
// the sum must be able to get there, and be through with it as soon as before.
func (ch *channelCost) rewrite(text []byte, c *calibration) ([]byte, error) {
	threshold := ch.costs[ch.marked].threshold
	at := whenLine.FindIndex(text)
	if at == nil {
		return nil, errors.New("there is no line that begins with when: to change")
	}
	asked := scoreAsked.FindIndex(text[at[0]:])
	if asked == nil {
		return nil, fmt.Errorf("its when: has no `score >= %s` to change", nats(ch.now))
	}
	line := ch.costs[ch.marked]
	comment := fmt.Sprintf("# Set by rules calibrate, in the place of %s: %d alarms in %.1f weeks, of which %d were confirmed.\n",
		nats(ch.now), line.alarms, c.weeks(), line.confirmed)
	out := append([]byte{}, text[:at[0]]...)
	out = append(out, comment...)
	out = append(out, text[at[0]:at[0]+asked[0]]...)
	out = append(out, "score >= "+nats(threshold)...)
	out = append(out, text[at[0]+asked[1]:]...)
	if ch.rule.Weigher == nil {
		return out, nil
	}
	ceiling := strconv.FormatFloat(threshold+margin(ch.rule), 'g', -1, 64)
	return ceilingLine.ReplaceAll(out, []byte("${1}"+ceiling)), nil
}

// sayWritten checks what was written.
func (c *calibration) sayWritten(p *program, to string, changed int) error {
	list, err := rulesIn(to)
	if err != nil {
		return fmt.Errorf("the rules that were written are not valid: %w", err)
	}
	w := &page{w: p.out, width: terminalWidth(p.out)}
	w.line(2, "%s written to %s, %d of them changed: set rules.path to it, and run `relaywatch rules replay --rules %s` before",
		words.Plural(len(list), "rule"), visible(to), changed, visible(to))
	failed := 0
	for _, r := range detect.RunTests(list) {
		if r.Err != nil {
			failed++
			w.line(4, "  its test no longer holds with that number: %s: %s", r.Rule, visible(r.Case))
		}
	}
	if failed > 0 {
		w.line(2, "change these tests with it, or `relaywatch rules test` fails")
	}
	return w.err
}
