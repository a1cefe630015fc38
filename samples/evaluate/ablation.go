package main

import (
	"slices"

	"relaywatch/detect"
)

// variant is another set of rules, as one with a thing taken away.
type variant struct {
	name  string
	rules []*detect.Rule
}

// parts are what can be taken from the evidence of a sequential rule.
var parts = []struct {
	name string
	take func(w *detect.Weigher) (had bool)
}{
	{"novelty", func(w *detect.Weigher) bool { return clear(&w.Novelty) }},
	{"external", func(w *detect.Weigher) bool { return clear(&w.External) }},
	{"refused", func(w *detect.Weigher) bool { return clear(&w.Refused) }},
	{"reverse_path", func(w *detect.Weigher) bool { return clear(&w.Path) }},
	{"hour", func(w *detect.Weigher) bool { return clear(&w.Weights.Hour) }},
	{"later", func(w *detect.Weigher) bool { return clear(&w.Later) }},
	{"first", func(w *detect.Weigher) bool { return clear(&w.First) }},
	{"support", func(w *detect.Weigher) bool { return clear(&w.Support) }},
}

// clear sets a value to zero and tells whether it was another.
func clear[T comparable](value *T) bool {
	var zero T
	had := *value != zero
	*value = zero
	return had
}

// without are the rules without each of them, and without each part of the evidence
// of those that are sequential.
func without(rules []*detect.Rule) []variant {
	var all []variant
	for i, r := range rules {
		all = append(all, variant{"without " + r.Name, slices.Delete(slices.Clone(rules), i, i+1)})
		if r.Weigher == nil {
			continue
		}
		for _, part := range parts {
			weigher, changed := *r.Weigher, *r
			if !part.take(&weigher) {
				continue
			}
			changed.Weigher = &weigher
			with := slices.Clone(rules)
			with[i] = &changed
			all = append(all, variant{"without " + r.Name + ": " + part.name, with})
		}
	}
	return all
}
