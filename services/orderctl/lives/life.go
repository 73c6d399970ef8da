package lives

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/orderflow/orderflow/pkg/ident"
)

// Delivery is one webhook of a provider.
type Delivery struct {
	Source, Account, Topic, ID string
	Body                       []byte
	// Says is what it tells of, in a few words.
	Says string
}

// Scan is what a carrier sees of the parcel, whichever number it has.
type Scan struct {
	ID, Status string
	At         time.Time
}

// Life is an order's life as its providers tell it. It has two parts. What happens before the parcel leaves may be told
// in any order, and so may what happens afterwards, together with the carrier's scans and with everything from before
// once more. But nothing from before is held back until afterwards: which parcel leaves depends on what we know when it
// does, and a parcel that has left is not undone by news.
type Life struct {
	Order  ident.Entity
	Number string
	Before []Delivery
	Scans  []Scan
	After  []Delivery
	// CarryOut says that the payment provider carries out what we decided to give back, and tells of it.
	CarryOut bool
	// Wait says that afterwards so much time goes by that every deadline passes.
	Wait bool
	SKUs []string
	// Twice says that there are two payments for the same: which of them goes back may be anybody's choice.
	Twice bool
	tale  *tale // for carrying out
}

// Options are what lives there may be.
type Options struct {
	// Prefix makes the numbers and SKUs of these lives their own.
	Prefix string
	// Base is when they begin.
	Base time.Time
}

// line is one line of the cart; prices are in minor units.
type line struct {
	id, sku         string
	quantity, price int64
	digital         bool
}

// payment is one real payment at Stripe.
type pay struct {
	id, number         string // ours, and the shop's
	amount             int64
	captured, refunded int64
	describes          bool // its metadata tells of the items
	namesCharge        bool
	shopKnowsNames     bool
}

func (p *pay) intent() string { return "pi_" + p.id }
func (p *pay) charge() string { return "ch_" + p.id }

type refund struct {
	id, number, at string
	amount         int64
	of             *pay
}

// tale is a life that is being made up: the world as it stands, from which each delivery tells a part.
type tale struct {
	t        *rapid.T
	told     *[]Delivery
	clock    time.Time
	events   int
	shop     string
	account  string
	currency string
	number   string
	shopID   string

	placed    time.Time
	lines     []line
	payments  []*pay
	refunds   []*refund // that the shop knows of
	cancelled string
	paidAt    string
}

func (o *tale) tell(kind string, d Delivery) {
	d.Says = fmt.Sprintf("%s %s at %s", d.Source, kind, o.clock.UTC().Format(time.TimeOnly))
	*o.told = append(*o.told, d)
}

func (o *tale) total() int64 {
	var sum int64
	for _, l := range o.lines {
		sum += l.quantity * l.price
	}
	return sum
}

// reference is the number by which Stripe's metadata calls the order.
func (o *tale) reference() string { return o.number }

func (o *tale) first() *pay {
	if len(o.payments) == 0 {
		return nil
	}
	return o.payments[0]
}

// inBooks is what the shop believes was paid, less what it gave back.
func (o *tale) inBooks() int64 {
	var sum int64
	for _, p := range o.payments {
		sum += p.captured
	}
	for _, r := range o.refunds {
		sum -= r.amount
	}
	return min(max(0, sum), o.total())
}

func (o *tale) financial() string {
	var paid, back int64
	for _, p := range o.payments {
		paid += p.captured
	}
	for _, r := range o.refunds {
		back += r.amount
	}
	switch {
	case paid > 0 && back >= paid:
		return "refunded"
	case back > 0:
		return "partially_refunded"
	case paid > 0 && paid >= o.total():
		return "paid"
	case paid > 0:
		return "partially_paid"
	}
	return "pending"
}

func (o *tale) wooStatus() string {
	switch {
	case o.cancelled != "":
		return "cancelled"
	case o.financial() == "refunded":
		return "refunded"
	case o.first() != nil && o.first().captured > 0:
		return "processing"
	}
	return "pending"
}

