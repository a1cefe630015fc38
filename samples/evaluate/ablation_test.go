package main

import (
	"reflect"
	"testing"
)

// Each variant lacks one thing, and the rules themselves stay as they are.
func TestWithout(t *testing.T) {
	ruleSet := builtIn(t)
	rulesLeft, partsLeft := 0, 0
	for _, v := range without(ruleSet) {
		if len(v.rules) == len(ruleSet)-1 {
			rulesLeft++
			continue
		}
		partsLeft++
		changed := 0
		for i := range ruleSet {
			if !reflect.DeepEqual(v.rules[i].Weigher, ruleSet[i].Weigher) {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s: got %d changed rules; want 1", v.name, changed)
		}
	}
	if rulesLeft != len(ruleSet) || partsLeft < 5 {
		t.Errorf("got %d variants without a rule and %d without a part; want %d and 5 at least", rulesLeft, partsLeft, len(ruleSet))
	}
	if !reflect.DeepEqual(ruleSet, builtIn(t)) {
		t.Error("the rules were changed")
	}
}
