package woocommerce

import (
	"html"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orderflow/orderflow/services/ingress/source"

	intakev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/intake/v1"
	typev1 "github.com/orderflow/orderflow/pkg/gen/orderflow/type/v1"
)

// The statuses with a meaning of their own. Plugins add others, which mean an order like any.
const (
	statusProcessing = "processing"
	statusCompleted  = "completed"
	statusRefunded   = "refunded"
	statusFailed     = "failed"
)

var (
	// drafts are carts that nobody has sent off.
	drafts = []string{"checkout-draft", "auto-draft", "draft", "new"}
	// ends are orders that shall not be shipped.
	ends = []string{"cancelled", "trash"}
)

// order reads an order resource: what was ordered, what is paid, what went back, and whether it is cancelled.
func (r *reader) order() {
	var o order
	if !r.decode(&o) {
		return
	}
	status := o.Status.String()
	if slices.Contains(drafts, status) {
		return
	}
	key := r.key(o.ID)
	if key == nil {
		return
	}
	if o.ModifiedGMT.String() != "" && gmt(o.ModifiedGMT) == nil {
		r.trouble.Bad("date_modified_gmt", "is no time")
	}
	at := r.when(o.ModifiedGMT, o.CreatedGMT)
	if p, ok := r.purse(&o); ok {
		r.describe(&o, p, key, at)
		r.paid(&o, p, key, at)
		r.refunds(&o, p, key, at)
	}
	if slices.Contains(ends, status) {
		r.cancelled(key, at, status)
	}
}

// describe tells the order, unless something in it could not be read: half an order would be another order.
func (r *reader) describe(o *order, p purse, key *typev1.OrderKey, at *timestamppb.Timestamp) {
	if o.Lines == nil {
		r.trouble.Missing("line_items")
	}
	lines, subtotal := r.lines(o, p)
	lines = append(lines, r.fees(o, p)...)
	source.Distinct(lines)
	totals := o.totals(p, lines, subtotal)
	number := clean(o.Number)
	if !source.IsName(number) {
		number = key.GetId()
	}
	if r.trouble.Quarantine() != nil {
		return
	}
	r.tell(&intakev1.Fact{Order: key, OccurredAt: at, Body: &intakev1.Fact_OrderDescribed{OrderDescribed: &intakev1.OrderDescribed{
		Number: number, Currency: p.currency, Lines: lines, Totals: totals, Person: o.person(),
		PlacedAt: r.when(o.CreatedGMT, o.ModifiedGMT), UpdatedAt: at,
	}}})
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
	if o.Lines != nil || o.Status != "" {
		r.order()
		return
	}
	if key := r.key(o.ID); key != nil {
		r.cancelled(key, r.when(), "deleted")
	}
}

// plain is a text that WordPress keeps with entities in it.
func plain(t text) string { return source.Clean(html.UnescapeString(t.String()), 1000) }
