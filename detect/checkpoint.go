package detect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"relaywatch/mail"
)

// The stored form of what is open: Judgement.Cases, as JSON.
type (
	savedCases struct {
		Servers    []savedServer    `json:"servers,omitempty"`
		Submitters []savedSubmitter `json:"submitters,omitempty"`
	}
	savedServer struct {
		IP  string      `json:"ip"`
		At  mail.Time   `json:"at"`
		Pos mail.LogPos `json:"pos"`
	}
	savedSubmitter struct {
		Kind     string         `json:"kind"`
		Value    []byte         `json:"value"` // As the log has it, which need not be UTF-8.
		Findings []savedFinding `json:"findings"`
		Episode  *savedEpisode  `json:"episode,omitempty"`
	}
	savedFinding struct {
		Rule     string             `json:"rule"`
		Start    mail.Time          `json:"start"`
		Flagged  mail.Time          `json:"flagged"`
		Last     mail.Time          `json:"last"`
		Silenced string             `json:"silenced,omitempty"`
		Peak     map[string]float64 `json:"peak"` // By signal, those that are not 0.
		Proof    []mail.LogPos      `json:"proof"`
	}
	savedEpisode struct {
		Start   mail.Time    `json:"start"`
		First   mail.Time    `json:"first"`
		Last    mail.Time    `json:"last"`
		Sent    tally        `json:"sent"`
		Pending tally        `json:"pending"`
		Rules   []string     `json:"rules"`
		Words   savedFinding `json:"words"`
	}
)

// saveCases writes what is open at until, and forgets what is not.
func (j *judge) saveCases(until mail.Time) []byte {
	var saved savedCases
	for _, ip := range slices.Sorted(maps.Keys(j.servers)) {
		first := j.servers[ip]
		saved.Servers = append(saved.Servers, savedServer{ip, first.at, first.pos})
	}
	for _, s := range j.subjects {
		j.forgetClosed(s, until)
		if len(s.findings) == 0 && s.episode == nil {
			continue
		}
		saved.Submitters = append(saved.Submitters, j.saveSubject(s))
	}
	slices.SortFunc(saved.Submitters, func(a, b savedSubmitter) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Value, b.Value))
	})
	text, err := json.Marshal(saved)
	if err != nil {
		panic("detect: cases are numbers and text: " + err.Error())
	}
	return text
}

// forgetClosed drops what no row after until can change or count.
func (j *judge) forgetClosed(s *subject, until mail.Time) {
	for i, f := range s.findings {
		if until-f.last > seconds(max(Quiet, j.rules[i].Window)) {
			delete(s.findings, i)
		}
	}
	if s.episode != nil && until-s.episode.last > seconds(Quiet) {
		s.episode = nil
	}
}

func (j *judge) saveSubject(s *subject) savedSubmitter {
	saved := savedSubmitter{Kind: s.who.Kind, Value: []byte(s.who.Value)}
	for _, i := range slices.Sorted(maps.Keys(s.findings)) {
		saved.Findings = append(saved.Findings, j.saveFinding(s.findings[i]))
	}
	if ep := s.episode; ep != nil {
		saved.Episode = &savedEpisode{ep.start, ep.first, ep.last, ep.sent, ep.pending, nil, j.saveFinding(ep.words)}
		for _, i := range ep.rules {
			saved.Episode.Rules = append(saved.Episode.Rules, j.rules[i].Name)
		}
	}
	return saved
}

func (j *judge) saveFinding(f *finding) savedFinding {
	saved := savedFinding{j.rules[f.rule].Name, f.start, f.flagged, f.last, f.silenced, make(map[string]float64), f.proof}
	for i := range signals {
		if v := f.peak[i]; v != 0 {
			saved.Peak[signals[i].Name] = v
		}
	}
	return saved
}

// restoreCases reads what saveCases wrote. What belongs to a rule that is gone is
// dropped.
func (j *judge) restoreCases(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var saved savedCases
	if err := json.Unmarshal(text, &saved); err != nil {
		return fmt.Errorf("read open cases: %w (judge everything anew)", err)
	}
	for _, server := range saved.Servers {
		j.servers[server.IP] = event{at: server.At, pos: server.Pos, kind: eventMail}
	}
	for _, of := range saved.Submitters {
		j.restoreSubject(of)
	}
	return nil
}

func (j *judge) restoreSubject(saved savedSubmitter) {
	s := j.known(mail.Submitter{Kind: saved.Kind, Value: string(saved.Value)})
	s.findings = make(map[int]*finding)
	for _, sf := range saved.Findings {
		if f := j.restoreFinding(s.who, sf); f != nil {
			s.findings[f.rule] = f
			j.touchFinding(f)
		}
	}
	if saved.Episode == nil {
		return
	}
	e := saved.Episode
	ep := &episode{who: s.who, start: e.Start, first: e.First, last: e.Last, sent: e.Sent, pending: e.Pending}
	ep.words = j.restoreFinding(s.who, e.Words)
	for _, name := range e.Rules {
		if i := j.ruleNamed(name); i >= 0 {
			ep.rules = append(ep.rules, i)
		}
	}
	if ep.words == nil || len(ep.rules) == 0 {
		return
	}
	if f := s.findings[ep.words.rule]; f != nil && f.flagged == ep.words.flagged {
		ep.words = f
	}
	s.episode = ep
	j.touchEpisode(ep)
}

func (j *judge) restoreFinding(who mail.Submitter, saved savedFinding) *finding {
	i := j.ruleNamed(saved.Rule)
	if i < 0 {
		return nil
	}
	f := &finding{
		who: who, rule: i, start: saved.Start, flagged: saved.Flagged, last: saved.Last,
		silenced: saved.Silenced, proof: saved.Proof,
	}
	for name, value := range saved.Peak {
		if s := signalNamed(name); s >= 0 {
			f.peak[s] = value
		}
	}
	return f
}

func (j *judge) ruleNamed(name string) int {
	return slices.IndexFunc(j.rules, func(r *Rule) bool { return r.Name == name })
}

// known is the subject of a submitter that was stored.
func (j *judge) known(who mail.Submitter) *subject {
	c := account
	if who.Kind == mail.KindIP {
		c = j.network.classOf(who.Value)
	}
	return j.subject(who, c)
}

// takeMemory hands over the contacts up to a time, which are stored from then on.
func (j *judge) takeMemory(upTo mail.Time) []Memory {
	var out []Memory
	for who, s := range j.subjects {
		n := 0
		var packed []byte
		for n < len(s.contacts) && s.contacts[n].at <= upTo {
			packed = pack(packed, s.contacts[n].hash)
			n++
		}
		if n == 0 {
			continue
		}
		s.contacts = slices.Clone(s.contacts[n:])
		out = append(out, Memory{who, packed})
	}
	slices.SortFunc(out, func(a, b Memory) int {
		return cmp.Or(cmp.Compare(a.Submitter.Kind, b.Submitter.Kind), cmp.Compare(a.Submitter.Value, b.Submitter.Value))
	})
	return out
}

// restoreMemory adds a stored stretch of the memory.
func (j *judge) restoreMemory(m Memory) error {
	if len(m.Hashes)%hashBytes != 0 {
		return fmt.Errorf("read memory of %s: %d bytes are no whole number of recipients (judge everything anew)", m.Submitter, len(m.Hashes))
	}
	s := j.known(m.Submitter)
	for packed := m.Hashes; len(packed) > 0; packed = packed[hashBytes:] {
		hash := unpack(packed)
		if hash == 0 {
			continue
		}
		s.memory.add(hash)
		j.everyone.add(hash)
	}
	return nil
}
