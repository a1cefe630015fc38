package detect

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"relaywatch/mail"
)

// all wants every signal to be measured.
func all(lengths ...mail.Time) *layout {
	l := &layout{logs: &logs{number: map[mail.LogID]uint32{}}}
	for _, length := range lengths {
		s := span{length: length}
		for i := range signals {
			s.measure(i)
		}
		l.spans = append(l.spans, s)
	}
	l.arrange()
	return l
}

// withSparse is all with a span between in which few rows count.
func withSparse(length mail.Time, lengths ...mail.Time) *layout {
	l := &layout{logs: &logs{number: map[mail.LogID]uint32{}}}
	for _, s := range all(lengths...).spans {
		l.spans = append(l.spans, span{length: s.length, signals: s.signals, needs: s.needs})
	}
	s := span{length: length}
	s.measure(sigOddForms)
	s.measure(sigRefusedRecipients)
	l.spans = slices.Insert(l.spans, 1, s)
	l.arrange()
	return l
}

// Windows that are counted on must say what counting anew says.
func TestWindowsCountWhatIsInThem(t *testing.T) {
	l := withSparse(600, 60, 3600)
	if !l.spans[1].sparse {
		t.Fatal("the span of odd forms is not sparse")
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rows{}
		var all []row
		at := mail.Time(-100_000)
		for n := range rapid.IntRange(1, 80).Draw(t, "rows") {
			at += mail.Time(rapid.SampledFrom([]int{0, 1, 20, 59, 60, 61, 1800, 5000, 1 << 33}).Draw(t, "gap"))
			e := row{at: at, pos: mail.LogPos{Offset: int64(n)}}
			value := func(d dimension) {
				hash := rapid.Uint64Range(1, 4).Draw(t, "value")
				if placeOf[d] < 2 && rapid.Bool().Draw(t, "another") {
					hash |= 1 << 45 // The last bit that tells.
				}
				e.put(d, hash)
			}
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				e.flags = isMail | isForeignPath
				value(byReversePath)
				value(byHELO)
				value(byHost)
			case 1, 2:
				e.flags = isAccepted | isNullPathRecipient | has(byNullPathRecipient)
				value(byRecipient)
				value(byDomain)
			case 3:
				e.sized(rapid.Int64Range(1, 1<<40).Draw(t, "size"))
			case 4:
				e.flags = isFailure
				value(byLoginName)
				value(byFailingHost)
			case 5:
				e.flags = isLogin
				value(byHost)
			case 6:
				e.flags = isRefused | isOddForm
				value(byForm)
			}
			all = append(all, e)
			r.add(&e, l)
			for i := range l.spans {
				var got measures
				r.measure(i, l.spans[i].measured, &got)
				want := countAnew(all, at-l.spans[i].length)
				for s, value := range want {
					if slices.Contains(l.spans[i].signals, s) && got[s] != value {
						t.Fatalf("row %d, window of %d s: got %s %g; want %g", n, l.spans[i].length, signals[s].Name, got[s], value)
					}
				}
			}
		}
	})
}

// countAnew measures the rows after a time.
func countAnew(all []row, after mail.Time) map[int]float64 {
	m := map[int]float64{
		sigTransactions: 0, sigForeignReversePaths: 0, sigRecipients: 0, sigBytes: 0, sigFailedLogins: 0, sigLargestMessage: 0,
		sigLoginsAfterFailures: 0, sigRefusedRecipients: 0,
	}
	distinct := [dimensions]map[uint64]bool{}
	for d := range distinct {
		distinct[d] = map[uint64]bool{}
	}
	length := all[len(all)-1].at - after
	for i, e := range all {
		if e.at <= after {
			continue
		}
		for d := range dimensions {
			if e.flags&has(d) != 0 {
				value := uint64(e.keys[placeOf[d]])
				if placeOf[d] < 2 {
					value |= uint64(e.more[placeOf[d]]) << 32
				}
				distinct[d][value] = true
			}
		}
		switch {
		case e.flags&isMail != 0:
			m[sigTransactions]++
			m[sigForeignReversePaths]++
		case e.flags&isAccepted != 0:
			m[sigRecipients]++
		case e.flags&isEnd != 0:
			size := float64(uint64(e.keys[1])<<32 | uint64(e.keys[0]))
			m[sigBytes] += size
			m[sigLargestMessage] = max(m[sigLargestMessage], size)
		case e.flags&isFailure != 0:
			m[sigFailedLogins]++
		case e.flags&isRefused != 0:
			m[sigRefusedRecipients]++
		default:
			failed := 0
			for _, f := range all[:i] {
				if f.flags&isFailure != 0 && f.at > e.at-length {
					failed++
				}
			}
			if failed >= failuresBefore {
				m[sigLoginsAfterFailures]++
			}
		}
	}
	for d, s := range map[dimension]int{
		byRecipient: sigDistinctRecipients, byNullPathRecipient: sigNullPathRecipients, byDomain: sigDistinctDomains,
		byReversePath: sigDistinctReversePaths, byHELO: sigDistinctHELONames, byLoginName: sigDistinctLoginNames, byHost: sigHosts,
		byFailingHost: sigFailedLoginHosts, byForm: sigOddForms,
	} {
		m[s] = float64(len(distinct[d]))
	}
	return m
}

