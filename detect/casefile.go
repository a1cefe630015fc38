package detect

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"relaywatch/mail"
)

// casesVersion is the first byte of Judgement.Cases. What follows is a hash of the
// rules, then in numbers of variable length: until, the identities of logs, when the
// memory began, the servers, the owners of bare names, who sends messages of the same
// size, and the submitters with what is open of them. Times are counted back from until,
// rules and logs are numbers in their lists.
const casesVersion = 8

// caseWriter writes the stored form of what is open.
type caseWriter struct {
	judge *judge
	until mail.Time
	logs  []mail.LogID
	body  []byte
}

func (w *caseWriter) text() []byte {
	head := binary.LittleEndian.AppendUint64([]byte{casesVersion}, w.judge.ruleHash())
	head = binary.AppendVarint(head, int64(w.until))
	head = binary.AppendUvarint(head, uint64(len(w.logs)))
	for _, log := range w.logs {
		head = binary.LittleEndian.AppendUint64(head, uint64(log))
	}
	return append(head, w.body...)
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

func (w *caseWriter) whole(n int)      { w.body = binary.AppendUvarint(w.body, uint64(n)) }
func (w *caseWriter) signed(n int64)   { w.body = binary.AppendVarint(w.body, n) }
func (w *caseWriter) string(s string)  { w.body = appendText(w.body, s) }
func (w *caseWriter) time(t mail.Time) { w.signed(int64(w.until - t)) }

// json writes what is shown only, in a form that is no matter.
func (w *caseWriter) json(v any) {
	text, _ := json.Marshal(v) // Numbers and texts of ours.
	w.string(string(text))
}

func (w *caseWriter) truth(is bool) {
	n := 0
	if is {
		n = 1
	}
	w.whole(n)
}

// pos writes a position; offsets are counted from that before.
func (w *caseWriter) pos(p mail.LogPos, before int64) {
	i := slices.Index(w.logs, p.Log)
	if i < 0 {
		i = len(w.logs)
		w.logs = append(w.logs, p.Log)
	}
	w.whole(i)
	w.signed(p.Offset - before)
}

func (w *caseWriter) servers() {
	known := w.judge.servers
	w.whole(len(known))
	for _, ip := range slices.Sorted(maps.Keys(known)) {
		first := known[ip]
		w.string(ip)
		w.time(first.at)
		w.pos(first.pos, 0)
	}
}

// owners writes those that the stored memory does not tell.
func (w *caseWriter) owners() {
	known := w.judge.owners
	var names []string
	for bare, o := range known {
		if !w.judge.implied(o) {
			names = append(names, bare)
		}
	}
	slices.Sort(names)
	w.whole(len(names))
	for _, bare := range names {
		w.string(known[bare].account)
		w.truth(known[bare].contested)
	}
}

// sizes writes who is in a campaign by size. The run of a submitter is of its profile,
// which is that of until: no row that is seen again could tell it.
func (w *caseWriter) sizes() {
	by := w.judge.sizes.by
	w.time(w.judge.sizes.kept)
	w.whole(len(by))
	for _, size := range slices.Sorted(maps.Keys(by)) {
		w.whole(int(size))
		w.whole(len(by[size]))
		for _, m := range by[size] {
			w.string(m.who.Kind)
			w.string(m.who.Value)
			w.time(m.last)
			w.pos(m.pos, 0)
		}
	}
}

func (w *caseWriter) subject(s *subject) {
	w.string(s.who.Kind)
	w.string(s.who.Value)
	w.whole(len(s.findings))
	for _, f := range s.findings {
		w.finding(f)
	}
	ep := s.episode
	w.truth(ep != nil)
	if ep == nil {
		return
	}
	for _, t := range [...]mail.Time{ep.start, ep.first, ep.last} {
		w.time(t)
	}
	for _, t := range [...]tally{ep.sent, ep.pending} {
		w.whole(t.Recipients)
		w.whole(t.External)
		w.whole(t.Transactions)
	}
	w.whole(len(ep.rules))
	for _, i := range ep.rules {
		w.whole(i)
	}
	own := s.findings.of(ep.words.rule) != ep.words
	w.truth(own)
	if own {
		w.finding(ep.words)
	}
}

// finding writes what is told of a finding: of the measures, those of its rule.
func (w *caseWriter) finding(f *finding) {
	w.whole(f.rule)
	for _, t := range [...]mail.Time{f.start, f.flagged, f.last} {
		w.time(t)
	}
	w.truth(f.shown)
	w.string(f.silenced)
	w.string(f.behind)
	for _, i := range w.judge.rules[f.rule].measures {
		// The low bytes of whole numbers are 0: turned round, they are short.
		w.body = binary.AppendUvarint(w.body, bits.ReverseBytes64(math.Float64bits(f.peak[i])))
	}
	w.json(f.sum)
	w.json(f.record)
	w.rows(f.proof)
	w.rows(f.others)
}

func (w *caseWriter) rows(list []mail.LogPos) {
	w.whole(len(list))
	before := int64(0)
	for _, p := range list {
		w.pos(p, before)
		before = p.Offset
	}
}

// ruleHash tells whether rules are those that wrote the cases: the same names with
// the same measures.
func (j *judge) ruleHash() uint64 {
	var text []byte
	for _, r := range j.rules {
		text = appendText(text, r.Name)
		for _, i := range r.measures {
			text = appendText(text, signals[i].Name)
		}
	}
	return xxhash.Sum64(text)
}
