package traffic

import (
	"os"
	"path/filepath"
	"time"
)

// Write writes the log rows of sessions, ordinary ones and attacks, with the
// server's own deliveries, to the folder dir. The Scene has the names of the files
// without their contents, and one Spammer for each Case in the sessions.
func (w *World) Write(dir string, sessions []*Session) (Scene, error) {
	byStart(sessions)
	var files []File
	if w.Server == "exchange" {
		server := newExServer()
		front, send := &exLog{server: server}, &exLog{server: server}
		for _, s := range sessions {
			front.frontSession(s)
		}
		for _, d := range deliveries(w.Seed, sessions, 0.12, 0.3) {
			send.delivery(d)
		}
		files = append(front.hourly("FrontEnd/ProtocolLog/SmtpReceive", "RECV", "SMTP Receive Protocol Log"),
			send.hourly("Hub/ProtocolLog/SmtpSend", "SEND", "SMTP Send Protocol Log")...)
	} else {
		log := &iisLog{}
		for _, s := range sessions {
			log.session(s)
		}
		for _, d := range deliveries(w.Seed, sessions, 0.12, 0.3) {
			log.delivery(d)
		}
		log.sort()
		files = log.files(
			func(at time.Time) string { return "ex" + at.Format("060102") + ".log" },
			func(f *File, at time.Time) { f.Data = append(f.Data, iisHead(at)...) },
		)
	}
	scene := Scene{Spammers: truth(sessions, cases(sessions)...)}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return Scene{}, err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return Scene{}, err
		}
		scene.Files = append(scene.Files, File{Path: f.Path})
	}
	return scene, nil
}

// cases are the names of the cases in sessions, in the order of their first mail.
func cases(sessions []*Session) []string {
	var names []string
	for _, s := range sessions {
		if s.Case.Name != "" {
			names = append(names, s.Case.Name)
		}
	}
	return unique(names)
}
