package detect_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"relaywatch/detect"
	"relaywatch/mail"
)

const aDay = mail.Time(24 * time.Hour / time.Second)

var ann = mail.Submitter{Kind: mail.KindUser, Value: "ann"}

// listsOfAnn is what shipped rules find of ann, who writes to eight colleagues every day,
// and at 14:00 of some days to so many people of a new list, two a minute.
func listsOfAnn(t *testing.T, verdicts []detect.Verdict, days int, lists map[int]int) []detect.Episode {
	t.Helper()
	site := corp()
	site.Verdicts = verdicts
	e := newEngine(t, shipped(t), site)
	for d := range days {
		at := noon + mail.Time(d)*aDay
		sending{from: "user:ann", at: at, every: 600, times: 8, to: "u%d@corp.example"}.feed(e, mail.LogID(2*d+1))
		sending{from: "user:ann", at: at + 7200, every: 30, times: lists[d], to: fmt.Sprintf("day%d-", d) + "%d@example.net"}.feed(e, mail.LogID(2*d+2))
	}
	e.Advance(endOfTime)
	list := e.Take().Episodes
	slices.SortFunc(list, func(a, b detect.Episode) int { return int(a.FirstFlagged - b.FirstFlagged) })
	return list
}

// A false alarm that recurs teaches what is usual; a hijack is found all the same, if
// later.
func TestVerdictTeaches(t *testing.T) {
	for _, tc := range []struct {
		every, verdicts, before, after int // Days between lists, false alarms that were told, episodes.
		plain, taught                  int // Recipients of an attack when it is accused, without verdicts and with them.
	}{
		{every: 2, verdicts: 1, before: 30, after: 1, plain: 6, taught: 47},
		{every: 3, verdicts: 2, before: 20, after: 2, plain: 6, taught: 138},
		{every: 28, verdicts: 1, before: 3, after: 3, plain: 6, taught: 7}, // Forgotten in four weeks: an allow-list entry fits.
	} {
		lists := map[int]int{}
		for d := 30; d < 90; d += tc.every {
			lists[d] = 60
		}
		found := listsOfAnn(t, nil, 90, lists)
		if len(found) != tc.before {
			t.Errorf("every %d days, without a verdict: got %d episodes; want %d", tc.every, len(found), tc.before)
		}
		var verdicts []detect.Verdict
		for n := range tc.verdicts {
			verdicts = append(verdicts, detect.Verdict{Submitter: ann, From: found[n].FirstFlagged, Until: found[n].LastFlagged})
			found = listsOfAnn(t, verdicts, 90, lists)
		}
		if len(found) != tc.after {
			t.Errorf("every %d days, with %d verdicts: got %d episodes; want %d", tc.every, tc.verdicts, len(found), tc.after)
		}
		lists[92] = 600
		for _, attacked := range []struct {
			verdicts []detect.Verdict
			want     int
		}{{nil, tc.plain}, {verdicts, tc.taught}} {
			found = listsOfAnn(t, attacked.verdicts, 93, lists)
			n := int(found[len(found)-1].FirstFlagged-noon-92*aDay-7200)/30 + 1
			// What is usual comes of logarithms: another processor may round them differently.
			if n < attacked.want-1 || n > attacked.want+1 {
				t.Errorf("every %d days, %d verdicts, attacked: got an accusation after %d recipients; want %d", tc.every, len(attacked.verdicts), n, attacked.want)
			}
		}
	}
}

// What goes on after a verdict is judged on its own, by what is usual without it.
func TestVerdictEndsEpisode(t *testing.T) {
	lists := map[int]int{30: 600} // Over five hours.
	whole := listsOfAnn(t, nil, 31, lists)
	if len(whole) != 1 || whole[0].Recipients != 600 {
		t.Fatalf("got %+v; want one episode of 600 recipients", whole)
	}
	until := whole[0].FirstFlagged + 3600
	both := listsOfAnn(t, []detect.Verdict{{Submitter: ann, From: whole[0].FirstFlagged, Until: until}}, 31, lists)
	if len(both) != 2 {
		t.Fatalf("got %+v; want two episodes", both)
	}
	if first := both[0]; first.FirstFlagged != whole[0].FirstFlagged || first.LastFlagged > until {
		t.Errorf("got the first episode from %s to %s; want it from %s to %s at the latest", first.FirstFlagged, first.LastFlagged, whole[0].FirstFlagged, until)
	}
	if second := both[1]; second.Start <= until || second.FirstFlagged < until+4*30 {
		t.Errorf("got the second episode from %s on, flagged %s; want that it needs proof from after %s", second.Start, second.FirstFlagged, until)
	}
	if n := both[0].Recipients + both[1].Recipients; n < 590 || n > 600 {
		t.Errorf("got %d recipients of both; want those of the whole but few between", n)
	}
	other := mail.Submitter{Kind: mail.KindUser, Value: "bob"}
	if got := listsOfAnn(t, []detect.Verdict{{Submitter: other, From: whole[0].FirstFlagged, Until: until}}, 31, lists); len(got) != 1 {
		t.Errorf("a verdict about somebody else: got %+v; want the one episode", got)
	}
}
