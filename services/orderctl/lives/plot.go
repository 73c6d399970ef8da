package lives

import (
	"fmt"
	"time"

	"pgregory.net/rapid"
)

// plot is what a life is about.
type plot struct {
	money     string
	edits     int
	cancelled bool
	back      string // of the first payment
	dispute   string
}

// What the money does.
const (
	moneyNone       = "nothing is paid"
	moneyWhole      = "paid"
	moneyPart       = "paid in part"
	moneyOver       = "paid too much"
	moneyTwice      = "paid twice"
	moneyOpen       = "authorised only"
	moneyVoided     = "authorised and voided"
	moneyCaptured   = "authorised, then captured"
	moneyLess       = "authorised, then captured in part"
	moneyDifference = "paid, and the difference of an edit"
)

// What goes back.
const (
	backNone    = "nothing goes back"
	backPart    = "some goes back"
	backTwice   = "some goes back, and some more"
	backWhole   = "all goes back"
	backFailed  = "some was to go back"
	disputeNone = "no dispute"
	disputeOpen = "opened"
	disputeWon  = "won"
	disputeLost = "lost"
)

func (o *tale) plot() plot {
	p := plot{
		money: draw(o, "money", moneyWhole, moneyWhole, moneyWhole, moneyCaptured, moneyNone, moneyPart, moneyOver, moneyTwice, moneyOpen, moneyVoided, moneyLess, moneyDifference),
		back:  draw(o, "back", backNone, backNone, backNone, backPart, backTwice, backWhole, backFailed), dispute: disputeNone,
		edits: rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(o.t, "edits"), cancelled: rapid.IntRange(0, 4).Draw(o.t, "cancelled") == 4,
	}
	if rapid.IntRange(0, 4).Draw(o.t, "disputed") == 4 {
		p.dispute = draw(o, "dispute", disputeOpen, disputeWon, disputeLost)
	}
	if o.shop == shopStripe { // the payment alone says what was ordered
		p.edits, p.cancelled = 0, false
		p.money = draw(o, "money of a draft", moneyWhole, moneyCaptured, moneyTwice)
	}
	if o.shop == shopWoo && p.money != moneyNone {
		// WooCommerce knows paid or not paid: that the whole order is, also after an edit, and never how much of it.
		p.money, p.edits = draw(o, "money of a WooCommerce order", moneyWhole, moneyCaptured, moneyTwice, moneyVoided), 0
	}
	if p.money == moneyDifference {
		p.edits = 1
		if p.back == backWhole {
			p.back = backPart // an order whose money has all gone back is cancelled, whatever is paid later
		}
	}
	if p.money == moneyTwice {
		// Which of two payments went back the shop decides while we decide the same: see the test.
		p.edits, p.back, p.dispute = 0, backNone, disputeNone
	}
	if !o.shippable() {
		// With nothing to ship an order is complete as soon as it is paid, as if its parcel had left.
		p.cancelled, p.back, p.dispute, p.edits = false, backNone, disputeNone, 0
		if p.money == moneyDifference {
			p.money = moneyWhole
		}
	}
	return p
}

// before are the threads of what happens until the parcel leaves.
func (o *tale) before(p plot) []thread {
	return append([]thread{o.shopThread(p)}, o.moneyThreads(p)...)
}

// shopThread places the order, edits and cancels it.
func (o *tale) shopThread(p plot) thread {
	t := thread{func() { o.describe("create") }}
	if o.shop == shopStripe {
		t = thread{}
	}
	for range p.edits {
		t = append(t, func() {
			o.edit(p)
			o.describe("updated")
		})
	}
	if p.cancelled {
		t = append(t, o.cancel)
	}
	return t
}

// describe has the shop tell the order as it stands.
func (o *tale) describe(what string) {
	switch o.shop {
	case shopCheckout:
		o.checkout(map[string]string{"create": "order.created", "updated": "order.updated"}[what], o.checkoutOrder())
	case shopShopify:
		o.shopify("orders/" + what)
	case shopWoo:
		o.woo(map[string]string{"create": "order.created", "updated": "order.updated"}[what])
	}
}

