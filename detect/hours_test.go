package detect

import (
	"testing"
	"time"

	"relaywatch/mail"
)

func TestOffHours(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	for _, c := range []struct {
		hours Hours
		at    string
		want  bool
	}{
		{Hours{}, "2026-03-04T06:59:59Z", true},
		{Hours{}, "2026-03-04T07:00:00Z", false},
		{Hours{}, "2026-03-04T18:59:59Z", false},
		{Hours{}, "2026-03-04T19:00:00Z", true},
		{Hours{}, "2026-03-07T12:00:00Z", true},              // A Saturday.
		{Hours{Zone: london}, "2026-07-01T06:30:00Z", false}, // 07:30 in summer.
		{Hours{Zone: london}, "2026-01-07T06:30:00Z", true},
		{Hours{Holidays: []string{"2026-03-04"}}, "2026-03-04T12:00:00Z", true},
		{Hours{Zone: london, Holidays: []string{"2026-07-02"}}, "2026-07-01T23:30:00Z", true},
		{Hours{Business: "mon-fri 07:00-19:00, sat 08:00-12:00"}, "2026-03-07T11:59:00Z", false},
		{Hours{Business: "Fri-Mon 00:00-24:00"}, "2026-03-08T23:59:00Z", false}, // Over the weekend.
		{Hours{Business: "fri-mon 00:00-24:00"}, "2026-03-10T12:00:00Z", true},
	} {
		calendar, err := newCalendar(c.hours)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // The second time from what was kept.
			if got := calendar.offHours(mail.Of(at)); got != c.want {
				t.Errorf("%+v at %s: got off hours %v; want %v", c.hours, c.at, got, c.want)
			}
		}
	}
}

func TestWrongHours(t *testing.T) {
	for _, c := range []struct {
		hours Hours
		want  string
	}{
		{Hours{Business: "07:00-19:00"}, `business hours "07:00-19:00": want days and hours (write them as mon-fri 07:00-19:00)`},
		{Hours{Business: "mon-fry 07:00-19:00"}, `business hours "mon-fry 07:00-19:00": no such days "mon-fry" (write them as mon-fri or sat)`},
		{Hours{Business: "mon 22:00-06:00"}, `business hours "mon 22:00-06:00": no such hours "22:00-06:00" (write them as 07:00-19:00; over midnight, as two)`},
		{Hours{Holidays: []string{"25.12.2026"}}, `holiday "25.12.2026": no such day (write it as 2026-12-25)`},
	} {
		if _, err := newCalendar(c.hours); err == nil || err.Error() != c.want {
			t.Errorf("%+v: got %v; want %s", c.hours, err, c.want)
		}
	}
}
