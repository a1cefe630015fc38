package ingest

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // Windows has no zones where Go looks.

	"relaywatch/mail"
)

// london has a summer time that ends on 25 October 2026.
func london(t *testing.T) Calendar {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	must(t, err)
	return Calendar{Zone: zone, Holidays: []string{"2026-11-02"}}
}

// Ways in which servers write: the share of minutes with rows.
func officeHours(local time.Time, holiday bool) float64 {
	if day := local.Weekday(); holiday || day == time.Saturday || day == time.Sunday || local.Hour() < 8 || local.Hour() >= 18 {
		return 0
	}
	return 0.5
}

func allDay(time.Time, bool) float64 { return 0.7 }

// seldom has two rows an hour by day, one in three hours at night and weekends.
func seldom(local time.Time, holiday bool) float64 {
	if officeHours(local, holiday) > 0 {
		return 2. / 60
	}
	return 1. / 180
}

// hoursAndNights is busy in office hours, and writes a little at other times.
func hoursAndNights(local time.Time, holiday bool) float64 {
	return max(officeHours(local, holiday), 0.02)
}

// written is the server's rows from a time up to another one, with work that begins
// and ends up to 20 minutes earlier or later each day.
func writes(r *Rhythm, c Calendar, seed uint64, share func(time.Time, bool) float64, from, to mail.Time) (last mail.Time) {
	random := rand.New(rand.NewPCG(seed, uint64(from)))
	shift, day := time.Duration(0), -1
	for at := from; at < to; at += 60 {
		local := c.local(at)
		if local.YearDay() != day {
			shift, day = time.Duration(random.IntN(41)-20)*time.Minute, local.YearDay()
		}
		if random.Float64() < share(local.Add(shift), c.holiday(at)) {
			last = at + mail.Time(random.IntN(60))
			r.Saw(last)
		}
	}
	return last
}

func moment(t *testing.T, c Calendar, text string) mail.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, c.local(0).Location())
	must(t, err)
	return mail.Of(at)
}

// A server that falls silent is noticed within its own rhythm.
func TestSilenceNoticed(t *testing.T) {
	c := london(t)
	cases := []struct {
		name   string
		share  func(time.Time, bool) float64
		from   string // Its first row.
		silent string // No row from then on.
		early  string // Not unusual yet.
		late   string // Unusual.
		usual  time.Duration
	}{
		{"at work", officeHours, "2026-09-21 00:00", "2026-11-03 10:12", "2026-11-03 10:25", "2026-11-03 11:00", 15 * time.Minute},
		{"over the weekend", officeHours, "2026-09-21 00:00", "2026-11-06 17:00", "2026-11-09 08:30", "2026-11-09 10:00", 15 * time.Minute},
		{"over a weekend and a holiday", officeHours, "2026-09-21 00:00", "2026-10-30 17:00", "2026-11-03 08:30", "2026-11-03 10:00", 15 * time.Minute},
		{"all day long, at night", allDay, "2026-09-21 00:00", "2026-11-04 02:30", "2026-11-04 02:50", "2026-11-04 03:15", 10 * time.Minute},
		{"all day long, on a holiday", allDay, "2026-09-21 00:00", "2026-11-02 02:30", "2026-11-02 02:50", "2026-11-02 03:15", 10 * time.Minute},
		{"busy by day, at work", hoursAndNights, "2026-09-21 00:00", "2026-11-05 13:00", "2026-11-05 13:20", "2026-11-05 14:30", 30 * time.Minute},
		{"seldom", seldom, "2026-09-21 00:00", "2026-11-03 08:30", "2026-11-03 11:00", "2026-11-05 12:00", 16 * time.Hour},
		{"after the change to winter time", officeHours, "2026-09-21 00:00", "2026-10-26 10:12", "2026-10-26 10:25", "2026-10-26 11:15", 15 * time.Minute},
		{"in the second week", officeHours, "2026-11-02 00:00", "2026-11-12 10:12", "2026-11-12 10:25", "2026-11-12 11:15", 15 * time.Minute},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(5) {
				r := &Rhythm{}
				last := writes(r, c, seed, tt.share, moment(t, c, tt.from), moment(t, c, tt.silent))
				if early := r.Silence(last, moment(t, c, tt.early), c); early.Unusual || early.Learning() {
					t.Errorf("seed %d, at %s: got %+v; want that it is known and usual", seed, tt.early, early)
				}
				late := r.Silence(last, moment(t, c, tt.late), c)
				if !late.Unusual || late.Since != last || late.Lasts != moment(t, c, tt.late).Sub(last) {
					t.Errorf("seed %d, at %s: got %+v; want that it is unusual", seed, tt.late, late)
				}
				if late.Usual <= 0 || late.Usual > tt.usual {
					t.Errorf("seed %d: got %v usual at this time; want at most %v", seed, late.Usual, tt.usual)
				}
			}
		})
	}
}

