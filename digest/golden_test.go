package digest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

var london = func() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(err)
	}
	return zone
}()

func at(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, london) }

func ptr[T any](v T) *T { return &v }

// quietDay is a day on which all is well.
func quietDay() *Day {
	return &Day{
		Date: "2026-11-24", From: at(23, 7, 30), Until: at(24, 7, 30), Made: at(24, 7, 30).Add(2 * time.Second),
		Servers: []string{"MAIL01"}, Host: "loghost", Version: "1.2.0",
		Health: Health{QuarantinedNew: -1},
		Seen:   Seen{Logs: 3, Rows: 48112, Messages: 3211, Recipients: 9208, Newest: at(24, 7, 28)},
	}
}

// night is a chart with spam in one hour.
func night(hour, n int) Chart {
	c := Chart{Start: at(23, 7, 0), StepHours: 1, Counts: make([]int, 25), Usual: make([]float64, 25), Days: 14}
	for i := range 11 {
		c.Counts[i] = 3 + i%4
		c.Usual[i] = float64(4 + i%3)
	}
	c.Counts[(hour-7+24)%24] = n
	return c
}

// busyDay has suspects of all kinds, and everything else.
func busyDay() *Day {
	d := quietDay()
	d.Servers = []string{"MAIL01", "EX01"}
	worm := Suspect{
		Submitter: mail.Submitter{Kind: mail.KindIP, Value: "10.1.4.7"}, Severity: detect.Critical, State: "open", New: true,
		Why:   "10.1.4.7 mailed 600 different recipients within an hour, 600 of whom nobody here had mailed before; 100 % were outside.",
		Rules: []string{"recipient-fanout", "off-hours"}, Since: at(24, 2, 14), Flagged: at(24, 2, 15), Last: at(24, 2, 58),
		Recipients: 600, External: ptr(600), Transactions: 72,
		HELOs:        []Use{{"WS-RECEPTION", 600}},
		ReversePaths: []Use{{"ella.drew@post.example", 21}, {"j.osei@inbox.example", 20}, {"m.ruiz@post.example", 18}, {"n.ames@mail.example", 17}, {"", 2}},
		Clients:      []Use{{"10.1.4.7", 600}}, Servers: []Server{{Name: "MAIL01"}},
		Domains: []Domain{{"inbox.example", 212, false}, {"post.example", 190, false}, {"corp.example", 3, true}},
		Chart:   night(2, 600),
		Proof: []Row{
			{`C:\Windows\System32\LogFiles\SMTPSVC1\ex261124.log`, 29, 3120, "2026-11-24 02:14:25 10.1.4.7 WS-RECEPTION SMTPSVC1 MAIL01 10.0.0.20 0 RCPT - +TO:<clund378@inbox.example> 250 0 35 32 0 SMTP - - - -"},
			{`C:\Windows\System32\LogFiles\SMTPSVC1\ex261124.log`, 30, 3250, "2026-11-24 02:14:26 10.1.4.7 WS-RECEPTION SMTPSVC1 MAIL01 10.0.0.20 0 RCPT - +TO:<sven.norcott54@post.example> 250 0 40 37 0 SMTP - - - -"},
			{`C:\Windows\System32\LogFiles\SMTPSVC1\ex261123.log`, 0, 99, ""},
		},
		Advice: []string{"Take the host off the network, and look at what runs on it."},
	}
	guessed := Suspect{
		Submitter: mail.Submitter{Kind: mail.KindUser, Value: `corp\d.mercer`}, Severity: detect.High, State: "confirmed",
		Why:   `corp\d.mercer logged in after 40 failed logins within an hour.`,
		Rules: []string{"login-attack"}, Since: at(22, 3, 5), Flagged: at(22, 3, 5), Last: at(24, 3, 21),
		Recipients: 431, External: ptr(400), Transactions: 40,
		HELOs: []Use{{"[198.51.100.77]", 431}}, ReversePaths: []Use{{"d.mercer@corp.example", 431}},
		Clients: []Use{{"198.51.100.77", 431}}, Servers: []Server{{"EX01", true}},
		Domains: []Domain{{"example.net", 400, false}}, Chart: night(3, 40),
		Proof: []Row{{"/logs/RECV20261124-1.LOG", 812, 90000, `2026-11-24T03:05:30.112Z,EX01\Client Frontend EX01,08DE18E46C2D0001,12,10.0.0.30:587,198.51.100.77:59075,<,RCPT TO:<u1@example.net>,`}},
	}
	relay := Suspect{
		Submitter: mail.Submitter{Kind: mail.KindIP, Value: "203.0.113.66"}, Severity: detect.Critical, State: "closed", New: true,
		Why: "203.0.113.66 had the server relay from outside to outside without a login (recipients: 10).", Rules: []string{"open-relay"},
		Since: at(23, 8, 11), Flagged: at(23, 8, 11), Last: at(23, 8, 52), Recipients: 10, Transactions: 4,
		Servers: []Server{{"EX01", true}, {"MAIL01", false}}, Clients: []Use{{"203.0.113.66", 10}}, Accounts: []string{`corp\ann`},
		Chart: Chart{Start: at(23, 7, 0), StepHours: 1, Counts: []int{0, 10, 0}},
	}
	d.Suspects = []Suspect{worm, relay, guessed}
	d.Closed = []Closed{
		{Submitter: mail.Submitter{Kind: mail.KindIP, Value: "10.1.7.31"}, State: "closed", Since: at(22, 11, 19), Last: at(22, 17, 34), Recipients: 205},
		{Submitter: mail.Submitter{Kind: mail.KindIP, Value: "10.2.0.18"}, State: "false-alarm", Since: at(21, 1, 0), Last: at(23, 1, 5), Recipients: 64, Note: "backup report, moved"},
	}
	d.Silenced = []Silenced{{mail.Submitter{Kind: mail.KindIP, Value: "10.0.9.12"}, []string{"external-only", "recipient-fanout"}, "newsletter host, marketing"}}
	d.Ending = []Ending{{"ip:10.0.9.12", "newsletter host, marketing", time.Date(2026, 12, 1, 0, 0, 0, 0, london)}}
	d.Health.Quarantined, d.Health.QuarantinedNew = 14, 2
	d.Health.Blind = []Blind{{
		"telling parallel sessions of one host apart by HELO name", "no cs-username in 1 of 3 logs, as ex261124.log",
		"in IIS Manager, properties of the SMTP virtual server, General, Logging Properties, Advanced, tick User Name (cs-username)",
	}}
	for i := range 7 {
		d.Week = append(d.Week, WeekDay{Start: at(17+i, 7, 30), Messages: int64(3000 + 100*i), Recipients: int64(9000 + i), Suspects: i % 3, Reached: 100 * (i % 3)})
	}
	return d
}

