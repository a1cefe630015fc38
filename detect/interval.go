package detect

import "math"

// PoissonInterval is the exact 95 % interval of the mean of a Poisson number of
// which n were counted (Garwood 1936).
func PoissonInterval(n int) (low, high float64) {
	const tail = 0.025
	if n > 0 {
		low = meanWhere(float64(n), func(mean float64) bool { return 1-poissonUpTo(n-1, mean) < tail })
	}
	return low, meanWhere(float64(n)+5, func(mean float64) bool { return poissonUpTo(n, mean) > tail })
}

// meanWhere is the mean from which below is no longer true.
func meanWhere(guess float64, below func(mean float64) bool) float64 {
	low, high := 0.0, guess
	for below(high) {
		low, high = high, 2*high
	}
	for range 100 {
		if mean := (low + high) / 2; below(mean) {
			low = mean
		} else {
			high = mean
		}
	}
	return high
}

// poissonUpTo is the probability of n or fewer.
func poissonUpTo(n int, mean float64) float64 {
	if mean == 0 {
		return 1
	}
	sum := 0.0
	for k := range n + 1 {
		logFactorial, _ := math.Lgamma(float64(k) + 1)
		sum += math.Exp(float64(k)*math.Log(mean) - mean - logFactorial)
	}
	return min(1, sum)
}
