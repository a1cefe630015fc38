package traffic

import (
	"cmp"
	"time"
)

// busySpam is the share of deliveries of spam that remote servers put off;
// unknownSpam that of its recipients who do not exist, where an attack says
// nothing of it.
const (
	busySpam    = 0.3
	unknownSpam = 0.12
)

// Write writes the log rows of sessions, ordinary ones and attacks, with the
// server's own deliveries, to the folder dir. Sessions that overlap Down come after
// it. The Scene has the names of the files without their contents, and one Spammer
// for each Case. Balanced is done here. The sessions stay as they are, and may be written again.
func (w *World) Write(dir string, sessions []*Session) (Scene, error) {
	sessions = w.balanced(append(w.retried(sessions), w.reports(sessions)...))
	byStart(sessions)
	var folders []*folder
	var err error
	if w.Server == "exchange" {
		folders, err = w.writeExchange(dir, sessions)
	} else {
		folders, err = w.writeIIS(dir, sessions)
	}
	scene := Scene{Spammers: truth(sessions, cases(sessions)...)}
	for _, f := range folders {
		scene.Files = append(scene.Files, f.files...)
	}
	return scene, err
}

func (w *World) writeIIS(dir string, sessions []*Session) ([]*folder, error) {
	log := &iisLog{}
	f := &folder{
		dir: dir, rows: &log.rows,
		name: func(at time.Time) string { return "ex" + at.Format("060102") + ".log" },
		head: iisHead,
	}
	if !w.Down.From.IsZero() { // The service is started anew.
		log.add(w.Down.Until, append(log.begin(), iisHead(w.Down.Until)...))
	}
	c := newChance(w.Seed, "world deliveries")
	for _, s := range sessions {
		if err := f.flush(s.Start); err != nil {
			return nil, err
		}
		log.session(s)
		for _, d := range w.deliveries(c, s) {
			log.delivery(d)
		}
	}
	return []*folder{f}, f.close()
}

func (w *World) writeExchange(dir string, sessions []*Session) ([]*folder, error) {
	server := newExServer()
	front, send := &exLog{server: server}, &exLog{server: server}
	folders := []*folder{
		exFolder(dir, front, "FrontEnd/ProtocolLog/SmtpReceive", "RECV", "SMTP Receive Protocol Log"),
		exFolder(dir, send, "Hub/ProtocolLog/SmtpSend", "SEND", "SMTP Send Protocol Log"),
	}
	c := newChance(w.Seed, "world deliveries")
	for _, s := range sessions {
		for _, f := range folders {
			if err := f.flush(s.Start); err != nil {
				return nil, err
			}
		}
		front.frontSession(s)
		for _, d := range w.deliveries(c, s) {
			send.delivery(d)
		}
	}
	for _, f := range folders {
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// reports are messages that come back to the senders of attacks: of recipients who do
// not exist, some remote servers report so after they took the mail, as in post.bounces.
func (w *World) reports(sessions []*Session) []*Session {
	c := newChance(w.Seed, "world reports")
	var all []*Session
	for _, s := range sessions {
		if s.Case.Name == "" {
			continue
		}
		for i := range s.Messages {
			m := &s.Messages[i]
			for _, r := range m.To {
				if r.Reply != 250 || own(r.Path) || !own(m.From) || !c.odds(cmp.Or(s.Unknown, unknownSpam)*lateBounces) {
					continue
				}
				if back := w.gateway(c, s.End.Add(c.span(20*time.Second, time.Hour)), "", m.From); back != nil {
					all = append(all, back)
				}
			}
		}
	}
	return all
}

// deliveries are what the server sends out for one session.
func (w *World) deliveries(c chance, s *Session) []*Delivery {
	if s.Case.Name != "" {
		return deliver(c, s, unknownSpam, busySpam)
	}
	all := deliver(c, s, 0, 0)
	for _, d := range all {
		for i := range d.To {
			if w.outsiders.gone[d.To[i].Path] {
				d.To[i].Reply = 550
			}
		}
	}
	return all
}

// cases are the names of the cases in sessions, in the order of their first mail.
func cases(sessions []*Session) []string {
	var names []string
	for _, s := range sessions {
		if s.Case.Name != "" && (len(names) == 0 || names[len(names)-1] != s.Case.Name) {
			names = append(names, s.Case.Name)
		}
	}
	return unique(names)
}

// exFolder is the folder of an Exchange log.
func exFolder(dir string, log *exLog, path, prefix, kind string) *folder {
	return &folder{
		dir: dir, rows: &log.rows, name: exPath(path, prefix),
		head: func(at time.Time) string { return exHead(kind, at) },
	}
}
