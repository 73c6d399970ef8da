package order

import (
	"iter"
	"math"
)

// Add sums and stays at the ends of int64: what providers tell may be absurd, and an absurd sum must not turn into a
// plausible one by wrapping around.
func Add(amounts ...int64) int64 {
	var total int64
	for _, a := range amounts {
		switch {
		case a > 0 && total > math.MaxInt64-a:
			total = math.MaxInt64
		case a < 0 && total < math.MinInt64-a:
			total = math.MinInt64
		default:
			total += a
		}
	}
	return total
}

// sum adds amounts of one sign, so that it is the same in any order even where it saturates.
func sum(amounts iter.Seq[int64]) int64 {
	var total int64
	for a := range amounts {
		total = Add(total, a)
	}
	return total
}
