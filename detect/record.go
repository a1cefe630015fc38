package detect

import "math"

// maxRecords is how many rules on the own scale there may be.
const maxRecords = 8

// Scale makes the score of a rule out of one of its signals: how far it is beyond
// the submitter's own daily records, in nats. The logarithms of these are taken for
// normal, with the mean and the spread of the submitter's own ones and, with less of
// them, of its kind; so the newsletter host and the person each have their own
// measure. The score is z²/2 for a value z spreads above the mean.
type Scale struct {
	Of     int     // A signal that is a plain count.
	Least  float64 // Below it, the score is 0.
	Days   float64 // How many days of its own a submitter must have.
	Usual  float64 // The daily record that is assumed where nobody has one yet,
	Spread float64 // and the spread of its logarithm.
}

// moments are of logarithms of daily records, aged.
type moments struct {
	N, Sum, Squares float32
}

func (m *moments) age(factor float32) {
	m.N, m.Sum, m.Squares = m.N*factor, m.Sum*factor, m.Squares*factor
}

func (m *moments) add(x float32) { m.N, m.Sum, m.Squares = m.N+1, m.Sum+x, m.Squares+x*x }

// record is the largest value of a signal on each day.
type record struct {
	Today float32
	Best  float32 // Of the days learnt, fading.
	Own   moments
}

// Days of others and their assumed records, where little is known of a submitter.
const (
	trustDays = 3
	priorDays = 10
	leastDev  = 0.5
	aged      = 0.8 // Of a day's weight, which fades.
)

// learnRecord ends the day of a record.
func (j *judge) learnRecord(s *subject, i int, age float32) {
	p := s.profile
	r := &p.records[i]
	r.Own.age(age)
	r.Best *= age
	if !p.Frozen {
		x := float32(math.Log1p(float64(r.Today)))
		r.Own.add(x)
		for n := 1; p.Innocent && n < verdictWeight; n++ {
			r.Own.add(x)
		}
		r.Best = max(r.Best, r.Today)
		j.fleet.Records[i][kindOf(s.who)].add(x)
	}
	r.Today = 0
}

// usualRecord is the mean and the spread of the logarithm of the daily records.
func (f *fleet) usualRecord(s *subject, i int, c *Scale) (mean, spread float64) {
	r := &s.profile.records[i]
	of := &f.Records[i][kindOf(s.who)]
	base := math.Log1p(c.Usual)
	n := float64(of.N) + priorDays
	mean = (float64(of.Sum) + priorDays*base) / n
	variance := (float64(of.Squares) + priorDays*(base*base+c.Spread*c.Spread)) / n
	variance -= mean * mean
	own := float64(r.Own.N) + trustDays
	squares := (float64(r.Own.Squares) + trustDays*(mean*mean+variance)) / own
	mean = (float64(r.Own.Sum) + trustDays*mean) / own
	spread = math.Max(leastDev, math.Sqrt(math.Max(0, squares-mean*mean)))
	return math.Max(mean, math.Log1p(float64(r.Best))-2*spread), spread
}

// beyond is the score of the value of a signal now.
func (j *judge) beyond(s *subject, i int, c *Scale, value, factor float64) float64 {
	r := &s.profile.records[i]
	r.Today = max(r.Today, float32(value))
	if value < c.Least { // A factor is 1 or more.
		return 0
	}
	if value /= factor; value < c.Least || r.Own.N < aged*float32(c.Days) {
		return 0
	}
	mean, spread := j.fleet.usualRecord(s, i, c)
	z := (math.Log1p(value) - mean) / spread
	if z <= 0 {
		return 0
	}
	return z * z / 2
}
