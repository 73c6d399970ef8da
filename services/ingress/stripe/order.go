package stripe

import (
	"strconv"
	"strings"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// checkout is the source of the shops whose order numbers are their orders' ids.
const checkout = "checkout"

// orderNumber is the number of the order that a payment is for, without the # that people write before it.
func (m metadata) orderNumber() string {
	return strings.TrimSpace(strings.TrimPrefix(m["order_number"].String(), "#"))
}

// items is the list of items, put together again.
func (m metadata) items() string {
	var all strings.Builder
	all.WriteString(string(m["items"]))
	for n := 1; ; n++ {
		part, ok := m["items_"+strconv.Itoa(n)]
		if !ok {
			return strings.TrimSpace(all.String())
		}
		all.WriteString(string(part))
	}
}

// described is what Stripe tells of an order, from whichever object.
type described struct {
	metadata metadata
	currency source.Scalar
	// field is the name of the total's field.
	field     string
	total     source.Scalar
	created   source.Scalar
	person    *typev1.Person
	breakdown *typev1.Totals // what the object itself says of it, in minor units; metadata goes before
}

func intentOrder(i *intent) described {
	who := i.Customer.Full
	p := &typev1.Person{
		Email: first(i.ReceiptEmail, who.Email, i.Metadata["customer_email"]).String(), Name: who.Name.String(), Phone: who.Phone.String(),
		CustomerId: string(i.Customer.ID), Shipping: i.Shipping.address(),
	}
	for _, c := range append([]charge{i.LatestCharge.Full}, i.Charges.Data...) {
		if p.Billing = c.Billing.address(); p.Billing != nil {
			break
		}
	}
	named(p, i.Shipping)
	return described{metadata: i.Metadata, currency: i.Currency, field: "amount", total: i.Amount, created: i.Created, person: p}
}

func sessionOrder(s *session) described {
	who, to := s.Customer.Full, s.shipping()
	p := &typev1.Person{CustomerId: string(s.Customer.ID), Shipping: to.address(), Billing: s.Details.address()}
	var told contact
	if s.Details != nil {
		told = *s.Details
	}
	p.Email = first(told.Email, s.CustomerEmail, who.Email, s.Metadata["customer_email"]).String()
	p.Name, p.Phone = first(told.Name, who.Name).String(), first(told.Phone, who.Phone).String()
	named(p, to)
	return described{
		metadata: s.Metadata, currency: s.Currency, field: "amount_total", total: s.AmountTotal, created: s.Created, person: p, breakdown: s.breakdown(),
	}
}

// shipping is where the parcel goes; three generations of the API tell it in three places.
func (s *session) shipping() *contact {
	if s.Collected != nil && s.Collected.Shipping != nil {
		return s.Collected.Shipping
	}
	if s.ShippingNew != nil {
		return s.ShippingNew
	}
	return s.Shipping
}

func (s *session) breakdown() *typev1.Totals {
	if s.Totals == nil {
		return nil
	}
	currency := source.Currency(s.Currency.String())
	read := func(amount source.Scalar) *typev1.Money {
		n, ok := amount.Int()
		exact, err := money.FromStripe(n, currency)
		if !ok || err != nil || n == 0 {
			return nil
		}
		return exact.Proto()
	}
	return &typev1.Totals{Discount: read(s.Totals.Discount), Shipping: read(s.Totals.Shipping), Tax: read(s.Totals.Tax)}
}

// named fills in who the parcel is for where nobody else is known.
func named(p *typev1.Person, to *contact) {
	if to == nil {
		return
	}
	if p.GetName() == "" {
		p.Name = to.Name.String()
	}
	if p.GetPhone() == "" {
		p.Phone = to.Phone.String()
	}
}

// address is the contact's address; nil if there is none.
func (c *contact) address() *typev1.Address {
	if c == nil || c.Address == nil {
		return nil
	}
	a := &typev1.Address{
		Line1: c.Address.Line1.String(), Line2: c.Address.Line2.String(), City: c.Address.City.String(), Region: c.Address.State.String(),
		PostalCode: c.Address.PostalCode.String(), Country: source.Country(c.Address.Country.String()),
	}
	if source.Address(a) == nil {
		return nil
	}
	a.Name, a.Phone = c.Name.String(), c.Phone.String()
	return a
}

// draft tells of the order that metadata describes, where this account's shop has its order numbers for ids.
func (x *reading) draft(d described) {
	raw := d.metadata.items()
	if x.shop.Source != checkout || raw == "" {
		return
	}
	number := d.metadata.orderNumber()
	if !source.IsName(number) {
		x.trouble.Missing("data.object.metadata.order_number")
		return
	}
	total, ok := x.amount(d.field, d.total, d.currency)
	if !ok {
		return
	}
	lines, subtotal, ok := x.lines(raw, total.GetCurrency())
	if !ok {
		return
	}
	totals := d.breakdown
	if totals == nil {
		totals = &typev1.Totals{}
	}
	totals.Subtotal, totals.Total = subtotal, total
	shipping := x.major(d.metadata, "shipping", total.GetCurrency(), &totals.Shipping)
	tax := x.major(d.metadata, "tax", total.GetCurrency(), &totals.Tax)
	discount := x.major(d.metadata, "discount", total.GetCurrency(), &totals.Discount)
	if !shipping || !tax || !discount {
		return
	}
	placed := x.at
	if seconds, ok := d.created.Int(); ok && source.Unix(seconds) != nil {
		placed = source.Unix(seconds)
	}
	x.fact(d.metadata, nil, &intakev1.Fact{Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: number, Currency: total.GetCurrency(), Lines: lines, Totals: totals, Person: source.Person(d.person), PlacedAt: placed,
		UpdatedAt: x.at, Draft: true, Test: x.event.Livemode == "false",
	}}})
}

