package traffic

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
	_ "time/tzdata" // Equal worlds on every machine.
)

// Behaviour is who writes to how many, how often, when, and answered by whom:
// either a Model, or the letters of a real organisation, replayed one by one.
type Behaviour struct {
	Name    string
	Model   *Model
	Letters []Letter // Of the set to replay, if Model is nil.
}

// Model is a compact description of an organisation, from which any number of
// people can be simulated. Samples/traffic/fit makes it.
type Model struct {
	Name     string
	Weeks    int // Length of the stretches that were measured.
	Measured *Measures
	Tuned    Tuned
}

// Tuned are the parts of a model that can't be measured, as they act on each other:
// the values with which simulated mail has the measures of the real one.
type Tuned struct {
	New       []float64 // As Measures.New: of recipients that are chosen anew.
	Unlike    float64   // How far people differ in it: the standard deviation of the logarithm.
	SameSet   float64   // Messages to several that go to a set of before.
	Reply     float64   // Messages that answer one.
	WroteTo   float64   // New recipients that are chosen among those who wrote.
	Recent    float64   // 1: an old recipient is one of any message before. Greater: rather of the last ones.
	Close     float64   // Messages that follow another within closeGap.
	Irregular float64   // Days of a person differ: k of the negative binomial distribution.
	Uneven    float64   // How far people differ in it, as in Unlike.
}

//go:embed behaviour.json
var builtinBehaviour []byte

// BuiltinBehaviours are the models that are shipped.
func BuiltinBehaviours() []*Behaviour {
	models, err := DecodeModels(builtinBehaviour)
	if err != nil {
		panic("traffic: behaviour.json: " + err.Error())
	}
	all := make([]*Behaviour, len(models))
	for i, m := range models {
		all[i] = &Behaviour{Name: m.Name, Model: m}
	}
	return all
}

// ReadBehaviour reads a set of real behaviour to be replayed (see ReadLetters).
func ReadBehaviour(path string) (*Behaviour, error) {
	letters, err := ReadLetters(path, officeZone())
	if err != nil {
		return nil, err
	}
	return &Behaviour{Name: setName(path), Letters: letters}, nil
}

// DecodeModels reads what EncodeModels wrote.
func DecodeModels(data []byte) ([]*Model, error) {
	var models []*Model
	err := json.Unmarshal(data, &models)
	return models, err
}

// EncodeModels writes models as behaviour.json holds them: one line a model.
func EncodeModels(models []*Model) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("[")
	for i, m := range models {
		if i > 0 {
			b.WriteString(",")
		}
		line, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		b.WriteString("\n")
		b.Write(line)
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}

// officeZone is the time zone of a world's people.
func officeZone() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(fmt.Sprintf("traffic: time zones are built in: %v", err))
	}
	return zone
}
