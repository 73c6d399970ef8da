package demo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/orderflow/orderflow/pkg/ident"
)

// cart fills a cart with one to three SKUs of which there is plenty.
func (t *teller) cart() cart {
	c := cart{
		number: fmt.Sprintf("%s-%d", t.run, t.count), id: t.now.Unix()%1_000_000_000*100_000 + int64(t.count), currency: "USD",
		email: fmt.Sprintf("robin+%s-%d@example.com", t.run, t.count), at: t.now,
	}
	first := t.random.IntN(plentySKUs)
	for i := range 1 + t.random.IntN(3) {
		c.items = append(c.items, item{plenty((first + i) % plentySKUs), 1 + t.random.Int64N(3), 499 + t.random.Int64N(4000)})
	}
	return c
}

func (t *teller) story(name, source string, c cart, chapters ...Chapter) Story {
	s := Story{
		Name: name, Source: source, Ends: Shipped, Chapters: chapters, Number: c.number, Order: ident.Order("checkout", "default", c.number),
		Total: c.total(), Email: c.email, Wants: map[string]int64{},
	}
	for _, i := range c.items {
		s.Wants[i.sku] += i.quantity
	}
	if source == "shopify" || source == "woocommerce" {
		s.Number = strconv.FormatInt(c.id, 10)
		s.Order = ident.Order(source, "default", s.Number)
	}
	return s
}

func stripe(body []byte) Chapter { return Chapter{Source: "stripe", Body: body} }
func shopify(topic string, b []byte) Chapter {
	return Chapter{Source: "shopify", Topic: topic, Body: b}
}
func woo(topic string, body []byte) Chapter {
	return Chapter{Source: "woocommerce", Topic: topic, Body: body}
}
func checkout(body []byte) Chapter { return Chapter{Source: "checkout", Body: body} }

// One payment that describes its order: the shortest way from a webhook to a parcel.
func stripeAlone(t *teller) Story {
	c := t.cart()
	return t.story("a payment that describes its order", "stripe", c, stripe(stripeIntent(c, true)))
}

func stripeAgain(t *teller) Story {
	c := t.cart()
	intent := stripe(stripeIntent(c, true))
	intent.Again = 2
	return t.story("the same delivery three times", "stripe", c, intent)
}

func shopifyInOrder(t *teller) Story {
	c := t.cart()
	return t.story("created, then paid", "shopify", c,
		shopify("orders/create", shopifyOrder(c, "pending", false, c.at)),
		shopify("orders/paid", shopifyOrder(c, "paid", false, c.at.Add(time.Second))))
}

func shopifyPaidFirst(t *teller) Story {
	c := t.cart()
	paid := shopify("orders/paid", shopifyOrder(c, "paid", false, c.at.Add(time.Second)))
	return t.story("paid, then created, then paid again", "shopify", c,
		paid, shopify("orders/create", shopifyOrder(c, "pending", false, c.at)), paid)
}

// One payment that Stripe tells as an intent and as a charge, and Shopify as a bare "paid".
func shopifyThreeWays(t *teller) Story {
	c := t.cart()
	c.number = strconv.FormatInt(c.id%1_000_000, 10)
	intent, charge := stripe(stripeIntent(c, false)), stripe(stripeCharge(c))
	intent.Account, charge.Account = "shopify", "shopify"
	return t.story("one payment told in three ways", "shopify", c,
		intent, shopify("orders/create", shopifyOrder(c, "pending", false, c.at)), charge,
		shopify("orders/paid", shopifyOrder(c, "paid", false, c.at.Add(time.Second))))
}

func wooPaid(t *teller) Story {
	c := t.cart()
	return t.story("created as paid", "woocommerce", c, woo("order.created", wooOrder(c, "processing", "ch_woo_"+c.number, c.at)))
}

func wooPaidLater(t *teller) Story {
	c := t.cart()
	updated := woo("order.updated", wooOrder(c, "processing", "ch_woo_"+c.number, c.at.Add(time.Second)))
	updated.Again = 1
	return t.story("created, paid later, told twice", "woocommerce", c, woo("order.created", wooOrder(c, "pending", "", c.at)), updated)
}

func checkoutThenPayment(t *teller) Story {
	c := t.cart()
	return t.story("an order, then its payment", "checkout", c, checkout(checkoutOrder(c)), stripe(stripeIntent(c, false)))
}

func paymentThenCheckout(t *teller) Story {
	c := t.cart()
	return t.story("a payment before its order", "checkout", c, stripe(stripeIntent(c, false)), checkout(checkoutOrder(c)))
}

func bothDescribe(t *teller) Story {
	c := t.cart()
	return t.story("described by the payment and by the shop", "checkout", c, stripe(stripeIntent(c, true)), checkout(checkoutOrder(c)))
}

func wrongSignature(t *teller) Story {
	c := t.cart()
	forged := stripe(stripeIntent(c, true))
	forged.Wrong = true
	return t.story("a forged delivery, then the real one", "stripe", c, forged, stripe(stripeIntent(c, true)))
}

func tooLittleStock(t *teller) Story {
	c := t.cart()
	c.items = append(c.items, item{Rare, 2, 1500})
	s := t.story("one piece there, two wanted", "checkout", c, checkout(checkoutOrder(c)), stripe(stripeIntent(c, false)))
	s.Ends = Backordered
	return s
}

func sumsThatDiffer(t *teller) Story {
	c := t.cart()
	c.extra = 1000
	s := t.story("lines that do not add up to the total", "checkout", c, checkout(checkoutOrder(c)), stripe(stripeIntent(c, false)))
	s.Ends = Held
	return s
}

func cancelledByShop(t *teller) Story {
	c := t.cart()
	s := t.story("cancelled by its shop before it was paid", "shopify", c,
		shopify("orders/create", shopifyOrder(c, "pending", false, c.at)),
		shopify("orders/cancelled", shopifyOrder(c, "pending", true, c.at.Add(time.Second))))
	s.Ends = Cancelled
	return s
}