// major reads an optional amount of metadata, in major units.
func (x *reading) major(m metadata, field, currency string, into **typev1.Money) bool {
	text := m[field]
	if text.String() == "" {
		return true
	}
	amount, err := source.Money(text, currency)
	if err != nil {
		x.trouble.Bad("data.object.metadata."+field, source.Why(err))
		return false
	}
	*into = amount
	return true
}

type item struct {
	ID       source.Scalar `json:"id"`
	SKU      source.Scalar `json:"sku"`
	Title    source.Scalar `json:"title"`
	Quantity source.Scalar `json:"quantity"`
	Price    source.Scalar `json:"price"`
}

// lines reads items; false, and noted where, if one of them cannot be read: half an order is none.
func (x *reading) lines(raw, currency string) ([]*typev1.Line, *typev1.Money, bool) {
	const field = "data.object.metadata.items"
	var items []item
	if err := source.Decode([]byte(raw), &items); err != nil {
		x.trouble.Bad(field, "is not a JSON list of {sku, quantity, price}")
		return nil, nil, false
	}
	lines := make([]*typev1.Line, 0, len(items))
	subtotal := money.Amount{Currency: currency}
	good := true
	for n, i := range items {
		l, ok := x.line(field+"["+strconv.Itoa(n)+"]", i, currency)
		good = good && ok
		if !good {
			continue
		}
		lines = append(lines, l)
		// A sum that leaves 64 bits is no sum; that the lines do not add up is found out where the order is held.
		if sum, err := money.FromProto(l.GetUnitPrice()).Times(l.GetQuantity()); err == nil {
			if next, err := subtotal.Add(sum); err == nil {
				subtotal = next
			}
		}
	}
	source.Distinct(lines)
	return lines, subtotal.Proto(), good
}

func (x *reading) line(field string, i item, currency string) (*typev1.Line, bool) {
	quantity, ok := i.Quantity.Int()
	switch {
	case i.Quantity.String() == "":
		x.trouble.Missing(field + ".quantity")
	case !ok:
		x.trouble.Bad(field+".quantity", "is not a whole number of 64 bits")
	}
	if i.SKU.String() != "" && !source.IsName(i.SKU.String()) || len(i.ID) > keep {
		x.trouble.Bad(field+".sku", "is too long")
		ok = false
	}
	if i.Price.String() == "" {
		x.trouble.Missing(field + ".price")
		return nil, false
	}
	price, err := source.Money(i.Price, currency)
	if err != nil {
		x.trouble.Bad(field+".price", source.Why(err))
		return nil, false
	}
	return &typev1.Line{
		Id: i.ID.String(), Sku: i.SKU.String(), Title: i.Title.String(), Quantity: quantity, UnitPrice: price,
		Fulfiller: typev1.Fulfiller_FULFILLER_US,
	}, ok
}
