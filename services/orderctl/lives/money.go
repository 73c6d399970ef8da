package lives

import (
	"fmt"

	"pgregory.net/rapid"
)

// moneyThreads pay.
func (o *tale) moneyThreads(p plot) []thread {
	total := o.total()
	main := func(amount int64, mode string) thread {
		p1 := o.newPayment(amount)
		p1.describes = o.shop == shopStripe && len(o.payments) == 1 || o.shop == shopCheckout && p.edits == 0 && mode != moneyPart && o.yes("its metadata describes the order")
		t := o.attempts(p1)
		t = append(t, o.paying(p1, mode)...)
		return append(t, o.goingBack(p1, p)...)
	}
	switch p.money {
	case moneyNone:
		if o.yes("somebody tries") {
			return []thread{o.attempts(o.newPayment(total))}
		}
		return nil
	case moneyPart:
		return []thread{main(total/3, moneyPart)}
	case moneyOver:
		return []thread{main(total+217, moneyWhole)}
	case moneyTwice:
		first := main(total, moneyWhole)
		second := o.newPayment(total)
		return []thread{first, o.paying(second, moneyWhole)}
	case moneyDifference:
		return []thread{main(total, moneyWhole), {func() { o.rest(total) }}}
	}
	return []thread{main(total, p.money)}
}

// rest pays what an edit made the order dearer, once it did; else nothing.
func (o *tale) rest(total int64) {
	if missing := o.total() - total; missing > 0 && missing != total {
		for _, s := range o.paying(o.newPayment(missing), moneyWhole) {
			s()
		}
	}
}

// attempts fail.
func (o *tale) attempts(p *pay) thread {
	var t thread
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(o.t, "failed attempts") {
		t = append(t, func() {
			if o.shop == shopShopify && o.yes("the shop tells of the attempt") {
				o.transaction(p, "sale", "failure", p.amount)
				return
			}
			o.intent("payment_failed", p, object{"last_payment_error": object{"code": "card_declined"}, "latest_charge": nil})
		})
	}
	return t
}

// paying takes the money, and has it told in one or several ways.
func (o *tale) paying(p *pay, mode string) thread {
	switch mode {
	case moneyOpen, moneyVoided, moneyCaptured, moneyLess:
		return o.authorising(p, mode)
	}
	return o.ways("paid", []step{
		func() { o.take(p, p.amount); o.intent("succeeded", p, object{"amount_received": p.captured}) },
		func() { o.take(p, p.amount); o.charge("succeeded", p, nil) },
	}, func() { o.take(p, p.amount); o.shopPaid(p) })
}

func (o *tale) take(p *pay, amount int64) {
	p.captured = amount
	if o.paidAt == "" {
		o.paidAt = o.clock.UTC().Format("2006-01-02T15:04:05")
	}
}

// ways has one thing told by Stripe in at least one way, and by the shop or not.
func (o *tale) ways(what string, provider []step, shop step) thread {
	var t thread
	one := rapid.IntRange(0, len(provider)-1).Draw(o.t, what+" by")
	if o.first().describes {
		one = 0 // only the intent holds the items
	}
	for i, s := range provider {
		if i == one || o.yes(what+" by another event") {
			t = append(t, s)
		}
	}
	if shop != nil && o.shop != shopStripe && o.yes(what+", says the shop") {
		t = append(t, shop)
	}
	if o.yes(what + " in the other order") {
		for i, j := 0, len(t)-1; i < j; i, j = i+1, j-1 {
			t[i], t[j] = t[j], t[i]
		}
	}
	return t
}

// shopPaid is the shop's word on a payment: bare, or under the payment's name.
func (o *tale) shopPaid(p *pay) {
	switch o.shop {
	case shopCheckout:
		data := object{"amount": o.decimal(p.captured)}
		if p.shopKnowsNames {
			data["payment"] = object{"provider": "stripe", "id": p.intent()}
		}
		o.checkout("order.paid", data)
	case shopShopify:
		if p.shopKnowsNames && o.yes("as a transaction") {
			o.transaction(p, "sale", "success", p.captured)
			return
		}
		o.shopify("orders/paid")
	case shopWoo:
		o.woo("order.updated")
	}
}

