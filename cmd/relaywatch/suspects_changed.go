package main

import (
	"encoding/json"
	"slices"

	"relaywatch/store"
)

// changed is what happened to an episode, and the episode as `suspects --format json`
// prints it.
type changed struct {
	Event   string
	Grew    []string // Of a grown one; see detect.Told.Grew.
	Suspect store.Suspect
}

// MarshalJSON writes the keys of the episode behind those of what happened.
func (c changed) MarshalJSON() ([]byte, error) {
	head, err := json.Marshal(struct {
		Event string   `json:"event"`
		Grew  []string `json:"grew"`
	}{c.Event, append([]string{}, c.Grew...)})
	if err != nil {
		return nil, err
	}
	episode, err := json.Marshal(c.Suspect)
	if err != nil {
		return nil, err
	}
	return slices.Concat(head[:len(head)-1], []byte(","), episode[1:]), nil
}
