package shopify

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// order reads an order resource: what was ordered, what is paid by the shop's books, what went back, what the shop has
// handed over itself, and whether it is cancelled. All of it is in every order topic, so one of them that is lost costs nothing.
func (r *reader) order() {
	var o order
	if !r.decode(&o) {
		return
	}
	r.test(o.Test)
	key := r.key("id", o.ID)
	if key == nil {
		return
	}
	if told := o.UpdatedAt.String(); told != "" && source.Time(told) == nil {
		r.trouble.Bad("updated_at", "is no time")
	}
	at := r.when(o.UpdatedAt, o.CreatedAt, o.ProcessedAt)
	p := r.purse(&o)
	if p.currency != "" {
		r.describe(&o, p, key, at)
		r.claim(&o, p, key, at)
	}
	for i := range o.Refunds {
		r.refunded(key, &o.Refunds[i], p.currency)
	}
	for i := range o.Fulfillments {
		r.fulfilled(key, &o.Fulfillments[i], fmt.Sprintf("fulfillments[%d].", i))
	}
	if o.CancelledAt.String() != "" {
		r.cancelled(key, r.when(o.CancelledAt, o.UpdatedAt), clean(o.CancelReason))
	}
}

// describe tells the order, unless something in it could not be read: half an order would be another order.
func (r *reader) describe(o *order, p purse, key *typev1.OrderKey, at *timestamppb.Timestamp) {
	if o.Lines == nil {
		r.trouble.Missing("line_items")
	}
	totals, lines := r.totals(o, p, r.lines(o, p))
	source.Distinct(lines)
	if r.trouble.Quarantine() != nil {
		return
	}
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: number(o), Currency: p.currency, Lines: lines, Totals: totals, Person: o.person(),
		PlacedAt: r.when(o.CreatedAt, o.ProcessedAt, o.UpdatedAt), UpdatedAt: at, Test: o.Test.String() == "true",
	}}})
}

// number is what people call the order.
func number(o *order) string {
	if n := clean(o.OrderNumber); source.IsName(n) {
		return n
	}
	if n := strings.TrimPrefix(clean(o.Name), "#"); source.IsName(n) {
		return n
	}
	return ""
}

// claim tells what is paid by the shop's books. Outstanding is what is missing from the current total after refunds
// were given, so what was ever paid is the current total, less that, and what went back; but not more than the order
// ever came to, for some refunds leave the total as it was.
func (r *reader) claim(o *order, p purse, key *typev1.OrderKey, at *timestamppb.Timestamp) {
	status := o.FinancialStatus.String()
	switch status {
	case "paid", "partially_paid", "partially_refunded", "refunded":
	default:
		return
	}
	var trouble source.Trouble
	p.trouble = &trouble // only what the claim needs may keep it from being told
	total, told := p.read("current_total_price", o.CurrentTotalPrice, o.CurrentTotalPriceSet)
	if !told {
		total = p.need("total_price", o.TotalPrice, o.TotalPriceSet)
	}
	outstanding, known := o.outstanding(p)
	if status == "partially_paid" && !known {
		return // how much is anybody's guess: the transactions tell
	}
	paid := plus(plus(total, negated(outstanding)), o.wentBack(p))
	if original, told := p.read("total_price", o.TotalPrice, o.TotalPriceSet); told {
		paid = min(paid, max(total, original))
	}
	if q := trouble.Quarantine(); q != nil {
		r.trouble.Add(q.GetReason(), q.GetDetail())
		return
	}
	if paid <= 0 {
		return
	}
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_PaidClaimed{PaidClaimed: &intakev1.PaidClaimed{
		Amount: p.money(paid), Provider: provider(o),
	}}})
}

// outstanding is told in the shop's currency only. Nothing is nothing in every currency.
func (o *order) outstanding(p purse) (minor int64, known bool) {
	if o.Outstanding.String() == "" || p.presentment && !zero(o.Outstanding) {
		return 0, false
	}
	if p.presentment {
		return 0, true
	}
	return p.parse("total_outstanding", o.Outstanding), true
}

// wentBack is the sum of the refunds that were made, in the order's currency.
func (o *order) wentBack(p purse) int64 {
	var sum int64
	for i := range o.Refunds {
		for _, t := range o.Refunds[i].Transactions {
			if c := t.currency(); t.Kind.String() == kindRefund && t.Status.String() == "success" && (c == "" || c == p.currency) {
				sum = plus(sum, p.parse("refunds.transactions.amount", t.Amount))
			}
		}
	}
	return sum
}

// provider is the gateway, where there is only one.
func provider(o *order) string {
	if len(o.Gateways) == 1 {
		return clean(o.Gateways[0])
	}
	return name
}

func (r *reader) cancelled(key *typev1.OrderKey, at *timestamppb.Timestamp, reason string) {
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_CancellationReported{
		CancellationReported: &intakev1.CancellationReported{Reason: reason},
	}})
}

// deleted reads {"id": 1}. An order in full was not deleted, whatever the topic says, which is not signed.
func (r *reader) deleted() {
	var o order
	if !r.decode(&o) {
		return
	}
	if o.Lines != nil || o.UpdatedAt != "" {
		r.order()
		return
	}
	if key := r.key("id", o.ID); key != nil {
		r.cancelled(key, r.when(), "deleted")
	}
}