func (o *tale) authorising(p *pay, mode string) thread {
	t := o.ways("authorised", []step{
		func() { o.intent("amount_capturable_updated", p, object{"amount_capturable": p.amount}) },
		func() { o.charge("succeeded", p, object{"captured": false, "amount_captured": 0}) },
	}, nil)
	if mode == moneyOpen {
		return t
	}
	if mode == moneyVoided {
		return append(t, o.ways("voided", []step{func() { o.intent("canceled", p, nil) }, func() { o.charge("expired", p, nil) }}, nil)...)
	}
	amount := p.amount
	if mode == moneyLess {
		amount = p.amount / 2
	}
	// What was authorised beyond a capture was let go; Stripe tells that as part of the charge.
	return append(t, o.ways("captured", []step{
		func() { o.take(p, amount); o.intent("succeeded", p, object{"amount_received": p.captured}) },
		func() { o.take(p, amount); o.charge("captured", p, object{"amount_refunded": p.amount - amount}) },
	}, func() { o.take(p, amount); o.shopPaid(p) })...)
}

// goingBack are refunds and disputes of a payment.
func (o *tale) goingBack(p *pay, about plot) thread {
	var t thread
	back := func(part func() int64, fails bool) { t = append(t, o.refunding(p, part, fails)...) }
	third := func() int64 { return p.captured / 3 }
	switch about.back {
	case backPart:
		back(third, false)
	case backTwice:
		back(third, false)
		back(func() int64 { return p.captured / 4 }, false)
	case backWhole:
		back(func() int64 { return p.captured }, false)
	case backFailed:
		back(third, true)
	}
	return append(t, o.disputing(p, about.dispute)...)
}

func (o *tale) refunding(p *pay, part func() int64, fails bool) thread {
	r := &refund{of: p}
	o.events++
	r.id, r.number = fmt.Sprintf("re_%s_%d", o.number, o.events), fmt.Sprintf("8%s%d", o.number, o.events)
	shopDoes := o.shop != shopStripe && !fails && o.yes("the shop gives back")
	begin := func() {
		if r.amount == 0 {
			r.amount = part()
			r.at = o.stamp()
			if !fails {
				p.refunded += r.amount
			}
			if shopDoes {
				o.refunds = append(o.refunds, r)
			}
		}
	}
	when := func(tell step) step {
		return func() {
			begin()
			if r.amount > 0 {
				tell()
			}
		}
	}
	if fails {
		return thread{when(func() { o.refundObject("refund.created", p, r, "pending") }), when(func() { o.refundObject("refund.updated", p, r, "failed") })}
	}
	var shop step
	if shopDoes {
		shop = when(func() { o.shopRefunded(r) })
	}
	t := o.ways("given back", []step{
		when(func() { o.refundObject("refund.updated", p, r, "succeeded") }),
		when(func() { o.charge("refunded", p, nil) }),
	}, shop)
	if o.yes("it was pending first") {
		t = append(thread{when(func() { o.refundObject("refund.created", p, r, "pending") })}, t...)
	}
	return t
}

func (o *tale) shopRefunded(r *refund) {
	switch o.shop {
	case shopCheckout:
		data := object{"amount": o.decimal(r.amount), "refund": object{"id": r.id}, "payment": object{"provider": "stripe", "id": r.of.intent()}}
		o.checkout("refund.created", data)
	case shopShopify:
		if o.yes("as a refund of its own") {
			o.shopifyTells("refunds/create", object{"id": r.number, "order_id": o.shopID, "transactions": []object{o.shopRefund(r)}, "refund_line_items": []object{}})
			return
		}
		o.shopify("orders/updated")
	case shopWoo:
		o.woo("order.updated")
	}
}

func (o *tale) disputing(p *pay, how string) thread {
	amount := func() int64 { return max(1, p.captured-p.refunded) }
	var t thread
	if how == disputeNone {
		return t
	}
	if how == disputeOpen || o.yes("its opening is told") {
		t = append(t, func() { o.disputeObject("created", p, "needs_response", amount()) })
	}
	if how == disputeOpen && o.yes("funds withdrawn") {
		t = append(t, func() { o.disputeObject("funds_withdrawn", p, "needs_response", amount()) })
	}
	if how != disputeOpen {
		t = append(t, func() { o.disputeObject("closed", p, how, amount()) })
	}
	return t
}
