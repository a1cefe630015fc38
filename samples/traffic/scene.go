package traffic

import (
	"slices"
	"time"
)

// Scene is the logs of a scene and what is true about it.
type Scene struct {
	Files    []File
	Spammers []Spammer
}

// firstDay is a Tuesday, in winter time, so that London's clock is UTC.
var firstDay = time.Date(2026, time.November, 3, 0, 0, 0, 0, time.UTC)

// DemoSeed is the seed of the logs in samples/, DemoDays how many days they hold.
const (
	DemoSeed = 1
	DemoDays = 4
)

func daysFrom(first time.Time, n int) []time.Time {
	var days []time.Time
	for i := range n {
		days = append(days, first.AddDate(0, 0, i))
	}
	return days
}

// IIS is the folder of the IIS server MAIL01 over a number of days from Tuesday,
// 2026-11-03. The slow spammer works on the second day, the infected workstation
// on the third, the open relay is found on the fourth.
func IIS(seed uint64, days int) Scene {
	o := &office{seed: seed, days: daysFrom(firstDay, days)}
	o.people = staff(newChance(seed, "staff"), 0, 40, "10.1.4", "10.1.7")
	o.people[6].IP, o.people[6].Host = "10.1.4.7", "WS-RECEPTION"
	sessions := o.sessions()
	list := newStrangers(seed)
	for i, day := range o.days {
		switch i {
		case 1:
			sessions = append(sessions, slowWorkstation(seed, list, &o.people[11], day)...)
		case 2:
			sessions = append(sessions, infectedWorkstation(seed, list, day)...)
		case 3:
			sessions = append(sessions, openRelayHit(seed, list, day)...)
		}
	}
	log := &iisLog{}
	byStart(sessions)
	for _, s := range sessions {
		log.session(s)
	}
	for _, d := range deliveries(seed, sessions, 0.12, 0.45) {
		log.delivery(d)
	}
	log.sort()
	return Scene{log.daily(), truth(sessions, infected.Name, slow.Name, openRelay.Name)}
}

func byStart(sessions []*Session) {
	slices.SortStableFunc(sessions, func(a, b *Session) int { return a.Start.Compare(b.Start) })
}

// restart is a moment of the second day at which the service was started anew: the
// header stands again in mid-file.
const restart = 24*time.Hour + 13*time.Hour + 4*time.Minute

// daily are the files of an IIS log folder with daily rotation.
func (l *iisLog) daily() []File {
	at := firstDay.Add(restart)
	if n := len(l.all); n > 0 && l.all[n-1].at.After(at) {
		l.add(at, append(l.begin(), iisHead(at)...))
		l.sort()
	}
	return l.files(
		func(at time.Time) string { return "ex" + at.Format("060102") + ".log" },
		func(f *File, at time.Time) { f.Data = append(f.Data, iisHead(at)...) },
	)
}