func draw[T any](o *tale, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(o.t, label)
}

func (o *tale) yes(label string) bool { return rapid.Bool().Draw(o.t, label) }

// tick lets time go by, by the providers' clocks, or not.
func (o *tale) tick() {
	o.clock = o.clock.Add(draw(o, "later", 0, 0, time.Second, time.Minute))
}

// The shops.
const (
	shopCheckout = "checkout"
	shopStripe   = "stripe" // nobody but the payment tells of the order
	shopShopify  = "shopify"
	shopWoo      = "woocommerce"
)

// Draw makes up a life.
func Draw(t *rapid.T, n int, options Options) Life {
	life := Life{Number: strconv.Itoa(100_000 + n)}
	o := &tale{
		t: t, clock: options.Base, placed: options.Base, number: life.Number, shopID: "9" + strconv.Itoa(1_000_000+n), told: &life.Before,
	}
	o.shop = draw(o, "shop", shopCheckout, shopCheckout, shopStripe, shopShopify, shopWoo)
	o.currency = draw(o, "currency", "USD", "USD", "JPY")
	life.Order = ident.Order("checkout", "default", o.number)
	if o.shop == shopShopify || o.shop == shopWoo {
		life.Order, o.account = ident.Order(o.shop, "default", o.shopID), o.shop
	}
	life.tale = o
	life.SKUs = []string{options.Prefix + "A", options.Prefix + "B", options.Prefix + "C"}
	o.fill(life.SKUs)
	plot := o.plot()
	o.interleave(append(o.before(plot), o.stock(life.SKUs)...))
	life.told(o, plot)
	return life
}

// told makes up what comes after the parcel has left.
func (l *Life) told(o *tale, p plot) {
	o.told = &l.After
	l.Scans = o.scans()
	if len(l.Scans) > 0 {
		o.interleave(o.after(p))
	}
	l.Twice = p.money == moneyTwice
	l.CarryOut, l.Wait = o.yes("grants are carried out"), rapid.IntRange(0, 3).Draw(o.t, "deadlines pass") == 3
}

// fill puts one to three lines into the cart.
func (o *tale) fill(skus []string) {
	prices := []int64{1500, 733, 2100}
	for i := range rapid.IntRange(1, 3).Draw(o.t, "lines") {
		o.lines = append(o.lines, line{
			id: strconv.Itoa(i + 1), sku: skus[i], quantity: rapid.Int64Range(1, 3).Draw(o.t, "quantity"), price: prices[i],
			digital: o.shop == shopCheckout && rapid.IntRange(0, 4).Draw(o.t, "digital") == 4,
		})
	}
}

func (o *tale) shippable() bool {
	return slices.ContainsFunc(o.lines, func(l line) bool { return !l.digital && l.quantity > 0 })
}

// step is one thing that happens, and is told.
type step func()

// thread is what happens in this order.
type thread []step

// interleave lets threads happen side by side.
func (o *tale) interleave(threads []thread) {
	threads = slices.DeleteFunc(threads, func(t thread) bool { return len(t) == 0 })
	for len(threads) > 0 {
		i := rapid.IntRange(0, len(threads)-1).Draw(o.t, "thread")
		o.tick()
		threads[i][0]()
		if threads[i] = threads[i][1:]; len(threads[i]) == 0 {
			threads = slices.Delete(threads, i, i+1)
		}
	}
}

func (o *tale) newPayment(amount int64) *pay {
	n := len(o.payments) + 1
	p := &pay{
		id: fmt.Sprintf("%s_%d", o.number, n), number: fmt.Sprintf("7%s%d", o.number, n), amount: amount,
		namesCharge: o.yes("the intent names its charge"), shopKnowsNames: o.yes("the shop knows its names"),
	}
	o.payments = append(o.payments, p)
	return p
}
