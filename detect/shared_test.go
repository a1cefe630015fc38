package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/detect"
	"relaywatch/mail"
)

// office is some weeks of ordinary mail: people who write to the same few, each from
// a host of its own or all from one.
type office struct {
	days   int
	people int
	hostOf func(person, day int) string
}

func (o office) transactions() []mail.Transaction {
	var all []mail.Transaction
	for day := range o.days {
		for n := range o.people * 6 {
			person := n % o.people
			at := noon + mail.Time(day*86400+n*20)
			all = append(all, letter(at, o.hostOf(person, day), person, fmt.Sprintf("c%d-%d@example.org", person, (n/o.people+day)%8)))
		}
	}
	return all
}

func letter(at mail.Time, host string, person int, to string) mail.Transaction {
	pos := mail.LogPos{Log: 1, Offset: int64(at) * 1000}
	return mail.Transaction{
		Pos: pos, At: at, ClientIP: host, ServerIP: "10.0.0.25", HELO: "pc", ReversePath: mail.Path(fmt.Sprintf("p%d@corp.example", person)),
		SizeBytes: 3000, EndAt: at, Outcome: mail.Accepted, Exact: true,
		Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 1, Offset: pos.Offset + 1}, At: at, Path: mail.Path(to), Reply: 250}},
	}
}

// attack are strangers that a person mails, a minute apart.
func attack(from mail.Time, host string, person, n int) []mail.Transaction {
	var all []mail.Transaction
	for i := range n {
		all = append(all, letter(from+mail.Time(i*60)+7, host, person, fmt.Sprintf("s%d@example.net", i)))
	}
	return all
}

func judgeAll(t *testing.T, parts ...[]mail.Transaction) detect.Judgement {
	t.Helper()
	e := newEngine(t, shipped(t), corp())
	for _, p := range parts {
		for i := range p {
			e.Transaction(p[i])
		}
	}
	e.Advance(endOfTime)
	return e.Take()
}

// A host that many share is not accused for one of them.
func TestSharedHost(t *testing.T) {
	const days = 20
	terminal := office{days, 15, func(int, int) string { return "10.0.5.10" }}
	j := judgeAll(t, terminal.transactions(), attack(noon+days*86400, "10.0.5.10", 3, 30))
	if diff := cmp.Diff([]string{"sender:p3@corp.example"}, accused(j)); diff != "" {
		t.Fatalf("accused (-want +got):\n%s", diff)
	}
	if got := j.Findings[len(j.Findings)-1].Evidence.Behind; got != "10.0.5.10" {
		t.Errorf("got behind %q; want the terminal server", got)
	}
}

// A host of one person is accused itself.
func TestOwnHost(t *testing.T) {
	const days = 20
	desks := office{days, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}
	j := judgeAll(t, desks.transactions(), attack(noon+days*86400, "10.1.1.4", 3, 30))
	if diff := cmp.Diff([]string{"ip:10.1.1.4"}, accused(j)); diff != "" {
		t.Fatalf("accused (-want +got):\n%s", diff)
	}
}

// Addresses of clients change: who mailed these people before is no stranger to them.
func TestAddressChanges(t *testing.T) {
	moving := office{40, 15, func(person, day int) string { return fmt.Sprintf("10.1.%d.%d", day, person+1) }}
	if got := accused(judgeAll(t, moving.transactions())); len(got) > 0 {
		t.Errorf("got %v accused; want nobody", got)
	}
}

// What runs at a workstation has no password: it mails without a login, under the
// address of somebody who logs in. The host never mailed, but whose mail it would be is
// known, and so is what that person's recipients are.
func TestWorkstationOfAnAccount(t *testing.T) {
	const days = 20
	login := func(ts []mail.Transaction) []mail.Transaction {
		for i := range ts {
			ts[i].User, ts[i].Authenticated = strings.TrimSuffix(string(ts[i].ReversePath), "@corp.example"), true
		}
		return ts
	}
	desks := login(office{days, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions())
	const host, begin = "10.1.1.4", noon + days*86400
	var list []mail.Transaction // Two of five are known to others here.
	for i := range 60 {
		to := fmt.Sprintf("s%d@example.net", i)
		if i%5 < 2 {
			to = fmt.Sprintf("c%d-%d@example.org", 4+i/5%11, i%8)
		}
		list = append(list, letter(begin+mail.Time(i*60)+7, host, 3, to))
	}
	if diff := cmp.Diff([]string{"ip:" + host}, accused(judgeAll(t, desks, list))); diff != "" {
		t.Errorf("a list, accused (-want +got):\n%s", diff)
	}
	var own []mail.Transaction
	for i := range 60 {
		own = append(own, letter(begin+mail.Time(i*60)+7, host, 3, fmt.Sprintf("c3-%d@example.org", i%8)))
	}
	if got := accused(judgeAll(t, desks, own)); len(got) > 0 {
		t.Errorf("the person's own mail: got %v accused; want nobody", got)
	}
}

// Somebody who only ever read writes to strangers all of a sudden: that is a person's
// mailbox, not a new program's.
func TestReaderWhoBeginsToWrite(t *testing.T) {
	const days = 20
	for _, tc := range []struct {
		reads bool
		want  []string
	}{{true, []string{"ip:10.1.1.99"}}, {false, []string{}}} {
		desks := office{days, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions()
		if tc.reads {
			desks = append(desks, letter(noon+(days-1)*86400+15000, "10.1.1.2", 1, "p99@corp.example"))
		}
		sent := attack(noon+days*86400, "10.1.1.99", 99, 40)
		if diff := cmp.Diff(tc.want, accused(judgeAll(t, desks, sent))); diff != "" {
			t.Errorf("reads: %v: accused (-want +got):\n%s", tc.reads, diff)
		}
	}
}

// A shop writes to new customers all day from the log's first row on. On that day its
// reverse-path is new like everything; that it is used again tells nothing afterwards.
func TestShopThatIsThereFromTheFirstRow(t *testing.T) {
	for _, path := range []mail.Path{"orders@corp.example", "orders@shop.example"} {
		desks := office{20, 15, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions()
		begin := desks[0].At - 43200 // Midnight.
		var shop []mail.Transaction
		for n := range 20 * 150 {
			l := letter(begin+mail.Time(n*86400/150)+11, "10.2.0.10", 0, fmt.Sprintf("k%d@example.net", n))
			l.ReversePath = path
			shop = append(shop, l)
		}
		if got := accused(judgeAll(t, desks, shop)); len(got) > 0 {
			t.Errorf("as %s: got %v accused; want nobody", path, got)
		}
	}
}

// A log that begins at noon has not seen who mails at night: on its second day nobody's
// customers are strangers yet.
func TestLogThatBeginsAtNoon(t *testing.T) {
	desks := office{5, 60, func(person, _ int) string { return fmt.Sprintf("10.1.1.%d", person+1) }}.transactions()
	first := letter(noon+3600, "10.2.0.13", 0, "admin@corp.example")
	first.ReversePath = "reports@corp.example"
	var reports []mail.Transaction
	for n := range 70 {
		l := letter(noon+14*3600+mail.Time(n*8), "10.2.0.13", 0, fmt.Sprintf("k%d@example.net", n))
		l.ReversePath = "reports@corp.example"
		reports = append(reports, l)
	}
	if got := accused(judgeAll(t, desks, []mail.Transaction{first}, reports)); len(got) > 0 {
		t.Errorf("got %v accused; want nobody", got)
	}
}