func TestFloodKeepsTheLastRows(t *testing.T) {
	l := all(60)
	r := rows{}
	for n := range maxEntries + 10 {
		e := row{at: 1000, flags: isAccepted}
		e.put(byRecipient, uint64(n))
		e.put(byDomain, 1)
		r.add(&e, l)
	}
	var m measures
	r.measure(0, l.spans[0].measured, &m)
	if m[sigRecipients] != maxEntries || m[sigDistinctRecipients] != maxEntries || m[sigDistinctDomains] != 1 {
		t.Errorf("got %g recipients, %g different, %g domains; want %d, %d, 1",
			m[sigRecipients], m[sigDistinctRecipients], m[sigDistinctDomains], maxEntries, maxEntries)
	}
	if got := r.seen.size; got != maxEntries+1 {
		t.Errorf("got %d values remembered; want %d", got, maxEntries+1)
	}
}

// The table finds what a map finds.
func TestSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s seen
		want := map[uint64]uint64{}
		number := uint64(1<<numberBits - 20) // The low bits of the number turn over.
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			number++
			key := rapid.Uint64Range(1, 15).Draw(t, "key") | rapid.SampledFrom([]uint64{0, 1 << 45}).Draw(t, "more")
			if _, known := want[key]; known && rapid.Bool().Draw(t, "forget") {
				s.forget(key)
				delete(want, key)
				continue
			}
			before, known := s.swap(key, number)
			if wantBefore, wantKnown := want[key]; known != wantKnown || before != wantBefore {
				t.Fatalf("swap(%d): got %d, %v; want %d, %v", key, before, known, wantBefore, wantKnown)
			}
			want[key] = number
			if s.size != len(want) {
				t.Fatalf("got size %d; want %d", s.size, len(want))
			}
		}
	})
}

func TestHashSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, set := new(hashSet), new(hashSet)
		want := map[uint64]bool{}
		hashes := rapid.SliceOfN(rapid.Uint64Range(1, 400), 0, 600).Draw(t, "hashes")
		apart := rapid.SampledFrom([]uint64{1, 1 << 38, hashMask / 400}).Draw(t, "apart") // All have one home, or many.
		for i, h := range hashes {
			if i == len(hashes)/2 {
				base, set = set, &hashSet{base: set}
			}
			if got := set.add(h * apart); got == want[h] {
				t.Fatalf("add(%d): got new %v; want %v", h, got, !want[h])
			}
			want[h] = true
		}
		packed := set.packed()
		for h := uint64(1); h < 450; h++ {
			if got := set.has(h * apart & hashMask); got != want[h] {
				t.Fatalf("has(%d): got %v; want %v", h, got, want[h])
			}
			if got := packed.has(h * apart & hashMask); got != want[h] {
				t.Fatalf("has(%d), packed: got %v; want %v", h, got, want[h])
			}
		}
		if int(base.size) > len(hashes)/2 {
			t.Fatalf("got a base of %d; want it left alone", base.size)
		}
	})
}

func TestPackedHash(t *testing.T) {
	for _, path := range []mail.Path{"", "ann@corp.example", "\xff@example.net"} {
		hash := new(network).hashPath(path)
		if got := unpack(pack(nil, hash)); got != hash {
			t.Errorf("%q: got %x; want %x", path, got, hash)
		}
	}
}

// The native terms must agree with the virtual machine, and guards never rule out
// what it would find.
func TestConditionsAgreeWithTheMachine(t *testing.T) {
	for _, source := range []string{
		"recipients >= 3",
		"recipients > 2 && external_share < 0.5 || hosts == 2",
		"3 <= recipients and not (hosts != 1)",
		"new_to_all >= 0.8 * distinct_recipients && (bytes - 2) / 2 > 1 || refused_recipients + hosts >= 4",
		"(recipients >= 2 || hosts >= 3) && bytes <= 4",
		"recipients in 2..4",
		"recipients >= 2.5 || hosts >= 3 || recipients >= 4",
		"recipients >= 0 || bytes >= 2",
		"hosts > 1 ? recipients > 3 : bytes > 3",
	} {
		c, errs := compile(source)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", source, errs)
		}
		rapid.Check(t, func(t *rapid.T) {
			var m measures
			for _, i := range c.signals {
				m[i] = float64(rapid.IntRange(0, 5).Draw(t, signals[i].Name))
			}
			byProgram := *c
			byProgram.exact, byProgram.guard = false, anything{-1}
			j := new(judge)
			got, want := c.holds(&j.machine, &m), byProgram.holds(&j.machine, &m)
			l := all(60)
			r := rows{counts: make([]uint32, l.places)}
			for _, i := range c.signals {
				r.counts[l.spans[0].places[signals[i].counter]] = uint32(m[i])
			}
			if want && !r.open(l.spans[0].gates(c.guard)) {
				t.Fatalf("%s of %v: got a closed gate; want it open", source, m)
			}
			if got != want {
				t.Fatalf("%s of %v: got %v; want %v", source, m, got, want)
			}
		})
	}
}

func TestReadable(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0, "recipients", "0"},
		{999, "recipients", "999"},
		{1000, "recipients", "1,000"},
		{1234567, "recipients", "1,234,567"},
		{0.805, unitShare, "81 %"},
		{1, unitShare, "100 %"},
		{0.9999, unitShare, "99 %"},
		{0.0001, unitShare, "1 %"},
		{0, unitShare, "0 %"},
		{1000, unitBytes, "1,000"},
		{3 << 20, unitBytes, "3.0 MB"},
	} {
		if got := readable(c.value, c.unit); got != c.want {
			t.Errorf("%g %s: got %q; want %q", c.value, c.unit, got, c.want)
		}
	}
}

func TestSignalTable(t *testing.T) {
	for i, s := range signals {
		if s.Name == "" || s.Unit == "" || s.About == "" || s.adds == 0 {
			t.Errorf("signal %d: got %+v; want all told", i, s)
		}
		if got := signalNamed(s.Name); got != i {
			t.Errorf("%s: got index %d; want %d", s.Name, got, i)
		}
	}
}
