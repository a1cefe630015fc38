// Package words writes numbers and helps with mistyped words, for people.
package words

import (
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Thousands writes 1234567 as 1,234,567.
func Thousands[N ~int | ~int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes 1 log, 2 logs.
func Plural[N ~int | ~int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// Nearest is the candidate that a mistyped word most likely meant, in any case of
// letters, or "" where none is near.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, least := "", 1+len(word)/3 // One mistake in three letters, and one more.
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(word, strings.ToLower(c)); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	if best == "" {
		for _, c := range candidates {
			if word != "" && (strings.Contains(c, word) || strings.Contains(word, c)) {
				return c
			}
		}
	}
	return best
}
