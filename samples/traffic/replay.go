package traffic

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// epochRows is what separates the two clocks of data sets: smaller numbers count
// from the set's own beginning, a Monday's midnight, greater ones from 1970.
const epochRows = 1_000_000_000

// ReadLetters reads a set of real behaviour: rows of sender, recipient and time in
// seconds, separated by blanks; further columns are left aside, and so are mail to
// oneself and lines that begin with # or %. It may be compressed (.gz). Rows of one
// sender and second are one message.
//
// Times from 1970 on are turned to the clock of zone. A set that counts from its
// own beginning has no zone; its clock is moved by full hours until the nine
// busiest ones begin at eight.
func ReadLetters(path string, zone *time.Location) ([]Letter, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		defer z.Close()
		r = z
	}
	letters, err := parseLetters(r, zone)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return letters, nil
}

// errNoRows is returned for a set without a message.
var errNoRows = errors.New("no row of sender, recipient and seconds")

func parseLetters(r io.Reader, zone *time.Location) ([]Letter, error) {
	type key struct{ from, at int }
	var letters []Letter
	index := map[key]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if text := lines.Text(); text == "" || text[0] == '#' || text[0] == '%' {
			continue
		}
		from, to, at, err := contact(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if from == to {
			continue
		}
		k := key{from, at}
		i, ok := index[k]
		if !ok {
			i = len(letters)
			index[k] = i
			letters = append(letters, Letter{At: at, From: from})
		}
		if l := &letters[i]; !slices.Contains(l.To, to) {
			l.To = append(l.To, to)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(letters) == 0 {
		return nil, errNoRows
	}
	sortLetters(letters)
	officeClock(letters, zone)
	return letters, nil
}

func contact(line string) (from, to, at int, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return 0, 0, 0, fmt.Errorf("want sender, recipient and seconds; got %.60q", line)
	}
	var numbers [3]int
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(fields[i]); err != nil || numbers[i] < 0 {
			return 0, 0, 0, fmt.Errorf("want sender, recipient and seconds as whole numbers; got %.60q", line)
		}
	}
	return numbers[0], numbers[1], numbers[2], nil
}

// officeClock turns times to seconds by the office's clock since a Monday.
func officeClock(letters []Letter, zone *time.Location) {
	if letters[0].At < epochRows {
		shift := busyShift(letters) * 3600
		for i := range letters {
			letters[i].At += shift
		}
		return
	}
	y, m, d := time.Unix(int64(letters[0].At), 0).In(zone).Date()
	monday := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for monday.Weekday() != time.Monday {
		monday = monday.AddDate(0, 0, -1)
	}
	for i := range letters {
		t := time.Unix(int64(letters[i].At), 0).In(zone)
		_, offset := t.Zone()
		letters[i].At += offset - int(monday.Unix())
	}
}

// busyShift is by how many hours to move the clock.
func busyShift(letters []Letter) int {
	const begin, hours = 8, 9
	var count [24]int
	for i := range letters {
		count[letters[i].hour()]++
	}
	best, shift := -1, 0
	for s := range 24 {
		sum := 0
		for h := begin; h < begin+hours; h++ {
			sum += count[(h-s+24)%24]
		}
		if sum > best {
			best, shift = sum, s
		}
	}
	if shift > 12 {
		shift -= 24
	}
	return shift
}

// weeksOf are the letters of n days from a Monday on, counted from its midnight.
func weeksOf(letters []Letter, monday, days int) []Letter {
	from, until := monday*secondsADay, (monday+days)*secondsADay
	var some []Letter
	for _, l := range letters {
		if l.At >= from && l.At < until {
			l.At -= from
			some = append(some, l)
		}
	}
	return some
}

// busyWeeks are the Mondays of the stretches of n days, one after the other, that
// have half the letters of the fullest one at least; the fullest first.
func busyWeeks(letters []Letter, days int) []int {
	step := (days + daysAWeek - 1) / daysAWeek * daysAWeek
	count := map[int]int{}
	most := 0
	for i := range letters {
		monday := letters[i].day() / step * step
		count[monday]++
		most = max(most, count[monday])
	}
	var mondays []int
	for monday, n := range count {
		if 2*n >= most {
			mondays = append(mondays, monday)
		}
	}
	slices.SortFunc(mondays, func(a, b int) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return a - b
	})
	return mondays
}

// setName is the name of a data set, by its file.
func setName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name
}