func (o *tale) cancel() {
	o.cancelled = o.stamp()
	switch o.shop {
	case shopCheckout:
		o.checkout("order.cancelled", object{"reason": "customer"})
	case shopShopify:
		o.shopify("orders/cancelled")
	case shopWoo:
		o.woo("order.updated")
	}
}

// edit changes a quantity or a price, or adds a line. Where the difference is paid by itself, the order gets dearer.
func (o *tale) edit(p plot) {
	kinds := []string{"fewer", "more", "cheaper", "dearer", "another line"}
	if p.money == moneyDifference {
		kinds = []string{"more", "dearer"}
	}
	switch l := &o.lines[0]; rapid.SampledFrom(kinds).Draw(o.t, "edit") {
	case "fewer":
		if l.quantity > 1 {
			l.quantity--
		}
	case "more":
		l.quantity++
	case "cheaper":
		l.price -= 101
	case "dearer":
		l.price += 107
	case "another line":
		sku := l.sku[:len(l.sku)-1] + "C"
		o.lines = append(o.lines, line{id: fmt.Sprint(len(o.lines) + 1), sku: sku, quantity: 1, price: 419})
	}
}

// stock counts the SKUs: there is plenty, there will be, or one of them never comes.
func (o *tale) stock(skus []string) []thread {
	how := draw(o, "stock", "plenty", "plenty", "later", "never")
	var threads []thread
	for i, sku := range skus {
		counts := []int{50}
		switch {
		case how == "later":
			counts = []int{0, 50}
		case how == "never" && i == 0:
			counts = []int{0, 0}
		case o.yes("counted twice"):
			counts = []int{50, 60}
		}
		var t thread
		for _, n := range counts {
			t = append(t, func() { o.checkout("stock.updated", object{"sku": sku, "on_hand": n}) })
		}
		threads = append(threads, t)
	}
	return threads
}

// scans are what the carrier sees of the parcel; none if it stays in the house.
func (o *tale) scans() []Scan {
	ends := [][]string{
		nil, {"in_transit"}, {"in_transit", "out_for_delivery", "delivered"}, {"in_transit", "exception", "delivered"}, {"delivered"},
		{"in_transit", "lost"}, {"in_transit", "delivered", "returned"}, {"in_transit", "returned"},
	}
	var scans []Scan
	for i, status := range rapid.SampledFrom(ends).Draw(o.t, "scans") {
		o.clock = o.clock.Add(draw(o, "until the scan", 0, 0, 10*time.Minute))
		scans = append(scans, Scan{ID: fmt.Sprint("s", i), Status: status, At: o.clock})
	}
	return scans
}

// after are the threads of what happens once the parcel has left.
func (o *tale) after(before plot) []thread {
	var threads []thread
	p := o.first()
	if p != nil && p.captured > 0 && before.back == backNone && before.dispute == disputeNone && before.money != moneyTwice {
		about := plot{
			back: draw(o, "back afterwards", backNone, backNone, backPart, backTwice, backWhole, backFailed), dispute: draw(o, "dispute afterwards", disputeNone, disputeNone, disputeOpen, disputeWon, disputeLost),
		}
		threads = append(threads, o.goingBack(p, about))
	}
	if o.shop == shopStripe {
		return threads
	}
	var shop thread
	if rapid.IntRange(0, 3).Draw(o.t, "edited afterwards") == 3 && o.shippable() && o.shop != shopWoo {
		shop = append(shop, func() {
			o.edit(plot{})
			o.describe("updated")
		})
	}
	if rapid.IntRange(0, 3).Draw(o.t, "cancelled afterwards") == 3 && !before.cancelled {
		shop = append(shop, o.cancel)
	}
	return append(threads, shop)
}
