package notifier

import (
	"slices"
	"strings"
	"unicode"

	"github.com/orderflow/orderflow/pkg/money"
	"github.com/orderflow/orderflow/pkg/order"

	notificationv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/notification/v1"
	orderv1 "github.com/orderflow/orderflow/pkg/gen/orderflow/order/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// letter is what a message says, ready to be put into words. Nothing in it is a personal datum but the name.
type letter struct {
	Shop   string
	Name   string
	Number string
	Lines  []letterLine
	// More is how many lines there are beyond those that are listed.
	More int
	Sums []letterSum
	// Carrier and Tracking are of the parcel that is told about.
	Carrier, Tracking string
	// Amount went back, Total with everything before.
	Amount, Total string
	// Why is what a hold asks about: address, payment, elsewhere (the payment is another order's), stock; empty where the customer need not know.
	Why string
	// Unpaid says that the order ended because nobody paid, Paid that money has yet to go back.
	Unpaid, Paid bool
}

type letterLine struct {
	Quantity int64
	Title    string
	Price    string // of the whole line; empty where it is not listed
}

type letterSum struct{ Name, Amount string }

// linesMost is more lines than anybody reads in a mail.
const linesMost = 100

// letterOf works out what a message says about the order as it stands.
func letterOf(o *order.State, m message) letter {
	l := letter{Number: clean(o.Order.Description.GetNumber(), 60)}
	if l.Number == "" {
		l.Number = clean(o.Order.Description.GetKey().GetId(), 60)
	}
	switch m.Kind {
	case notificationv1.Kind_KIND_CONFIRMED:
		l.list(o.Order.Description.GetLines(), nil, true)
		l.Sums = sums(o.Order.Description)
	case notificationv1.Kind_KIND_SHIPPED, notificationv1.Kind_KIND_DELIVERED:
		l.Tracking = clean(m.Subject, 60)
		l.Carrier = carrierOf(o, m.Subject)
		l.list(o.Order.Description.GetLines(), contents(o, m.Subject), false)
	case notificationv1.Kind_KIND_HELD:
		l.Why = why(o)
		l.list(o.Order.Description.GetLines(), nil, false)
	case notificationv1.Kind_KIND_REFUNDED:
		f := o.Funds()
		l.Amount = money.FromProto(f.Money(f.Refunded - refundTold(o))).String()
		l.Total = money.FromProto(f.Money(f.Refunded)).String()
	case notificationv1.Kind_KIND_CANCELLED:
		l.Unpaid = o.Order.Expired
		f := o.Funds()
		l.Paid = f.Captured > f.Refunded
		l.list(o.Order.Description.GetLines(), nil, false)
	default:
	}
	return l
}

// list takes the lines over; those of a parcel only, in its quantities, if it is known what is in it.
func (l *letter) list(lines []*typev1.Line, inside []*orderv1.LineQuantity, prices bool) {
	for _, line := range lines {
		quantity := line.GetQuantity()
		if inside != nil {
			i := slices.IndexFunc(inside, func(q *orderv1.LineQuantity) bool { return q.GetLineId() == line.GetId() })
			if i < 0 {
				continue
			}
			quantity = inside[i].GetQuantity()
		}
		switch {
		case quantity < 1:
		case len(l.Lines) == linesMost:
			l.More++
		default:
			l.Lines = append(l.Lines, letterLine{quantity, title(line), price(line, prices)})
		}
	}
}

func title(line *typev1.Line) string {
	if t := clean(line.GetTitle(), 200); t != "" {
		return t
	}
	return clean(line.GetSku(), 200)
}

// price is what the line comes to before discounts, exactly; none where it leaves the numbers that we have.
func price(line *typev1.Line, wanted bool) string {
	if !wanted || line.GetUnitPrice() == nil {
		return ""
	}
	amount, err := money.FromProto(line.GetUnitPrice()).Times(line.GetQuantity())
	if err != nil {
		return ""
	}
	return amount.String()
}

// sums are the totals as the shop told them. What is zero is left out, but for the total itself.
func sums(d *orderv1.Description) []letterSum {
	t := d.GetTotals()
	tax := "Tax"
	if t.GetTaxIncluded() {
		tax = "Tax, included"
	}
	var all []letterSum
	for _, each := range []struct {
		name string
		m    *typev1.Money
		sign int64
	}{{"Discount", t.GetDiscount(), -1}, {"Shipping", t.GetShipping(), 1}, {tax, t.GetTax(), 1}} {
		if each.m.GetMinorUnits() != 0 {
			all = append(all, letterSum{each.name, money.Amount{Minor: each.sign * each.m.GetMinorUnits(), Currency: each.m.GetCurrency()}.String()})
		}
	}
	total := money.Amount{Minor: t.GetTotal().GetMinorUnits(), Currency: d.GetCurrency()}
	return append(all, letterSum{"Total", total.String()})
}

// contents is what was released into a parcel; nil if that is not known, which means everything.
func contents(o *order.State, tracking string) []*orderv1.LineQuantity {
	for _, release := range o.Order.Releases {
		if sh := o.Shipment(release.Number); sh != nil && sh.Tracking == tracking {
			return release.Lines
		}
	}
	return nil
}

// carrierOf is the carrier as people write it.
func carrierOf(o *order.State, tracking string) string {
	for _, s := range o.Fulfillment.ScansOf(tracking) {
		if name := clean(s.Carrier, 40); name != "" {
			return strings.ToUpper(name[:1]) + name[1:]
		}
	}
	return ""
}

// why is the question that the customer can answer. That somebody looks at the risk is none of his.
func why(o *order.State) string {
	kinds := map[orderv1.HoldKind]bool{}
	elsewhere := o.Order.Held(orderv1.HoldKind_HOLD_KIND_PAYMENT, order.HoldElsewhere)
	for _, h := range o.Order.Holds {
		kinds[h.Kind] = true
	}
	switch {
	case kinds[orderv1.HoldKind_HOLD_KIND_ADDRESS]:
		return "address"
	case kinds[orderv1.HoldKind_HOLD_KIND_FRAUD]:
		return ""
	case elsewhere:
		return "elsewhere"
	case kinds[orderv1.HoldKind_HOLD_KIND_PAYMENT]:
		return "payment"
	case kinds[orderv1.HoldKind_HOLD_KIND_STOCK]:
		return "stock"
	}
	return ""
}

// clean makes what a shop or a customer wrote fit into one line: no control characters, no runs of spaces, not endless.
func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > most {
		return strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return string(runes)
}