// No silence of an ordinary server is unusual, by night, at weekends, on holidays and
// when the clocks change; and none in the first week.
func TestSilenceUsual(t *testing.T) {
	c := london(t)
	from, to := moment(t, c, "2026-09-21 00:00"), moment(t, c, "2026-11-16 00:00")
	for name, share := range map[string]func(time.Time, bool) float64{
		"office hours": officeHours, "all day": allDay, "seldom": seldom, "office hours and nights": hoursAndNights,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				whole, r := &Rhythm{}, &Rhythm{}
				last := mail.Time(0)
				for week := from; week < to; week += weekMinutes * 60 { // As far as the memory reaches.
					writes(whole, c, seed, share, week, week+weekMinutes*60)
					whole.each(int64(week)/60, int64(week)/60+weekMinutes, func(minute int64) {
						at := mail.Time(minute * 60)
						// A silence is most unusual at its end.
						if at.Sub(last) > shortSilence && last > 0 {
							s := r.Silence(last, at-1, c)
							if s.Unusual {
								t.Errorf("seed %d, %v: got %+v; want that it is usual", seed, c.local(at), s)
							}
							if learning := at-1 < mail.Time(int64(from)).Add(learningTime); learning && !s.Learning() {
								t.Errorf("seed %d, %v: got %+v; want that it learns", seed, c.local(at), s)
							}
						}
						r.Saw(at)
						last = at
					})
				}
			}
		})
	}
}

// An outage does not count as usual from then on.
func TestSilenceAfterOutage(t *testing.T) {
	c := london(t)
	r := &Rhythm{}
	writes(r, c, 1, officeHours, moment(t, c, "2026-09-21 00:00"), moment(t, c, "2026-10-20 09:00"))
	last := writes(r, c, 2, officeHours, moment(t, c, "2026-10-20 15:00"), moment(t, c, "2026-10-27 10:12"))
	if s := r.Silence(last, moment(t, c, "2026-10-27 11:15"), c); !s.Unusual || s.Usual > 15*time.Minute {
		t.Errorf("got %+v; want that it is unusual, and 15 min at most are usual", s)
	}
}

// A rhythm forgets what is older than four weeks, and takes rows in any order.
func TestRhythmMemory(t *testing.T) {
	start := mail.Time(1_790_000_000)
	var inOrder, mixed Rhythm
	random := rand.New(rand.NewPCG(1, 1))
	var times []mail.Time
	for range 2000 {
		times = append(times, start+mail.Time(random.Int64N(70*24*3600)))
	}
	var newest mail.Time
	for _, at := range times {
		mixed.Saw(at)
		newest = max(newest, at)
	}
	inOrder.Saw(newest)
	want := map[int64]bool{}
	for _, at := range times {
		if int64(at)/60 > int64(newest)/60-memoryMinutes {
			inOrder.Saw(at)
			want[int64(at)/60] = true
		}
	}
	if mixed != inOrder {
		t.Error("the order of rows makes a difference")
	}
	got := 0
	mixed.each(0, 1<<40, func(minute int64) {
		got++
		if !want[minute] {
			t.Errorf("got minute %d without rows", minute)
		}
	})
	if got != len(want) {
		t.Errorf("got %d minutes with rows; want %d", got, len(want))
	}
}
