package order

import "math"

// add sums and stays at the ends of int64: what providers tell may be absurd, and an absurd sum must not turn into a
// plausible one by wrapping around.
func add(amounts ...int64) int64 {
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

func sum[K comparable](amounts map[K]int64) int64 {
	var total int64
	for _, a := range amounts {
		total = add(total, a) // saturates; equal in any order as long as all have one sign, which amounts by id do
	}
	return total
}
