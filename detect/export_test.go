package detect

// Limit has the engine remember n recipients of a submitter and twice as many in all, so
// that it forgets soon. 0 leaves it as it is.
func (e *Engine) Limit(n int) {
	if n > 0 {
		e.judge.limits = limits{2 * n, n, n / 2}
	}
}
