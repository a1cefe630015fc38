package detect_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"relaywatch/mail"
)

// anyBack tells of each recipient that comes back.
const anyBack = "submitters: [ip, user, sender]\nfrom: any\nwindow: 24h\nwhen: refused_deliveries >= 1 || deferred_deliveries >= 1\nweight: 50\nlevel: alert\nsays: got {refused_deliveries} back and {deferred_deliveries} deferred"

// mailed is one recipient that a submitter had accepted, seconds after noon.
func mailed(from string, after mail.Time, path, to mail.Path) mail.Transaction {
	who, _ := mail.ParseSubmitter(from)
	pos := mail.LogPos{Log: 9, Offset: int64(after) * 100}
	t := mail.Transaction{
		Pos: pos, At: noon + after, ServerIP: "10.0.0.25", ClientIP: who.Value, ReversePath: path, SizeBytes: -1,
		Recipients: []mail.Recipient{{Pos: mail.LogPos{Log: 9, Offset: pos.Offset + 1}, At: noon + after, Path: to, Reply: 250}},
	}
	if who.Kind == mail.KindUser {
		t.User, t.Authenticated, t.ClientIP = who.Value, true, "10.1.1.1"
	}
	return t
}

// answered is what a remote server replied, seconds after noon.
func answered(after mail.Time, path, to mail.Path, reply int) mail.Delivery {
	d := mail.Delivery{
		Pos: mail.LogPos{Log: 1, Offset: int64(after)*1000 + int64(reply)}, At: noon + after - 1, RepliedAt: noon + after,
		ReversePath: path, Recipient: to, Reply: reply, Outcome: mail.Deferred,
	}
	switch reply / 100 {
	case 2:
		d.Outcome = mail.Delivered
	case 5:
		d.Outcome = mail.RefusedThere
	}
	return d
}

