package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Orders says what is ordered. Order n is the same for the same seed, whoever asks.
type Orders struct {
	// Seed tells one run from another: with the seed of an earlier run its orders are told again.
	Seed uint64
	// SKUs is how many different ones are ordered, each as often as any other.
	SKUs int
	// Hot has one SKU in every order.
	Hot bool
	// At is when they were ordered.
	At time.Time
}

// order is one order of two lines.
type order struct {
	number string
	id     int64 // at shops that number their orders by themselves
	lines  [2]line
	at     time.Time
}

// line is one line; prices are in minor units.
type line struct {
	sku             string
	quantity, price int64
}

func (o order) total() int64 { return o.lines[0].sum() + o.lines[1].sum() }

func (l line) sum() int64 { return l.quantity * l.price }

// SKU is the name of the SKU of an index: LOAD-0000 is the hot one.
func SKU(index int) string {
	digits := strconv.Itoa(index)
	return "LOAD-0000"[:max(9-len(digits), 5)] + digits
}

// Number is the number of order n at shops that take any.
func (o Orders) Number(n int) string {
	return "L" + strconv.FormatUint(o.Seed, 36) + "x" + strconv.Itoa(n)
}

// ID is the number of order n at shops that number their orders by themselves.
func (o Orders) ID(n int) int64 {
	return (1+int64(o.Seed%1_000_000_000))*1_000_000_000 + int64(n)
}

// Entity is the entity of order n if it is told by a source's account "default".
func (o Orders) Entity(source string, n int) ident.Entity {
	switch source {
	case "shopify", "woocommerce":
		return ident.Order(source, "default", strconv.FormatInt(o.ID(n), 10))
	}
	return ident.Order("checkout", "default", o.Number(n)) // a Stripe account's orders are the checkout's
}

func (o Orders) order(n int) order {
	random := rand.New(rand.NewPCG(o.Seed, uint64(n))) //nolint:gosec // the same orders every time, on purpose
	first, second := random.IntN(o.SKUs), 0
	if o.Hot {
		first = 0
	}
	if o.SKUs > 1 {
		second = (first + 1 + random.IntN(o.SKUs-1)) % o.SKUs // another one
	}
	return order{
		number: o.Number(n), id: o.ID(n), at: o.At,
		lines: [2]line{
			{SKU(first), 1 + random.Int64N(3), 499 + random.Int64N(4000)},
			{SKU(second), 1 + random.Int64N(3), 499 + random.Int64N(4000)},
		},
	}
}

// email is an address that no mail server delivers to.
func (o order) email() string { return fmt.Sprintf("robin+%s@example.com", o.number) }

// Lines are the SKUs of order n and how many pieces of each.
func (o Orders) Lines(n int) (skus []string, pieces []int64) {
	for _, l := range o.order(n).lines {
		skus, pieces = append(skus, l.sku), append(pieces, l.quantity)
	}
	return skus, pieces
}
