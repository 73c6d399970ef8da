package lives

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However a life is told, it comes to the same. More lives than the usual hundred: -rapid.checks=5000.
//
// Where the arrival of news may choose, a life leaves it out, or the ending does (see Ending), since two decisions are
// equally right:
//
//   - Of two payments for the same, the newest as far as it is known goes back. If one is given back and the other one
//     turns out to be newer, it stays so. What goes back in all is the same.
//   - What may be known too late to stop a parcel is told before it leaves, or after it has left, both times: see Life.
//     The same goes for orders with nothing to ship, which are complete once they are paid.
//   - A cancellation is never taken back. So a payment that goes back whole is the only one of its order, or all others
//     were told by then.
//   - WooCommerce knows only paid and not paid. After an edit it calls another amount paid than before, so that which
//     word is the newest decides.
func TestALifeComesToTheSameHoweverItIsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		life := Draw(t, 1, Options{Prefix: "SKU-", Base: Base})
		as, want, err := Tell(life, AsItWas())
		require.NoError(t, err)
		for range 2 {
			told, got, err := Tell(life, Anyhow(t))
			require.NoError(t, err)
			require.Empty(t, want.Differences(got), "as it was:\n  %s\ntold:\n  %s\nby %d replicas",
				strings.Join(as.Told, "\n  "), strings.Join(told.Told, "\n  "), told.Replicas)
		}
	})
}

// Told as it was, nothing is left for anybody to find later.
func TestASweepFindsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		life := Draw(t, 1, Options{Prefix: "SKU-", Base: Base})
		m, _, err := Tell(life, AsItWas())
		require.NoError(t, err)
		before := len(m.Events[life.Order])
		m.Sweep()
		require.NoError(t, m.Rest())
		require.Len(t, m.Events[life.Order], before, "somebody was not told of something: %v", m.Events[life.Order][before:])
	})
}

// The ways to tell a life do reach what they are for: labels that are voided, parcels that leave, crashes, calls that
// fail, orders that end in each way.
func TestLivesAreOfAllKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range 400 {
		life := rapid.Custom(func(t *rapid.T) Life { return Draw(t, 1, Options{Prefix: "SKU-", Base: Base}) }).Example(seed)
		m, ending, err := Tell(life, AsItWas())
		require.NoError(t, err)
		status, _, _ := strings.Cut(ending[0], ",")
		seen[status]++
		if len(m.Carrier.Labels) > len(m.Carrier.Live()) {
			seen["voided"]++
		}
		for _, d := range append(life.Before, life.After...) {
			seen[d.Source]++
		}
	}
	for _, kind := range []string{
		"status completed", "status cancelled", "status expired", "status held", "status backordered", "status shipped", "status lost",
		"status awaiting_payment", "voided", "stripe", "shopify", "woocommerce", "checkout",
	} {
		require.NotZero(t, seen[kind], "%s: of %v", kind, seen)
	}
}
