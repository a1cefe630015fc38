package detect

import (
	"math"
	"testing"
)

// The values are those of tables of the exact interval (Garwood 1936).
func TestPoissonInterval(t *testing.T) {
	for _, c := range []struct {
		n         int
		low, high float64
	}{
		{0, 0, 3.689},
		{1, 0.0253, 5.572},
		{2, 0.2422, 7.225},
		{5, 1.623, 11.668},
		{10, 4.795, 18.390},
		{100, 81.364, 121.627},
	} {
		low, high := PoissonInterval(c.n)
		if math.Abs(low-c.low) > 0.001 || math.Abs(high-c.high) > 0.001 {
			t.Errorf("%d: got %.4f to %.4f; want %.4f to %.4f", c.n, low, high, c.low, c.high)
		}
	}
}
