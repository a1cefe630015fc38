package digest

import (
	"math"
	"strconv"

	"relaywatch/words"
)

// rounded is a mean without more digits than it deserves.
func rounded(f float64) string {
	if f < 10 && f != math.Trunc(f) {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return words.Thousands(int(math.Round(f)))
}

// cut cuts a text at a number of characters.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