// What comes back is told of whoever submitted it: by reverse-path and recipient, the
// latest within a day, and of each recipient of a submitter once.
func TestWhoseMailComesBack(t *testing.T) {
	const ann, bob, out mail.Path = "ann@corp.example", "bob@corp.example", "u@example.net"
	rules := loadText(t, map[string]string{"any": anyBack})
	for _, c := range []struct {
		name    string
		mailed  []mail.Transaction
		answers []mail.Delivery
		want    []string // Who, and how much came back at the last.
	}{
		{"refused", []mail.Transaction{mailed("user:ann", 0, ann, out)}, []mail.Delivery{answered(60, ann, out, 550)}, []string{"ann got 1 back and 0 deferred."}},
		{"in the same second, as a log tells that sorts before", []mail.Transaction{mailed("user:ann", 60, ann, out)}, []mail.Delivery{answered(60, ann, out, 550)}, []string{"ann got 1 back and 0 deferred."}},
		{"before it was mailed", []mail.Transaction{mailed("user:ann", 61, ann, out)}, []mail.Delivery{answered(60, ann, out, 550)}, nil},
		{"delivered", []mail.Transaction{mailed("user:ann", 0, ann, out)}, []mail.Delivery{answered(60, ann, out, 250)}, nil},
		{
			"deferred again and again, then refused",
			[]mail.Transaction{mailed("user:ann", 0, ann, out)},
			[]mail.Delivery{answered(60, ann, out, 451), answered(960, ann, out, 451), answered(1860, ann, out, 550)},
			[]string{"ann got 1 back and 1 deferred."},
		},
		{
			"taken by a smart host, then refused",
			[]mail.Transaction{mailed("user:ann", 0, ann, out)},
			[]mail.Delivery{answered(60, ann, out, 250), answered(61, ann, out, 550)},
			[]string{"ann got 1 back and 0 deferred."},
		},
		{"a day later", []mail.Transaction{mailed("user:ann", 0, ann, out)}, []mail.Delivery{answered(86_400, ann, out, 550)}, nil},
		{"a second less than a day later", []mail.Transaction{mailed("user:ann", 0, ann, out)}, []mail.Delivery{answered(86_399, ann, out, 550)}, []string{"ann got 1 back and 0 deferred."}},
		{
			"the same recipient twice",
			[]mail.Transaction{mailed("user:ann", 0, ann, out), mailed("user:ann", 10, ann, out)},
			[]mail.Delivery{answered(60, ann, out, 550), answered(61, ann, out, 550), answered(62, ann, out, 550)},
			[]string{"ann got 1 back and 0 deferred."},
		},
		{
			"two who send under one reverse-path: the latest, then the other",
			[]mail.Transaction{mailed("user:ann", 0, ann, out), mailed("ip:10.1.4.7", 10, ann, out)},
			[]mail.Delivery{answered(60, ann, out, 550)},
			[]string{"10.1.4.7 got 1 back and 0 deferred."},
		},
		{
			"both",
			[]mail.Transaction{mailed("user:ann", 0, ann, out), mailed("ip:10.1.4.7", 10, ann, out)},
			[]mail.Delivery{answered(60, ann, out, 550), answered(70, ann, out, 550)},
			[]string{"10.1.4.7 got 1 back and 0 deferred.", "ann got 1 back and 0 deferred."},
		},
		{"another reverse-path", []mail.Transaction{mailed("user:ann", 0, ann, out), mailed("user:bob", 1, bob, out)}, []mail.Delivery{answered(60, ann, out, 550)}, []string{"ann got 1 back and 0 deferred."}},
		{"nobody's", nil, []mail.Delivery{answered(60, ann, out, 550)}, nil},
		{"mail to our own", []mail.Transaction{mailed("user:ann", 0, ann, bob)}, []mail.Delivery{answered(60, ann, bob, 550)}, nil},
		{"a bounce", []mail.Transaction{mailed("ip:10.1.4.7", 0, "", out)}, []mail.Delivery{answered(60, "", out, 550)}, nil},
		{"the internet's mail, forwarded", []mail.Transaction{mailed("ip:10.0.0.9", 0, "x@example.org", out)}, []mail.Delivery{answered(60, "x@example.org", out, 550)}, nil},
		{"refused at RCPT already", []mail.Transaction{refusedAtOnce(mailed("user:ann", 0, ann, out))}, []mail.Delivery{answered(60, ann, out, 550)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, rules, corp())
			for _, tx := range c.mailed {
				e.Transaction(tx)
			}
			for _, d := range c.answers {
				e.Delivery(d)
			}
			e.Advance(endOfTime)
			var got []string
			for _, f := range e.Take().Findings {
				got = append(got, f.Sentence)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func refusedAtOnce(t mail.Transaction) mail.Transaction {
	t.Recipients[0].Reply = 550
	return t
}

// A finding by deliveries alone begins with the mail that came back, so that its
// episode counts it, and its proof are the rows of the deliveries.
func TestFindingOfDeliveries(t *testing.T) {
	e := newEngine(t, shipped(t), corp())
	var rows []mail.LogPos
	for k := range 12 {
		to := mail.Path("gone" + string(rune('a'+k)) + "@example.net")
		e.Transaction(mailed("user:ann", mail.Time(k), "ann@corp.example", to))
		d := answered(7200+mail.Time(k), "ann@corp.example", to, 550)
		rows = append(rows, d.Pos)
		e.Delivery(d)
	}
	e.Advance(endOfTime)
	j := e.Take()
	if len(j.Episodes) != 1 || len(j.Findings) != 1 {
		t.Fatalf("got %d episodes, findings %v; want one of refused-deliveries", len(j.Episodes), j.Findings)
	}
	ep, f := j.Episodes[0], j.Findings[0]
	if ep.Recipients != 12 || ep.Start != noon || f.WindowStart != noon || f.FlaggedAt <= noon+7200 {
		t.Errorf("got %d recipients since %s, flagged at %s; want all 12 since the first was mailed, flagged later", ep.Recipients, ep.Start, f.FlaggedAt)
	}
	proof := f.Evidence.Rows
	if len(proof) < 5 || !slices.Equal(proof, rows[:len(proof)]) {
		t.Errorf("got proof %v; want the first of %v", proof, rows)
	}
	if wrong := ruleNamed(t, shipped(t), f.Rule).Audit(&f); len(wrong) > 0 {
		t.Errorf("got %v; want nothing wrong", wrong)
	}
}

// What is late never delays: of a list that is found without its deliveries, no alert
// comes later with them, whatever becomes of it.
func TestDeliveriesDelayNothing(t *testing.T) {
	first := func(share int) mail.Time {
		e := newEngine(t, shipped(t), corp())
		for day := range mail.Time(20) {
			for k := range mail.Time(12) {
				e.Transaction(mailed("user:ann", day*86_400+k*600, "ann@corp.example", mail.Path("c"+string(rune('a'+k))+"@example.org")))
			}
		}
		for k := range 60 {
			to := mail.Path("u" + string(rune('a'+k%26)) + string(rune('a'+k/26)) + "@example.net")
			at := 20*86_400 + mail.Time(k)*60
			e.Transaction(mailed("user:ann", at, "ann@corp.example", to))
			reply := 250
			if k%10 < share {
				reply = 550
			}
			if share >= 0 {
				e.Delivery(answered(at+20, "ann@corp.example", to, reply))
			}
		}
		e.Advance(endOfTime)
		for _, f := range e.Take().Findings {
			if f.Rule == "external-list" {
				return f.FlaggedAt
			}
		}
		t.Fatalf("got no finding of external-list with %d in 10 refused; want one", share)
		return 0
	}
	without := first(-1)
	if got := first(0); got != without {
		t.Errorf("all delivered: got it at %s; want %s", got, without)
	}
	if got := first(5); got >= without {
		t.Errorf("half refused: got it at %s; want it before %s", got, without)
	}
}