// firstDay is the first mail of a store.
func firstDay() *Day {
	d := quietDay()
	d.First = true
	s := busyDay().Suspects[0]
	s.External = nil
	s.Chart.Usual, s.Chart.Days = nil, 0
	s.Severity = detect.Medium
	d.Suspects = []Suspect{s}
	d.Health.Blind = []Blind{{"open-relay, external-only, and what is outside", "network.own_domains is not set", "set network.own_domains in the configuration"}}
	return d
}

// troubleDay is a day without suspects that is not quiet: a log is silent, and the
// mail comes late, for three days.
func troubleDay() *Day {
	d := quietDay()
	d.From, d.Late, d.Made = at(21, 7, 30), true, at(24, 14, 5)
	d.Servers = []string{"EX01", "EX02", "MAIL01"}
	d.Health.Troubles = []Trouble{{
		"1 log silent", `The logs of MAIL01 in C:\Windows\System32\LogFiles\SMTPSVC1 have had no row since Sun 22 Nov 04:12.`,
		"see whether the SMTP service runs on MAIL01, and whether its logging is on.",
	}}
	d.Health.Notes = []string{"The mail of Sun 22 Nov was taken after 12 tries: connection refused."}
	return d
}

// blindDay is one of which nothing was read.
func blindDay() *Day {
	d := quietDay()
	d.Seen = Seen{Newest: at(22, 4, 12)}
	d.Health.Troubles = []Trouble{{"no log read", "No log had a row.", "see whether the agent runs: relaywatch status."}}
	return d
}

func TestGolden(t *testing.T) {
	for name, d := range map[string]*Day{"quiet": quietDay(), "busy": busyDay(), "first": firstDay(), "trouble": troubleDay(), "unwatched": blindDay()} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", []byte("Subject: "+d.Subject()+"\n\n"+d.Text()))
			page, err := d.HTML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".html", page)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (- want, + got; -update writes it anew):\n%s", name, diff)
	}
}

func TestJSON(t *testing.T) {
	data, err := busyDay().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Subject  string
		Suspects []struct {
			Submitter string
			Why       string
			Remedy    []Step
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Suspects) != 3 || got.Suspects[2].Submitter != `user:corp\d.mercer` || len(got.Suspects[0].Remedy) == 0 || got.Subject == "" {
		t.Errorf("got %s; want three suspects with their remedies", data)
	}
	if bytes.Contains(data, []byte(`null`)) && !bytes.Contains(data, []byte(`"external_recipients": null`)) {
		t.Errorf("got %s; want no null but an unknown number", data)
	}
}
